/** Traces as dots: start against duration (logarithmic), red where one failed. Click opens, drag zooms. */
import { type PointerEvent, useRef, useState } from 'react';
import type { TraceRow } from '../api/types.ts';
import { formatMs, formatTime } from '../model/format.ts';
import type { Window } from '../model/range.ts';
import { logScale } from '../model/scale.ts';

/** Distance within which a click means the nearest dot, in pixels. */
const reach = 12;

export function Scatter(props: {
  traces: readonly TraceRow[];
  window: Window;
  label: string;
  onOpen: (traceId: string) => void;
  onZoom: (window: Window) => void;
}) {
  const { traces, window } = props;
  const box = useRef<HTMLDivElement>(null);
  const [over, setOver] = useState<TraceRow | null>(null);
  const [brush, setBrush] = useState<{ from: number; to: number } | null>(null);
  const start = useRef<number | null>(null);
  const scale = logScale(traces.map((trace) => trace.duration_ms));
  const length = Math.max(1, window.to - window.from);
  const share = (trace: TraceRow): { x: number; y: number } => ({
    x: (trace.at - window.from) / length,
    y: 1 - scale.place(trace.duration_ms),
  });
  const nearest = (event: PointerEvent): TraceRow | null => nearestTo(event, box.current, traces, share);
  const xOf = (event: PointerEvent): number => {
    const area = box.current?.getBoundingClientRect();
    return area === undefined ? 0 : Math.max(0, Math.min(1, (event.clientX - area.left) / area.width));
  };
  const up = (event: PointerEvent): void => {
    const began = start.current;
    start.current = null;
    setBrush(null);
    if (began === null) return;
    const here = xOf(event);
    if (Math.abs(here - began) > 0.01) {
      props.onZoom({
        from: window.from + Math.min(began, here) * length,
        to: window.from + Math.max(began, here) * length,
      });
      return;
    }
    const hit = nearest(event);
    if (hit) props.onOpen(hit.trace_id);
  };
  return (
    <div className="scatter">
      <div
        ref={box}
        className="scatter-area"
        role="img"
        aria-label={props.label}
        onPointerDown={(event) => {
          start.current = xOf(event);
        }}
        onPointerMove={(event) => {
          setOver(nearest(event));
          const began = start.current;
          if (began !== null)
            setBrush({ from: Math.min(began, xOf(event)), to: Math.max(began, xOf(event)) });
        }}
        onPointerUp={up}
        onPointerLeave={() => setOver(null)}
      >
        <Dots traces={traces} share={share} over={over} brush={brush} />
        {scale.ticks.map((tick) => (
          <span key={tick} className="scatter-tick mono" style={{ top: `${(1 - scale.place(tick)) * 100}%` }}>
            {formatMs(tick)}
          </span>
        ))}
      </div>
      <div className="histogram-axis mono">
        <span>{formatTime(window.from)}</span>
        <span className="histogram-read">
          {over === null
            ? props.label
            : `${formatTime(over.at)}  ${over.service} ${over.operation}  ${formatMs(over.duration_ms)}`}
        </span>
        <span>{formatTime(window.to)}</span>
      </div>
    </div>
  );
}

type Share = (trace: TraceRow) => { x: number; y: number };

function nearestTo(
  event: PointerEvent,
  element: HTMLElement | null,
  traces: readonly TraceRow[],
  share: Share,
): TraceRow | null {
  const area = element?.getBoundingClientRect();
  if (area === undefined) return null;
  let best: TraceRow | null = null;
  let distance = reach;
  for (const trace of traces) {
    const at = share(trace);
    const away = Math.hypot(
      area.left + at.x * area.width - event.clientX,
      area.top + at.y * area.height - event.clientY,
    );
    if (away < distance) {
      distance = away;
      best = trace;
    }
  }
  return best;
}

function Dots(props: {
  traces: readonly TraceRow[];
  share: Share;
  over: TraceRow | null;
  brush: { from: number; to: number } | null;
}) {
  return (
    <>
      {props.traces.map((trace) => {
        const at = props.share(trace);
        if (at.x < 0 || at.x > 1) return null;
        return (
          <i
            key={trace.trace_id}
            className={`dot ${trace.errors > 0 ? 'failed' : ''} ${props.over === trace ? 'over' : ''}`}
            style={{ left: `${at.x * 100}%`, top: `${at.y * 100}%` }}
          />
        );
      })}
      {props.brush && (
        <i
          className="scatter-brush"
          style={{
            left: `${props.brush.from * 100}%`,
            width: `${(props.brush.to - props.brush.from) * 100}%`,
          }}
        />
      )}
    </>
  );
}
