/** Charts as SVG text, drawn from plain numbers; colours are classes, so that the page decides about light and dark. */

export interface Line {
  name: string;
  /** Class of the stroke: `c0` to `c4`. */
  color: string;
  points: readonly (readonly [number, number])[];
  dashed?: boolean;
}
export interface LineChart {
  title: string;
  /** Of the values, for the axis and the tips. */
  unit: string;
  lines: readonly Line[];
  width?: number;
  height?: number;
}
export interface Bar {
  name: string;
  color: string;
  value: number;
}
export interface BarChart {
  title: string;
  unit: string;
  groups: readonly { label: string; bars: readonly Bar[] }[];
  digits: number;
  width?: number;
}

const margin = { left: 62, right: 14, top: 34, bottom: 26 };

export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** Four to six round steps from 0 to at least `max`. */
export function ticksTo(max: number): number[] {
  if (!(max > 0) || !Number.isFinite(max)) return [0, 1];
  const rough = max / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const count = Math.ceil(max / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

/** 1 200 000 as 1.2 M; at most three digits and a unit. */
export function short(value: number): string {
  const size = Math.abs(value);
  const [divisor, suffix] =
    size >= 1e9 ? [1e9, ' G'] : size >= 1e6 ? [1e6, ' M'] : size >= 1e4 ? [1e3, ' k'] : [1, ''];
  return `${Number((value / divisor).toPrecision(3))}${suffix}`;
}

const at = (value: number): string => String(Math.round(value * 10) / 10);

function legend(entries: readonly { name: string; color: string }[], width: number): string {
  let x = width - margin.right;
  return entries
    .toReversed()
    .map(({ name, color }) => {
      x -= name.length * 6.4 + 24;
      return `<rect class="${color} fill" x="${at(x)}" y="10" width="10" height="10" rx="2"/><text class="dim" x="${at(x + 14)}" y="19">${escaped(name)}</text>`;
    })
    .join('');
}

export function lineChart(chart: LineChart): string {
  const { width = 560, height = 230 } = chart;
  const all = chart.lines.flatMap((line) => line.points);
  const ticks = ticksTo(Math.max(0, ...all.map(([, value]) => value)));
  const secondsMax = Math.max(1, ...all.map(([second]) => second));
  const top = ticks.at(-1) ?? 1;
  const x = (second: number) => margin.left + (second / secondsMax) * (width - margin.left - margin.right);
  const y = (value: number) => height - margin.bottom - (value / top) * (height - margin.top - margin.bottom);
  const grid = ticks.map(
    (tick) =>
      `<line class="grid" x1="${margin.left}" x2="${width - margin.right}" y1="${at(y(tick))}" y2="${at(y(tick))}"/><text class="dim end" x="${margin.left - 6}" y="${at(y(tick) + 4)}">${short(tick)}</text>`,
  );
  const times = ticksTo(secondsMax)
    .filter((second) => second <= secondsMax)
    .map(
      (second) => `<text class="dim middle" x="${at(x(second))}" y="${height - 8}">${short(second)} s</text>`,
    );
  const lines = chart.lines.map((line) => {
    const path = line.points
      .map(([second, value], i) => `${i === 0 ? 'M' : 'L'}${at(x(second))} ${at(y(value))}`)
      .join('');
    const dots = line.points.map(
      ([second, value]) =>
        `<circle class="dot" cx="${at(x(second))}" cy="${at(y(value))}" r="6"><title>${escaped(`${line.name}: ${short(value)} ${chart.unit} at ${second.toFixed(1)} s`)}</title></circle>`,
    );
    return `<path class="${line.color} stroke${line.dashed === true ? ' dashed' : ''}" d="${path}"/>${dots.join('')}`;
  });
  const named = chart.lines.filter(
    (line, i) => chart.lines.findIndex((other) => other.name === line.name) === i,
  );
  return frame(chart.title, chart.unit, width, height, [...grid, ...times, ...lines, legend(named, width)]);
}

const barHeight = 15;
const groupGap = 14;

/** Horizontal bars, one group a label, each bar with its value behind it. */
export function barChart(chart: BarChart): string {
  const { width = 560 } = chart;
  const left = 92;
  const max = Math.max(...chart.groups.flatMap((group) => group.bars.map((bar) => bar.value)), 1e-9);
  const scale = (value: number) => (value / max) * (width - left - 76);
  let y = margin.top + 4;
  const parts = chart.groups.map((group) => {
    const middle = y + (group.bars.length * barHeight) / 2 + 4;
    const bars = group.bars.map((bar) => {
      const length = Math.max(1, scale(bar.value));
      const text = chart.digits === 0 ? short(bar.value) : bar.value.toFixed(chart.digits);
      const shape = `<rect class="${bar.color} fill" x="${left}" y="${at(y + 1)}" width="${at(length)}" height="${barHeight - 3}" rx="2"><title>${escaped(`${group.label}, ${bar.name}: ${text} ${chart.unit}`)}</title></rect><text class="value" x="${at(left + length + 5)}" y="${at(y + 11)}">${text}</text>`;
      y += barHeight;
      return shape;
    });
    y += groupGap;
    return `<text class="name end" x="${left - 8}" y="${at(middle)}">${escaped(group.label)}</text>${bars.join('')}`;
  });
  const names = chart.groups.flatMap((group) => group.bars);
  const named = names.filter((bar, i) => names.findIndex((other) => other.name === bar.name) === i);
  return frame(chart.title, chart.unit, width, y + 4, [...parts, legend(named, width)]);
}

function frame(title: string, unit: string, width: number, height: number, parts: readonly string[]): string {
  const label = unit === '' ? title : `${title}, ${unit}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(label)}"><text class="title" x="10" y="19">${escaped(title)}</text>${parts.join('')}</svg>`;
}

/** Colours of both schemes for text, lines and fills of the charts. */
export const chartStyle = `
:root,svg{--bg:#f5f6f8;--panel:#fff;--line:#dde2e8;--text:#1b2129;--dim:#5b6673;--good:#177245;--bad:#b3261e;
--c0:#2b6cb0;--c1:#2f9e77;--c2:#b7791f;--c3:#8a4fbf;--c4:#8794a3}
@media (prefers-color-scheme:dark){:root,svg{--bg:#0e1115;--panel:#14181e;--line:#262d36;--text:#d9dfe6;--dim:#97a2af;
--good:#58c98e;--bad:#ff7d74;--c0:#77aadd;--c1:#44bb99;--c2:#e5a740;--c3:#b9a3e3;--c4:#566170}}
svg text{font:11px system-ui,sans-serif;fill:var(--text)}svg .title{font-size:13px;font-weight:600}
svg .dim{fill:var(--dim)}svg .end{text-anchor:end}svg .middle{text-anchor:middle}
svg .grid{stroke:var(--line)}svg .stroke{fill:none;stroke-width:1.8;stroke-linejoin:round}svg .dashed{stroke-dasharray:4 3}
svg .dot{fill:transparent}
${[0, 1, 2, 3, 4].map((n) => `svg .c${n}.stroke{stroke:var(--c${n})}svg .c${n}.fill{fill:var(--c${n})}`).join('')}
`;
