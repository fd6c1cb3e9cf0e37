import { type FormEvent, useEffect, useRef, useState } from 'react';
import { useT } from '../i18n/index.tsx';
import { now } from '../model/clock.ts';
import { formatMoment, formatNear, formatZone } from '../model/format.ts';
import { defaultRange, ranges, rangeText, windowOf } from '../model/range.ts';
import { momentOf } from '../model/url.ts';
import { useFrame } from '../panel/frame.ts';
import { Icon } from './icons.tsx';

export function TimePicker({ open, onOpen }: { open: boolean; onOpen: (open: boolean) => void }) {
  const t = useT();
  const { frame, pinned, shift } = useFrame();
  const label = pinned
    ? `${formatNear(frame.from ?? 0, now())} – ${formatNear(frame.to ?? 0, now())}`
    : t('time.last', { span: rangeText(frame.range ?? defaultRange) });
  return (
    <div className="timepicker">
      <button
        type="button"
        className="button quiet"
        title={t('time.earlier')}
        aria-label={t('time.earlier')}
        onClick={() => shift(-1)}
      >
        ‹
      </button>
      <button
        type="button"
        className={`button ${pinned ? 'chosen' : ''}`}
        aria-expanded={open}
        title={t('time.choose')}
        onClick={() => onOpen(!open)}
        data-testid="time-open"
      >
        <Icon name="clock" />
        {label}
      </button>
      <button
        type="button"
        className="button quiet"
        title={t('time.later')}
        aria-label={t('time.later')}
        disabled={!pinned}
        onClick={() => shift(1)}
      >
        ›
      </button>
      {open && <TimeMenu close={() => onOpen(false)} />}
    </div>
  );
}

function TimeMenu({ close }: { close: () => void }) {
  const t = useT();
  const { frame, set, pinned, zoom } = useFrame();
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    ref.current?.querySelector('button')?.focus();
    const outside = (event: Event): void => {
      if (event.target instanceof Node && !ref.current?.parentElement?.contains(event.target)) close();
    };
    window.addEventListener('pointerdown', outside);
    return () => window.removeEventListener('pointerdown', outside);
  }, [close]);
  const choose = (range: string): void => {
    set({ range: range === defaultRange ? undefined : range, from: undefined, to: undefined });
    close();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape closes the menu from anything inside it
    <div className="menu time-menu" ref={ref} onKeyDown={(event) => event.key === 'Escape' && close()}>
      <div className="time-ranges">
        {ranges.map((range) => (
          <button
            type="button"
            key={range}
            className={`button ${!pinned && (frame.range ?? defaultRange) === range ? 'chosen' : 'quiet'}`}
            onClick={() => choose(range)}
          >
            {t('time.last', { span: rangeText(range) })}
          </button>
        ))}
      </div>
      <PinnedForm
        apply={(window) => {
          zoom(window);
          close();
        }}
      />
    </div>
  );
}

function PinnedForm({ apply }: { apply: (window: { from: number; to: number }) => void }) {
  const t = useT();
  const { frame } = useFrame();
  const [window] = useState(() => windowOf(frame, now()));
  const [from, setFrom] = useState(formatMoment(window.from));
  const [to, setTo] = useState(formatMoment(window.to));
  const [bad, setBad] = useState(false);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const next = { from: momentOf(from.replace(' ', 'T')), to: momentOf(to.replace(' ', 'T')) };
    if (next.from === undefined || next.to === undefined || next.from >= next.to) setBad(true);
    else apply({ from: next.from, to: next.to });
  };
  return (
    <form className="time-pinned" onSubmit={submit}>
      <label className="field">
        {t('time.from')} <span className="dim">{formatZone(window.from)}</span>
        <input
          value={from}
          onChange={(event) => setFrom(event.target.value)}
          className="mono"
          spellCheck={false}
        />
      </label>
      <label className="field">
        {t('time.to')}
        <input
          value={to}
          onChange={(event) => setTo(event.target.value)}
          className="mono"
          spellCheck={false}
        />
      </label>
      {bad && (
        <p className="bad" role="alert">
          {t('time.bad')}
        </p>
      )}
      <button type="submit" className="button">
        {t('time.apply')}
      </button>
      <button type="button" className="button quiet" onClick={() => apply(window)}>
        {t('time.pin')}
      </button>
    </form>
  );
}
