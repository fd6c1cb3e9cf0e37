/** What is unusual: a lane for each service and measure, bars over the time of the window, what was changed as lines. */
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { livePollMs } from '../api/queries.ts';
import { signalsQuery } from '../api/series.ts';
import type { ChangeRow } from '../api/types.ts';
import { useWords } from '../i18n/index.tsx';
import { now } from '../model/clock.ts';
import { formatCount, formatIndicator, formatNear, formatTime } from '../model/format.ts';
import type { Window } from '../model/range.ts';
import { type Lane, lanesOf, numberIn, placeIn, saidBy } from '../model/unusual.ts';
import { Panel, Problem, Skeleton } from '../panel/bits.tsx';
import type { Frame } from '../panel/frame.ts';
import { ServiceName } from '../panel/service.tsx';

const shownFirst = 8;

export function Unusual({ frame, changes }: { frame: Frame; changes: readonly ChangeRow[] }) {
  const { t } = useWords();
  const [all, setAll] = useState(false);
  const query = useQuery(signalsQuery(frame.frame, frame.poll(livePollMs)));
  const found = query.data;
  const lanes = found === undefined ? [] : lanesOf(found.data, found.window);
  const open = lanes.filter((lane) => lane.open).length;
  const shown = all ? lanes : lanes.slice(0, shownFirst);
  return (
    <Panel
      title={t('unusual.title')}
      testId="unusual"
      aside={
        found && lanes.length > 0 ? (
          <>
            <span className={open > 0 ? 'warn' : ''}>{t('unusual.open', { n: open })}</span>
            {' · '}
            {t('unusual.span', { n: lanes.length, span: frame.span })}
          </>
        ) : undefined
      }
    >
      {query.error !== null && <Problem error={query.error} retry={() => void query.refetch()} />}
      {found === undefined && query.error === null && <Skeleton rows={3} />}
      {found && lanes.length === 0 && (
        <p className="panel-body dim">{t('unusual.none', { span: frame.span })}</p>
      )}
      {found && lanes.length > 0 && (
        <>
          <ul className="lanes">
            {shown.map((lane) => (
              <LaneRow key={lane.key} lane={lane} window={found.window} changes={changes} />
            ))}
          </ul>
          <p className="lanes-axis mono dim">
            <span />
            <span>
              <span>{formatTime(found.window.from)}</span>
              <span>{formatTime(found.window.to)}</span>
            </span>
            <span />
          </p>
        </>
      )}
      {lanes.length > shownFirst && (
        <p className="evidence-more">
          <button type="button" className="link blue" onClick={() => setAll(!all)}>
            {all ? t('action.less') : t('unusual.all', { n: lanes.length })}
          </button>
        </p>
      )}
    </Panel>
  );
}

function LaneRow({ lane, window, changes }: { lane: Lane; window: Window; changes: readonly ChangeRow[] }) {
  const { t, word, say } = useWords();
  const navigate = useNavigate();
  const { labels } = lane.newest;
  const open = (id: string): void =>
    void navigate({ to: '.', search: (prev) => ({ ...prev, event: id }), resetScroll: false });
  const title = say(lane.newest.title ?? '', saidBy(labels));
  const what = lane.measure === '' ? word('signal', lane.kind) : word('indicator', lane.measure);
  return (
    <li>
      <button
        type="button"
        className="lane"
        title={title}
        onClick={() => open(lane.newest.event_id)}
        data-testid="unusual-lane"
        data-open={lane.open}
      >
        <span className="lane-name clip">
          {lane.service !== '' && <ServiceName name={lane.service} />} <span className="dim">{what}</span>
        </span>
        <span className="lane-track" aria-hidden="true">
          {changes.map((change) => {
            const place = placeIn({ from: change.at, to: change.at }, window);
            return (
              place && <i key={change.id} className="lane-change" style={{ left: `${place.left * 100}%` }} />
            );
          })}
          {lane.bouts.map((bout) => {
            const place = placeIn(bout, window);
            return (
              place && (
                <i
                  key={bout.eventId}
                  className={`lane-bout severity-${bout.severity.toLowerCase()}`}
                  style={{ left: `${place.left * 100}%`, width: `${place.width * 100}%` }}
                />
              )
            );
          })}
        </span>
        <span className="lane-figures num">
          <LaneFigures labels={labels} />
        </span>
        <span className={`lane-since ${lane.open ? 'warn' : 'dim'}`}>
          {lane.open
            ? t('unusual.since', { time: formatNear(lane.bouts[0]?.from ?? 0, now()) })
            : t('unusual.until', { time: formatNear(lane.bouts[0]?.to ?? 0, now()) })}
        </span>
      </button>
    </li>
  );
}

/** Usual → now. */
function LaneFigures({ labels }: { labels: Record<string, unknown> }) {
  const [value, baseline] = [numberIn(labels, 'value'), numberIn(labels, 'baseline')];
  if (value === undefined) return null;
  const show = (figure: number): string =>
    labels.table === undefined
      ? formatIndicator(String(labels.indicator ?? ''), figure)
      : formatCount(figure);
  return (
    <>
      {baseline !== undefined && <span className="dim">{show(baseline)} → </span>}
      {show(value)}
    </>
  );
}
