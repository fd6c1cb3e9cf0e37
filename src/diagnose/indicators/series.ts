import { leastOf } from '../../lib/index.ts';
/** A metric's points as the one figure that a check judges. Pure arithmetic. */
import type { MetricReading } from './schema.ts';
import type { IndicatorSeries, IndicatorSource, Point, Quantity } from './source.ts';

/** Fewer points than this say nothing about a trend. */
const trendPointsMin = 5;

/** Quantities of a metric reading: one per series, with the points that stand behind it. */
export interface Measured extends Quantity {
  points: { baseline: readonly Point[]; incident: readonly Point[] };
}

/** `node_netstat_Tcp_RetransSegs` and `node.netstat.tcp.retranssegs` are the same name to a reader. */
const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9*]+/g, '_');

export function nameMatcher(names: readonly string[]): (metric: string) => boolean {
  const expressions = names.map((name) => new RegExp(`^${plain(name).replaceAll('*', '.*')}$`));
  const known = new Map<string, boolean>();
  return (metric) => {
    let matches = known.get(metric);
    if (matches === undefined) {
      const given = plain(metric);
      matches = expressions.some((expression) => expression.test(given));
      known.set(metric, matches);
    }
    return matches;
  };
}

export function measureSeries(source: IndicatorSource, reading: MetricReading): Measured[] {
  const wanted = Object.entries(reading.labels);
  const found = source
    .series(nameMatcher(reading.metric))
    .filter((series) => wanted.every(([key, value]) => value.test(series.labels[key] ?? '')));
  const under = reading.divide_by === undefined ? [] : source.series(nameMatcher(reading.divide_by));
  const each = found.flatMap((series) => {
    const divisor = reading.divide_by === undefined ? undefined : divisorOf(series, under);
    if (reading.divide_by !== undefined && divisor === undefined) return [];
    return [
      {
        resource: series.resource,
        refs: [series.ref, ...(divisor === undefined ? [] : [divisor.ref])],
        baseline: valuesOf(series.baseline, divisor?.baseline, asTold(series.metric, reading)),
        incident: valuesOf(series.incident, divisor?.incident, asTold(series.metric, reading)),
      },
    ];
  });
  const lines = reading.combine === 'each' ? each : combined(each, reading.combine);
  return lines.flatMap(({ resource, refs: [ref = '', ...also], baseline, incident }) => {
    const value = taken(incident, reading.take);
    if (value === null) return [];
    return [
      {
        resource,
        baseline: taken(baseline, reading.take),
        incident: value,
        samples: incident.length,
        ref,
        also,
        points: { baseline, incident },
      },
    ];
  });
}

/** Some senders (sar, atop) give a rise per second where others give a counter; their names say so. */
const asTold = (metric: string, reading: MetricReading): MetricReading =>
  reading.kind === 'counter' && /(_per_second|\.per_second|_rate)$/.test(metric)
    ? { ...reading, kind: 'gauge' }
    : reading;

interface Line {
  resource: string;
  refs: string[];
  baseline: readonly Point[];
  incident: readonly Point[];
}

function combined(lines: readonly Line[], how: 'mean' | 'sum'): Line[] {
  const byResource = Map.groupBy(lines, (line) => line.resource);
  return [...byResource].map(([resource, own]) => ({
    resource,
    refs: [...new Set(own.flatMap((line) => line.refs))],
    baseline: together(
      own.map((line) => line.baseline),
      how,
    ),
    incident: together(
      own.map((line) => line.incident),
      how,
    ),
  }));
}

function together(series: readonly (readonly Point[])[], how: 'mean' | 'sum'): Point[] {
  const sums = new Map<number, { sum: number; count: number }>();
  for (const points of series)
    for (const { at, value } of points) {
      const sum = sums.get(at) ?? { sum: 0, count: 0 };
      sums.set(at, { sum: sum.sum + value, count: sum.count + 1 });
    }
  return [...sums]
    .map(([at, { sum, count }]) => ({ at, value: how === 'sum' ? sum : sum / count }))
    .sort((a, b) => a.at - b.at);
}

