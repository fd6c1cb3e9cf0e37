/** The moment that is shown, and the one it is compared with: a track with what happened on it. */
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import { casesQuery, changesQuery, momentsQuery } from '../../api/queries.ts';
import { useT, useWords } from '../../i18n/index.tsx';
import { formatNear, formatTime } from '../../model/format.ts';
import { rangeText } from '../../model/range.ts';
import { bundled, type Mark, type Span, spanMs, spans } from '../../model/topology.ts';
import { useTick } from '../../panel/tick.ts';

/** One step of the film. */
const playMs = 700;
/** What happened since the last whole step is drawn at the end of the track. */
const markPastMs = 3_600_000;
/** Steps that a film takes through the span. */
const playSteps = 60;

interface Moments {
  at: number | undefined;
  since: number | undefined;
}

export function TimeSlider(
  props: Moments & {
    span: Span;
    set: (moments: Partial<Moments>) => void;
    setSpan: (span: Span) => void;
  },
) {
  const { at, since, span, set } = props;
  const { t, length } = useWords();
  const now = useTick(15_000);
  const step = spans[span];
  const end = Math.floor(now / step) * step;
  const window = useMemo(() => ({ from: end - spanMs[span], to: end }), [end, span]);
  const [playing, setPlaying] = usePlay({ at, window, set });
  return (
    <section className="map-time" data-testid="map-time">
      <button
        type="button"
        className="button small"
        onClick={() => setPlaying(!playing)}
        title={t(playing ? 'map.pause' : 'map.play')}
        aria-label={t(playing ? 'map.pause' : 'map.play')}
        data-testid="map-play"
      >
        {playing ? '❚❚' : '▶'}
      </button>
      <select
        value={span}
        onChange={(event) => props.setSpan(event.target.value as Span)}
        aria-label={t('map.span')}
      >
        {Object.keys(spans).map((one) => (
          <option key={one} value={one}>
            {length(rangeText(one))}
          </option>
        ))}
      </select>
      <div className="map-tracks">
        <Marks window={window} jump={(moment) => set({ at: moment })} />
        <Track
          value={at}
          {...{ window, step }}
          label={t('map.slider')}
          testId="map-slider"
          set={(moment) => set({ at: moment })}
        />
        {since !== undefined && (
          <Track
            value={since}
            {...{ window, step }}
            label={t('map.slider.since')}
            testId="map-slider-since"
            set={(moment) => set({ since: moment ?? window.to })}
          />
        )}
      </div>
      <Shown {...props} now={now} window={window} />
    </section>
  );
}

function Shown({
  at,
  since,
  set,
  now,
  window,
}: Parameters<typeof TimeSlider>[0] & { now: number; window: { from: number; to: number } }) {
  const t = useT();
  const comparing = since !== undefined;
  const third = (window.to - window.from) / 3;
  return (
    <div className="map-shown">
      <span className="row">
        <span className="mono" data-testid="map-moment">
          {at === undefined ? t('map.now') : t('map.at', { time: formatNear(at, now) })}
        </span>
        {at !== undefined && (
          <button type="button" className="button small" onClick={() => set({ at: undefined })}>
            {t('map.now')}
          </button>
        )}
        <button
          type="button"
          className={`button small ${comparing ? 'on' : ''}`}
          aria-pressed={comparing}
          onClick={() => set({ since: comparing ? undefined : Math.round((at ?? window.to) - third) })}
          data-testid="map-compare"
        >
          {t('map.compare')}
        </button>
      </span>
      {since !== undefined && (
        <span className="mono dim">{t('map.since', { time: formatNear(since, now) })}</span>
      )}
    </div>
  );
}

function Track(props: {
  value: number | undefined;
  window: { from: number; to: number };
  step: number;
  label: string;
  testId: string;
  set: (at: number | undefined) => void;
}) {
  const { window, step } = props;
  const [dragged, setDragged] = useState<number | null>(null);
  const shown = dragged ?? Math.max(window.from, Math.min(window.to, props.value ?? window.to));
  const commit = (value: number): void => {
    setDragged(null);
    props.set(value >= window.to ? undefined : value);
  };
  return (
    <span className="map-track">
      <input
        type="range"
        min={window.from}
        max={window.to}
        step={step}
        value={shown}
        aria-label={props.label}
        aria-valuetext={formatTime(shown)}
        onChange={(event) => setDragged(Number(event.target.value))}
        onPointerUp={(event) => commit(Number(event.currentTarget.value))}
        onKeyUp={(event) => commit(Number(event.currentTarget.value))}
        data-testid={props.testId}
      />
      {dragged !== null && (
        <output className="map-dragged mono" style={{ left: `${placeOf(dragged, window)}%` }}>
          {formatTime(dragged).slice(0, 5)}
        </output>
      )}
    </span>
  );
}

const placeOf = (at: number, window: { from: number; to: number }): number =>
  (100 * (at - window.from)) / (window.to - window.from);

/** Changes, incidents and changes of topology on the track; a click goes to the moment. */
function Marks({ window, jump }: { window: { from: number; to: number }; jump: (at: number) => void }) {
  const t = useT();
  const { changeKind } = useWords();
  const changes = useQuery(changesQuery(window, false));
  const cases = useQuery(casesQuery(undefined, false));
  const moments = useQuery(momentsQuery(window));
  const marks: Mark[] = [
    ...(moments.data ?? []).map(
      (one): Mark => ({
        at: one.at,
        kind: 'topology',
        text: t('map.mark.topology', {
          time: formatTime(one.at).slice(0, 5),
          opened: one.opened,
          closed: one.closed,
        }),
      }),
    ),
    ...(changes.data?.data ?? []).map(
      (one): Mark => ({
        at: one.at,
        kind: 'change',
        text: `${formatTime(one.at).slice(0, 5)} ${changeKind(one.kind)} ${one.service} ${one.title}`,
      }),
    ),
    ...(cases.data ?? []).map(
      (one): Mark => ({
        at: one.created_at,
        kind: 'incident',
        text: `${formatTime(one.created_at).slice(0, 5)} INC-${one.number} ${one.title}`,
      }),
    ),
  ].filter((mark) => mark.at >= window.from && mark.at <= window.to + markPastMs);
  return (
    <div className="map-marks">
      {bundled(marks, (window.to - window.from) / 90).map((mark) => (
        <button
          type="button"
          key={`${mark.kind} ${mark.at}`}
          className={`map-mark ${mark.kind}`}
          style={{ left: `${Math.min(100, placeOf(mark.at, window))}%` }}
          title={mark.text}
          aria-label={mark.text}
          onClick={() => jump(mark.at)}
          data-testid={`map-mark-${mark.kind}`}
        />
      ))}
    </div>
  );
}

/** Moves the moment through the span; from its beginning when it stands at the end. It stops at now. */
function usePlay({
  at,
  window,
  set,
}: {
  at: number | undefined;
  window: { from: number; to: number };
  set: (moments: Partial<Moments>) => void;
}) {
  const [playing, setPlaying] = useState(false);
  useEffect(() => {
    if (!playing) return;
    const timer = setTimeout(() => {
      const next = (at ?? window.from) + (window.to - window.from) / playSteps;
      if (next >= window.to) setPlaying(false);
      set({ at: next >= window.to ? undefined : Math.round(next) });
    }, playMs);
    return () => clearTimeout(timer);
  }, [playing, at, window, set]);
  return [playing, setPlaying] as const;
}
