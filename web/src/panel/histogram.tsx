/** Counts over time, stacked by severity, with violet marks where something changed. Drag to zoom. */
import { type PointerEvent, useRef, useState } from 'react';
import type { ChangeRow, LogHistogram } from '../api/types.ts';
import { useWords } from '../i18n/index.tsx';
import { severityColor, severityOrder } from '../model/color.ts';
import { formatCount, formatTime } from '../model/format.ts';
import type { Window } from '../model/range.ts';

const width = 1000;
const height = 80;

export interface Bar {
  at: number;
  total: number;
  parts: { severity: string; count: number }[];
}

export function barsOf(histogram: Pick<LogHistogram, 'at' | 'series'>): Bar[] {
  return histogram.at.map((at, i) => {
    const parts = severityOrder
      .map((severity) => ({ severity, count: histogram.series[severity]?.[i] ?? 0 }))
      .filter((part) => part.count > 0);
    return { at, parts, total: parts.reduce((sum, part) => sum + part.count, 0) };
  });
}

export function Histogram(props: {
  histogram: LogHistogram;
  window: Window;
  label: string;
  hint: string;
  onZoom: (window: Window) => void;
}) {
  const { histogram, window } = props;
  const bars = barsOf(histogram);
  const top = Math.max(1, ...bars.map((bar) => bar.total));
  const length = Math.max(1, window.to - window.from);
  const xOf = (at: number): number => ((at - window.from) / length) * width;
  const drag = useDrag((from, to) => {
    props.onZoom({ from: window.from + from * length, to: window.from + to * length });
  });
  const hovered =
    drag.at === null ? undefined : bars.find((bar) => isUnder(bar, histogram.step_ms, window, drag.at));
  return (
    <div className="histogram">
      <svg
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={props.label}
        {...drag.handlers}
      >
        {bars.map((bar) => (
          <Column
            key={bar.at}
            bar={bar}
            x={xOf(bar.at)}
            wide={(histogram.step_ms / length) * width}
            top={top}
          />
        ))}
        {histogram.changes.map((change) => (
          <ChangeMark key={change.id} change={change} x={xOf(change.at)} />
        ))}
        {drag.range && (
          <rect
            className="histogram-brush"
            x={drag.range.from * width}
            width={(drag.range.to - drag.range.from) * width}
            height={height}
          />
        )}
      </svg>
      <div className="histogram-axis mono">
        <span>{formatTime(window.from)}</span>
        <span className="histogram-read">
          {hovered === undefined
            ? props.hint
            : `${formatTime(hovered.at)}  ${[...hovered.parts]
                .reverse()
                .map((part) => `${part.severity} ${formatCount(part.count)}`)
                .join('  ')}`}
        </span>
        <span>{formatTime(window.to)}</span>
      </div>
      {bars.some((bar) => bar.total > 0) && <span className="histogram-top mono">{formatCount(top)}</span>}
    </div>
  );
}

const isUnder = (bar: Bar, stepMs: number, window: Window, at: number | null): boolean => {
  const moment = window.from + (at ?? 0) * (window.to - window.from);
  return moment >= bar.at && moment < bar.at + stepMs;
};

function Column({ bar, x, wide, top }: { bar: Bar; x: number; wide: number; top: number }) {
  let y = height;
  return (
    <g>
      {bar.parts.map((part) => {
        const tall = Math.max(0.8, (part.count / top) * (height - 6));
        y -= tall;
        return (
          <rect
            key={part.severity}
            x={x + 0.5}
            y={y}
            width={Math.max(0.6, wide - 1.5)}
            height={tall}
            style={{ fill: severityColor(part.severity) }}
          />
        );
      })}
    </g>
  );
}

const ChangeMark = ({ change, x }: { change: ChangeRow; x: number }) => {
  const { changeKind } = useWords();
  return (
    <g className="histogram-change">
      <title>{`${formatTime(change.at)} ${changeKind(change.kind)} ${change.service}: ${change.title}`}</title>
      <rect x={x - 4} width={8} height={height} opacity={0} />
      <line x1={x} x2={x} y1={0} y2={height} />
    </g>
  );
};

interface Span {
  from: number;
  to: number;
}

/** Less than this share of the width is a click, not a drag. */
const dragLeast = 0.006;

function useDrag(onRange: (from: number, to: number) => void) {
  const start = useRef<number | null>(null);
  const [range, setRange] = useState<Span | null>(null);
  const [at, setAt] = useState<number | null>(null);
  const place = (event: PointerEvent<SVGSVGElement>): number => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
  };
  return {
    range,
    at,
    handlers: {
      onPointerDown: (event: PointerEvent<SVGSVGElement>) => {
        start.current = place(event);
        event.currentTarget.setPointerCapture(event.pointerId);
      },
      onPointerMove: (event: PointerEvent<SVGSVGElement>) => {
        const here = place(event);
        setAt(here);
        if (start.current !== null)
          setRange({ from: Math.min(start.current, here), to: Math.max(start.current, here) });
      },
      onPointerUp: (event: PointerEvent<SVGSVGElement>) => {
        const here = place(event);
        const began = start.current;
        start.current = null;
        setRange(null);
        if (began !== null && Math.abs(here - began) > dragLeast)
          onRange(Math.min(began, here), Math.max(began, here));
      },
      onPointerLeave: () => setAt(null),
    },
  };
}
