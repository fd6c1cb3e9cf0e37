import { deseasonalised } from './changes.ts';
import { type CleanSeries, clean } from './clean.ts';
import { mean, normalTail, persistence, quantile, sortedOf, spread } from './robust.ts';
import { sigmasMax, significance } from './segments.ts';
import { bestSplit } from './split.ts';
import type { CompareOptions, Onset, SeriesInput, WindowComparison, WindowSummary } from './types.ts';

const relativeFloorDefault = 0.01;

/**
 * How a series differs between a baseline and an incident: size in robust standard deviations, chance, onset. Where the
 * series has a period that both windows can show, it is taken out first. Windows may lie in any order.
 * @throws ClewError as `clean` does.
 */
export function compareWindows(input: SeriesInput, options: CompareOptions): WindowComparison {
  const series = clean(input);
  const { values, period } = deseasonalised(series);
  if (period > 0) series.caveats.add('seasonal');
  const inside = (window: { from: number; to: number }) =>
    values.filter(
      (_, i) => (series.times[i] as number) >= window.from && (series.times[i] as number) < window.to,
    );
  const before = inside(options.baseline);
  const during = inside(options.incident);
  const baseline = summary(before);
  const incident = summary(during);
  const caveats = [...series.caveats].sort();
  if (before.length === 0 || during.length === 0)
    return { baseline, incident, direction: 'none', sigmas: 0, ratio: null, pValue: 1, onset: null, caveats };
  const floor = Math.max(
    baseline.sigma,
    (options.relativeFloor ?? relativeFloorDefault) * Math.abs(baseline.median),
    Number.MIN_VALUE,
  );
  const pValue = rankChance(before, during, baseline);
  const sigmas = difference(before, during, baseline, incident, floor);
  const changed = pValue < 0.01 && Math.abs(sigmas) >= 1;
  return {
    baseline,
    incident,
    direction: !changed ? 'none' : sigmas > 0 ? 'up' : 'down',
    sigmas,
    ratio: baseline.median === 0 ? null : incident.median / baseline.median,
    pValue,
    onset: changed ? onsetOf(series, values, options) : null,
    caveats,
  };
}

function summary(values: Float64Array): WindowSummary {
  if (values.length === 0) return { samples: 0, median: 0, sigma: 0, mean: 0, min: 0, max: 0 };
  const sorted = sortedOf(values);
  const middle = quantile(sorted, 0.5);
  return {
    samples: values.length,
    median: middle,
    sigma: spread(values, middle),
    mean: mean(values),
    min: sorted[0] as number,
    max: sorted[sorted.length - 1] as number,
  };
}

/** Level, or where half of the incident stays normal, its upper or lower tenth against the baseline's own. */
function difference(
  before: Float64Array,
  during: Float64Array,
  baseline: WindowSummary,
  incident: WindowSummary,
  floor: number,
): number {
  const [a, b] = [sortedOf(before), sortedOf(during)];
  const candidates = [
    incident.median - baseline.median,
    Math.max(0, quantile(b, 0.9) - quantile(a, 0.99)),
    Math.min(0, quantile(b, 0.1) - quantile(a, 0.01)),
  ];
  const largest = candidates.reduce((best, each) => (Math.abs(each) > Math.abs(best) ? each : best), 0);
  return Math.max(-sigmasMax, Math.min(sigmasMax, largest / floor));
}

/** Two-sided rank-sum test (normal approximation, ties averaged) with sample sizes reduced by persistence. */
function rankChance(before: Float64Array, during: Float64Array, baseline: WindowSummary): number {
  const all = [
    ...Array.from(before, (v) => [v, 0] as const),
    ...Array.from(during, (v) => [v, 1] as const),
  ].sort((a, b) => a[0] - b[0]);
  let rankSum = 0;
  let ties = 0;
  for (let i = 0; i < all.length; ) {
    let j = i;
    while (j < all.length && all[j]?.[0] === all[i]?.[0]) j++;
    for (let k = i; k < j; k++) if (all[k]?.[1] === 1) rankSum += (i + j + 1) / 2;
    ties += (j - i) ** 3 - (j - i);
    i = j;
  }
  const [n, m] = [before.length, during.length];
  const total = n + m;
  const variance = ((n * m) / 12) * (total + 1 - ties / Math.max(1, total * (total - 1)));
  if (!(variance > 0)) return 1;
  const phi = Math.min(0.9, persistence(before, baseline.median, baseline.sigma));
  const z = Math.abs(rankSum - (m * (total + 1)) / 2) * Math.sqrt((1 - phi) / (1 + phi) / variance);
  return normalTail(z);
}

/** The best cut of what lies from the last third of an incident's length before it to its end. */
function onsetOf(
  { times }: CleanSeries,
  values: Float64Array,
  { baseline, incident }: CompareOptions,
): Onset | null {
  const length = incident.to - incident.from;
  const from =
    baseline.from < incident.from ? Math.max(baseline.from, incident.from - length) : incident.from;
  const index: number[] = [];
  for (let i = 0; i < times.length; i++)
    if ((times[i] as number) >= from && (times[i] as number) < incident.to) index.push(i);
  const split = bestSplit(
    Float64Array.from(index, (i) => values[i] as number),
    2,
  );
  const timeAt = (k: number) => times[index[Math.max(0, Math.min(index.length - 1, k))] as number] as number;
  // Where no cut shows, the change was there from the window's first sample on.
  if (!split || split.pValue > Math.max(0.05, significance))
    return { at: incident.from, from, to: Math.min(incident.to, incident.from + length / 3) };
  return { at: timeAt(split.at), from: timeAt(split.from - 1), to: timeAt(split.to) };
}
