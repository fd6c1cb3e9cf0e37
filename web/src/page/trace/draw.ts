/** Drawing of the waterfall on canvas. Only what is visible is drawn, so a trace of 10 000 spans costs as one of 40. */
import type { Span } from '../../api/types.ts';
import { seriesColors, seriesIndex } from '../../model/color.ts';
import { formatMs } from '../../model/format.ts';
import { axisTicks, isFailing, type WaterfallRow } from '../../model/waterfall.ts';

/** Lines of the grid, and labels on the axis above it. */
export const ticksMax = 6;

export interface View {
  fromUs: number;
  toUs: number;
}

interface Palette {
  text: string;
  dim: string;
  line: string;
  red: string;
  critical: string;
  wash: string;
  panel: string;
  series: string[];
}

function paletteOf(element: HTMLElement): Palette {
  const style = getComputedStyle(element);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return {
    text: read('--text'),
    dim: read('--dim'),
    line: read('--line'),
    red: read('--red'),
    critical: read('--text'),
    wash: read('--blue-wash'),
    panel: read('--bg'),
    series: Array.from({ length: seriesColors }, (_, i) => read(`--series-${i}`)),
  };
}

/** Sized to the device's pixels, drawn in CSS pixels. */
function prepare(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d');
  context?.scale(ratio, ratio);
  return context;
}

export interface BarsScene {
  rows: WaterfallRow<Span>[];
  view: View;
  critical: ReadonlySet<string>;
  selected: number;
  scrollTop: number;
  height: number;
  rowHeight: number;
}

export function drawBars(canvas: HTMLCanvasElement, scene: BarsScene): void {
  const width = canvas.parentElement?.clientWidth ?? 0;
  const context = prepare(canvas, width, scene.height);
  if (context === null || width === 0) return;
  const palette = paletteOf(canvas);
  context.clearRect(0, 0, width, scene.height);
  context.strokeStyle = palette.line;
  context.beginPath();
  const length = scene.view.toUs - scene.view.fromUs;
  for (const tick of axisTicks(length, ticksMax)) {
    const x = Math.round((tick / length) * (width - 1)) + 0.5;
    context.moveTo(x, 0);
    context.lineTo(x, scene.height);
  }
  context.stroke();
  context.font = '11px ui-monospace, monospace';
  context.textBaseline = 'middle';
  const first = Math.max(0, Math.floor(scene.scrollTop / scene.rowHeight));
  const last = Math.min(scene.rows.length, Math.ceil((scene.scrollTop + scene.height) / scene.rowHeight) + 1);
  for (let i = first; i < last; i++) {
    const row = scene.rows[i];
    if (row === undefined) continue;
    const y = i * scene.rowHeight - scene.scrollTop;
    if (i === scene.selected) {
      context.fillStyle = palette.wash;
      context.fillRect(0, y, width, scene.rowHeight);
    }
    drawSpan(context, row.span, { y, width, scene, palette });
  }
}

interface Place {
  y: number;
  width: number;
  scene: BarsScene;
  palette: Palette;
}

function drawSpan(context: CanvasRenderingContext2D, span: Span, place: Place): void {
  const { scene, palette, width, y } = place;
  const length = Math.max(1, scene.view.toUs - scene.view.fromUs);
  const x = ((span.at_us_offset - scene.view.fromUs) / length) * width;
  const wide = Math.max(1.5, (span.duration_us / length) * width);
  const top = y + 6;
  const tall = scene.rowHeight - 12;
  const failed = isFailing(span);
  context.fillStyle = failed ? palette.red : (palette.series[seriesIndex(span.service)] ?? palette.dim);
  context.fillRect(x, top, wide, tall);
  if (scene.critical.has(span.span_id)) {
    context.fillStyle = palette.critical;
    context.fillRect(x, top + tall + 1, wide, 2);
  }
  drawLabel(context, formatMs(span.duration_us / 1_000), x, wide, failed ? palette.red : palette.dim, place);
}

/** Right of the bar, or left of it where there is no room on the right. */
function drawLabel(
  context: CanvasRenderingContext2D,
  text: string,
  x: number,
  wide: number,
  color: string,
  { y, width, scene, palette }: Place,
): void {
  const size = context.measureText(text).width;
  const right = Math.max(0, x + wide) + 6;
  const middle = y + scene.rowHeight / 2;
  context.fillStyle = color;
  if (right + size <= width) context.fillText(text, right, middle);
  else if (x - size - 6 >= 0) context.fillText(text, x - size - 6, middle);
  else {
    const inside = Math.min(width, x + wide) - size - 6;
    context.fillStyle = palette.panel;
    context.fillText(text, inside, middle);
  }
}

export interface OverviewScene {
  spans: readonly Span[];
  wholeUs: number;
  view: View;
  critical: ReadonlySet<string>;
}

export function drawOverview(canvas: HTMLCanvasElement, scene: OverviewScene): void {
  const width = canvas.clientWidth;
  const height = 40;
  const context = prepare(canvas, width, height);
  if (context === null || width === 0) return;
  const palette = paletteOf(canvas);
  const lane = Math.max(0.5, (height - 4) / Math.max(1, scene.spans.length));
  for (const [i, span] of scene.spans.entries()) {
    const x = (span.at_us_offset / scene.wholeUs) * width;
    const wide = Math.max(1, (span.duration_us / scene.wholeUs) * width);
    context.fillStyle = isFailing(span)
      ? palette.red
      : (palette.series[seriesIndex(span.service)] ?? palette.dim);
    context.fillRect(x, 2 + i * lane, wide, Math.max(0.75, Math.min(3, lane - 0.25)));
  }
  context.fillStyle = palette.panel;
  context.globalAlpha = 0.7;
  context.fillRect(0, 0, (scene.view.fromUs / scene.wholeUs) * width, height);
  const end = (scene.view.toUs / scene.wholeUs) * width;
  context.fillRect(end, 0, width - end, height);
  context.globalAlpha = 1;
}
