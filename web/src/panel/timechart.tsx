/**
 * A series over time: line, the usual range as a band with its median, the incident shaded, violet lines where something
 * changed, a red line at the onset, dots where a value was unusual.
 */
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { SeriesPoint } from '../api/types.ts';
import { formatTick, formatTime, formatUnit } from '../model/format.ts';

export interface ChartProps {
  points: readonly SeriesPoint[];
  unit: string;
  label: string;
  band?: { low: number; high: number } | null;
  /** Middle of the band. */
  median?: number | null;
  /** The whole time that is shown; without it the time of the points. */
  range?: { from: number; to: number };
  /** When something was wrong. */
  shaded?: readonly { from: number; to: number }[];
  /** Told the part that was dragged over. */
  onZoom?: (window: { from: number; to: number }) => void;
  /** Points out of the usual, by their time. */
  unusual?: readonly number[];
  marks?: readonly number[];
  onset?: number | undefined;
  /** A level to stay above or below, drawn dashed. */
  target?: number | null;
  height?: number;
}

interface Colors {
  text: string;
  line: string;
  grid: string;
  band: string;
  changed: string;
  bad: string;
}

function readColors(element: HTMLElement): Colors {
  const style = getComputedStyle(element);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return {
    text: read('--dim'),
    line: read('--blue'),
    grid: read('--line'),
    band: read('--green'),
    changed: read('--violet'),
    bad: read('--red'),
  };
}