/** Of the same resource, and equal in every label that both have; the one with most labels in common. */
function divisorOf(series: IndicatorSeries, under: readonly IndicatorSeries[]): IndicatorSeries | undefined {
  let best: { series: IndicatorSeries; shared: number } | undefined;
  for (const candidate of under) {
    if (candidate.resource !== series.resource) continue;
    const shared = Object.keys(candidate.labels).filter((key) => series.labels[key] !== undefined);
    if (shared.some((key) => candidate.labels[key] !== series.labels[key])) continue;
    if (best === undefined || shared.length > best.shared)
      best = { series: candidate, shared: shared.length };
  }
  return best?.series;
}

function valuesOf(
  points: readonly Point[],
  divisor: readonly Point[] | undefined,
  reading: MetricReading,
): Point[] {
  const numerators = reading.kind === 'counter' ? ratesOf(points) : finite(points);
  if (divisor === undefined) return numerators.map((point) => scaled(point, point.value, reading));
  const denominators = reading.kind === 'counter' ? ratesOf(divisor) : finite(divisor);
  let at = 0;
  return numerators.flatMap((point) => {
    while (at + 1 < denominators.length && (denominators[at + 1]?.at ?? 0) <= point.at) at++;
    const by = denominators[at];
    if (by === undefined || by.value === 0) return [];
    return [scaled(point, point.value / by.value, reading)];
  });
}

const scaled = (point: Point, value: number, { scale, complement }: MetricReading): Point => ({
  at: point.at,
  value: (complement ? 1 - value : value) * scale,
});

const finite = (points: readonly Point[]): Point[] => points.filter((point) => Number.isFinite(point.value));

/** Rise per second between neighbours; a counter that starts again has risen by what it shows. */
export function ratesOf(points: readonly Point[]): Point[] {
  const known = finite(points);
  return known.slice(1).flatMap((point, index) => {
    const before = known[index];
    if (before === undefined || point.at <= before.at) return [];
    const rise = point.value >= before.value ? point.value - before.value : point.value;
    return [{ at: point.at, value: rise / ((point.at - before.at) / 1000) }];
  });
}

function taken(points: readonly Point[], take: MetricReading['take']): number | null {
  if (points.length === 0) return null;
  const values = points.map((point) => point.value);
  if (take === 'last') return values.at(-1) ?? null;
  if (take === 'mean') return values.reduce((sum, value) => sum + value, 0) / values.length;
  const sorted = values.toSorted((a, b) => a - b);
  if (take === 'max') return sorted.at(-1) ?? null;
  if (take === 'min') return sorted[0] ?? null;
  return sorted[Math.min(sorted.length - 1, Math.floor(0.95 * sorted.length))] ?? null;
}

/** Distance from the baseline's median in robust standard deviations; null when the baseline is too short to say. */
export function deviation(baseline: readonly Point[], value: number): number | null {
  if (baseline.length < trendPointsMin) return null;
  const values = baseline.map((point) => point.value).toSorted((a, b) => a - b);
  const middle = values[Math.floor(values.length / 2)] ?? 0;
  const spread = values.map((each) => Math.abs(each - middle)).toSorted((a, b) => a - b);
  const sigma = 1.4826 * (spread[Math.floor(spread.length / 2)] ?? 0);
  // A series that never moved: any move is one, but not one that rounding makes.
  return Math.abs(value - middle) / Math.max(sigma, 0.01 * Math.abs(middle), 1e-9);
}

/**
 * By which share of its first value a series grew, when it rose nearly all the way; null when it did not. The parts of a
 * sawtooth (garbage collection) are looked at by their low points: those of a leak rise.
 */
export function steadyGrowth(points: readonly Point[]): number | null {
  if (points.length < trendPointsMin) return null;
  const parts = trendPointsMin;
  const lows = Array.from({ length: parts }, (_, part) => {
    const from = Math.floor((part * points.length) / parts);
    const to = Math.floor(((part + 1) * points.length) / parts);
    return leastOf(points.slice(from, to).map((point) => point.value));
  });
  const [first = 0] = lows;
  const rising = lows.every((low, index) => index === 0 || low > (lows[index - 1] ?? 0));
  if (!rising || first <= 0) return null;
  return ((lows.at(-1) ?? first) - first) / first;
}
