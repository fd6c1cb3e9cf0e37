/**
 * The waterfall: names as virtual rows (so that they can be read out, searched and clicked), bars on one canvas of the
 * visible part, an overview of the whole trace above it. Dragging over the overview zooms.
 */
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef, useState } from 'react';
import type { Span, TraceDetail } from '../../api/types.ts';
import { useT } from '../../i18n/index.tsx';
import { seriesColor } from '../../model/color.ts';
import { formatMs } from '../../model/format.ts';
import { axisTicks, isFailing, type WaterfallRow } from '../../model/waterfall.ts';
import { useTheme } from '../../panel/theme.ts';
import { drawBars, drawOverview, ticksMax, type View } from './draw.ts';

const rowHeight = 22;

interface Props {
  trace: TraceDetail;
  rows: WaterfallRow<Span>[];
  collapsed: ReadonlySet<string>;
  critical: ReadonlySet<string>;
  selected: number;
  select: (id: string) => void;
  toggle: (id: string) => void;
}

export function Waterfall(props: Props) {
  const { trace, rows } = props;
  const wholeUs = Math.max(
    1,
    trace.duration_ms * 1_000,
    ...trace.spans.map((span) => span.at_us_offset + span.duration_us),
  );
  const [view, setView] = useState<View>({ fromUs: 0, toUs: wholeUs });
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
  });
  const { selected } = props;
  useEffect(() => {
    if (selected >= 0) virtual.scrollToIndex(selected, { align: 'auto' });
  }, [selected, virtual]);
  return (
    <div className="waterfall">
      <Overview trace={trace} wholeUs={wholeUs} view={view} setView={setView} critical={props.critical} />
      <Axis view={view} />
      <div className="waterfall-scroll" ref={scroller}>
        <Bars rows={rows} view={view} critical={props.critical} selected={selected} scroller={scroller} />
        <div className="waterfall-rows" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index];
            return row === undefined ? null : (
              <NameRow
                key={row.span.span_id}
                row={row}
                top={item.start}
                chosen={item.index === selected}
                list={props}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

function Axis({ view }: { view: View }) {
  const length = view.toUs - view.fromUs;
  const ticks = axisTicks(length, ticksMax);
  return (
    <div className="waterfall-axis mono">
      {ticks.map((tick) => (
        <span key={tick} style={{ left: `${(tick / length) * 100}%` }}>
          {formatMs((view.fromUs + tick) / 1_000)}
        </span>
      ))}
    </div>
  );
}

function NameRow(props: { row: WaterfallRow<Span>; top: number; chosen: boolean; list: Props }) {
  const t = useT();
  const { row, list } = props;
  const { span } = row;
  const closed = list.collapsed.has(span.span_id);
  const failed = isFailing(span);
  return (
    // The name inside is the button; the rest of the row, where the bar is, only widens it for the mouse.
    // biome-ignore lint/a11y/noStaticElementInteractions: see above
    // biome-ignore lint/a11y/useKeyWithClickEvents: see above
    <div
      className={`span-row ${props.chosen ? 'selected' : ''}`}
      style={{ transform: `translateY(${props.top}px)` }}
      data-testid="span-row"
      data-status={span.status}
      onClick={() => list.select(span.span_id)}
    >
      <div className="span-label">
        <button
          type="button"
          className="span-toggle"
          style={{ marginLeft: Math.min(row.depth, 24) * 10 }}
          aria-expanded={row.children > 0 ? !closed : undefined}
          aria-label={closed ? t('trace.expand') : t('trace.collapse')}
          disabled={row.children === 0}
          onClick={(event) => {
            event.stopPropagation();
            list.toggle(span.span_id);
          }}
        >
          {row.children === 0 ? '' : closed ? '▸' : '▾'}
        </button>
        <button type="button" className="span-name">
          <i className="swatch" style={{ background: seriesColor(span.service) }} />
          {(failed || (closed && row.failsBelow)) && <b className="bad">✕</b>}
          <span className="clip">
            {span.service} <span className="dim">{span.name}</span>
            {closed && <span className="dim"> {t('trace.hidden', { n: row.descendants })}</span>}
          </span>
        </button>
      </div>
    </div>
  );
}

function Bars(props: {
  rows: WaterfallRow<Span>[];
  view: View;
  critical: ReadonlySet<string>;
  selected: number;
  scroller: { current: HTMLDivElement | null };
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();
  const { rows, view, critical, selected, scroller } = props;
  useEffect(() => {
    const element = canvas.current;
    const box = scroller.current;
    if (element === null || box === null) return;
    let asked = 0;
    const draw = (): void => {
      cancelAnimationFrame(asked);
      asked = requestAnimationFrame(() =>
        drawBars(element, {
          rows,
          view,
          critical,
          selected,
          scrollTop: box.scrollTop,
          height: box.clientHeight,
          rowHeight,
        }),
      );
    };
    draw();
    const observer = new ResizeObserver(draw);
    observer.observe(box);
    box.addEventListener('scroll', draw, { passive: true });
    return () => {
      cancelAnimationFrame(asked);
      observer.disconnect();
      box.removeEventListener('scroll', draw);
    };
    // A theme changes the colours that are read while drawing.
  }, [rows, view, critical, selected, scroller, theme]);
  return (
    <div className="waterfall-canvas" aria-hidden="true">
      <canvas ref={canvas} />
    </div>
  );
}

function Overview(props: {
  trace: TraceDetail;
  wholeUs: number;
  view: View;
  setView: (view: View) => void;
  critical: ReadonlySet<string>;
}) {
  const t = useT();
  const theme = useTheme();
  const canvas = useRef<HTMLCanvasElement>(null);
  const start = useRef<number | null>(null);
  const { trace, wholeUs, view, setView, critical } = props;
  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    const draw = (): void => drawOverview(element, { spans: trace.spans, wholeUs, view, critical });
    draw();
    const observer = new ResizeObserver(draw);
    observer.observe(element);
    return () => observer.disconnect();
    // A theme changes the colours that are read.
  }, [trace, wholeUs, view, critical, theme]);
  const usAt = (clientX: number): number => {
    const box = canvas.current?.getBoundingClientRect();
    if (box === undefined) return 0;
    return Math.max(0, Math.min(1, (clientX - box.left) / box.width)) * wholeUs;
  };
  const zoomed = view.fromUs > 0 || view.toUs < wholeUs;
  return (
    <div className="waterfall-overview">
      <div className="overview-note dim">
        <i className="critical-key" /> {t('trace.critical')}
        {zoomed && (
          <button type="button" className="link blue" onClick={() => setView({ fromUs: 0, toUs: wholeUs })}>
            {t('trace.reset')}
          </button>
        )}
      </div>
      <canvas
        ref={canvas}
        title={t('trace.minimap')}
        onPointerDown={(event) => {
          start.current = usAt(event.clientX);
          event.currentTarget.setPointerCapture(event.pointerId);
        }}
        onPointerUp={(event) => {
          const from = start.current;
          start.current = null;
          const to = usAt(event.clientX);
          if (from !== null && Math.abs(to - from) > wholeUs / 200)
            setView({ fromUs: Math.min(from, to), toUs: Math.max(from, to) });
        }}
        onDoubleClick={() => setView({ fromUs: 0, toUs: wholeUs })}
      />
    </div>
  );
}