function verticals(u: uPlot, at: readonly number[], color: string): void {
  const { ctx } = u;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.lineWidth = devicePixelRatio;
  for (const each of at) {
    const x = Math.round(u.valToPos(each / 1_000, 'x', true));
    if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, u.bbox.top);
    ctx.lineTo(x, u.bbox.top + u.bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

function dashed(u: uPlot, level: number, color: string, dash: number): void {
  const { ctx, bbox } = u;
  const y = Math.round(u.valToPos(level, 'y', true));
  ctx.save();
  ctx.strokeStyle = color;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([dash * devicePixelRatio, dash * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}

function shade(u: uPlot, time: { from: number; to: number }, color: string): void {
  const { ctx, bbox } = u;
  const clamp = (at: number): number =>
    Math.min(bbox.left + bbox.width, Math.max(bbox.left, u.valToPos(at / 1_000, 'x', true)));
  const left = clamp(time.from);
  ctx.save();
  ctx.fillStyle = color;
  ctx.globalAlpha = 0.13;
  ctx.fillRect(left, bbox.top, Math.max(2 * devicePixelRatio, clamp(time.to) - left), bbox.height);
  ctx.restore();
}

/** Dots over the line: values that are out of the usual. */
function overlay(u: uPlot, props: ChartProps, colors: Colors): void {
  const times = new Set(props.unusual ?? []);
  if (times.size === 0) return;
  const { ctx } = u;
  ctx.save();
  ctx.fillStyle = colors.bad;
  for (const { at, value } of props.points) {
    if (value === null || !times.has(at)) continue;
    ctx.beginPath();
    ctx.arc(u.valToPos(at / 1_000, 'x', true), u.valToPos(value, 'y', true), 3.5 * devicePixelRatio, 0, 7);
    ctx.fill();
  }
  ctx.restore();
}

function underlay(u: uPlot, props: ChartProps, colors: Colors): void {
  const { ctx, bbox } = u;
  for (const time of props.shaded ?? []) shade(u, time, colors.bad);
  ctx.save();
  if (props.band) {
    const top = Math.max(bbox.top, u.valToPos(props.band.high, 'y', true));
    const bottom = Math.min(bbox.top + bbox.height, u.valToPos(props.band.low, 'y', true));
    ctx.fillStyle = colors.band;
    ctx.globalAlpha = 0.22;
    ctx.fillRect(bbox.left, top, bbox.width, Math.max(2 * devicePixelRatio, bottom - top));
    ctx.globalAlpha = 1;
  }
  ctx.restore();
  if (props.median !== undefined && props.median !== null) dashed(u, props.median, colors.band, 2);
  if (props.target !== undefined && props.target !== null) dashed(u, props.target, colors.text, 4);
  verticals(u, props.marks ?? [], colors.changed);
  if (props.onset !== undefined) verticals(u, [props.onset], colors.bad);
}

/** Room above the highest value, zero below the lowest: a flat line must not look like a cliff. */
function yRange(props: ChartProps): [number, number] {
  const values = props.points.flatMap((point) => (point.value === null ? [] : [point.value]));
  const all = [...values, props.band?.high ?? 0, props.target ?? 0];
  const top = Math.max(...all, 0);
  const least = Math.min(...values, props.target ?? Number.POSITIVE_INFINITY);
  const nearTop = props.unit === 'ratio' && least > 0.9 && top <= 1;
  return [nearTop ? least - (1 - least) * 0.2 - 0.001 : 0, nearTop ? 1.0005 : top === 0 ? 1 : top * 1.12];
}

function optionsOf(props: ChartProps, colors: Colors, width: number): uPlot.Options {
  const axis = {
    stroke: colors.text,
    grid: { stroke: colors.grid, width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
  };
  return {
    width,
    height: props.height ?? 120,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: props.onZoom !== undefined, setScale: false } },
    padding: [6, 24, 0, 0],
    scales: {
      x: { time: true, ...(props.range && { range: [props.range.from / 1_000, props.range.to / 1_000] }) },
      y: { range: yRange(props) },
    },
    axes: [
      {
        ...axis,
        size: 22,
        space: 70,
        values: (_, ticks) => ticks.map((tick) => formatTime(tick * 1_000).slice(0, tick % 60 === 0 ? 5 : 8)),
      },
      {
        ...axis,
        size: (_, labels) => Math.max(44, ...(labels ?? []).map((label) => label.length * 6.4 + 14)),
        space: 26,
        values: (_, ticks) => ticks.map((tick) => formatTick(tick, props.unit)),
      },
    ],
    series: [
      {},
      {
        label: props.label,
        stroke: colors.line,
        width: 1.5,
        spanGaps: false,
        points: { size: 4, show: props.points.length < 3 },
      },
    ],
    hooks: { drawClear: [(u) => underlay(u, props, colors)], draw: [(u) => overlay(u, props, colors)] },
  };
}

/** The value under the cursor, read out beside the chart. */
function readOut(u: uPlot, props: ChartProps, target: HTMLElement | null): void {
  if (target === null) return;
  const index = u.cursor.idx;
  const point = index === null || index === undefined ? undefined : props.points[index];
  target.textContent = point ? `${formatTime(point.at)}  ${formatUnit(point.value, props.unit)}` : '';
}

export function TimeChart(props: ChartProps) {
  const holder = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLSpanElement>(null);
  // The chart is redrawn when what it shows has changed, not when the page was rendered again.
  const signature = JSON.stringify([props, document.documentElement.dataset.theme]);
  useEffect(() => {
    const element = holder.current;
    if (element === null) return;
    const options = optionsOf(props, readColors(element), element.clientWidth || 300);
    options.hooks = {
      ...options.hooks,
      setCursor: [(u) => readOut(u, props, readout.current)],
      setSelect: [
        (u) => {
          if (u.select.width < 4) return;
          const at = (x: number): number => u.posToVal(x, 'x') * 1_000;
          props.onZoom?.({ from: at(u.select.left), to: at(u.select.left + u.select.width) });
        },
      ],
    };
    const chart = new uPlot(
      options,
      [props.points.map((point) => point.at / 1_000), props.points.map((point) => point.value)],
      element,
    );
    const observer = new ResizeObserver(() =>
      chart.setSize({ width: element.clientWidth, height: props.height ?? 120 }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
    };
    // The signature stands for all props.
  }, [signature]);
  return (
    <div className="timechart" role="img" aria-label={props.label}>
      <div ref={holder} />
      <span ref={readout} className="timechart-readout mono" />
    </div>
  );
}
