/** Small robust statistics on plain arrays. */

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
export const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : sum(values) / values.length;
export const clamp = (value: number, low = 0, high = 1): number => Math.min(high, Math.max(low, value));

/** Linear between neighbours; `sorted` ascending and not empty. */
export function quantile(sorted: readonly number[], q: number): number {
  if (sorted.length === 0) return 0;
  const at = clamp(q) * (sorted.length - 1);
  const low = Math.floor(at);
  const a = sorted[low] ?? 0;
  const b = sorted[Math.min(sorted.length - 1, low + 1)] ?? a;
  return a + (b - a) * (at - low);
}
export const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
export const median = (values: readonly number[]): number => quantile(ascending(values), 0.5);

/** What is normal: the middle, and how far values usually lie above and below it. */
export interface Normal {
  count: number;
  level: number;
  up: number;
  down: number;
  low: number;
  high: number;
}

/** Relative width below which no series is believed to be steadier: clocks, rounding, load wobble. */
const relativeFloor = 0.02;

/** `floorMin`: in units of the values, the width below which nothing is believed to be steadier. */
export function normalOf(values: readonly number[], floorMin?: number): Normal {
  const sorted = ascending(values);
  const level = quantile(sorted, 0.5);
  const low = quantile(sorted, 0.05);
  const high = quantile(sorted, 0.95);
  const spread = 1.4826 * median(sorted.map((value) => Math.abs(value - level)));
  // Few values know little about how far values may lie.
  const doubt = 1 + 3 / Math.max(1, sorted.length);
  const floor = Math.max(floorMin ?? relativeFloor * Math.abs(level), 1e-12);
  return {
    count: sorted.length,
    level,
    up: Math.max(spread, (high - level) / 1.645, floor) * doubt,
    down: Math.max(spread, (level - low) / 1.645, floor) * doubt,
    low,
    high,
  };
}

/** How many usual distances a value lies from the middle; negative below it. */
export const distance = (normal: Normal, value: number): number =>
  value >= normal.level ? (value - normal.level) / normal.up : (value - normal.level) / normal.down;

/** 0 up to 3 usual distances, 0.5 near 7, near 1 from 20 on. */
export const oddness = (z: number): number => (z <= 3 ? 0 : 1 - Math.exp(-(z - 3) / 6));

/**
 * Log likelihood ratio of two counts of successes having different rates, against one common rate; in nats, 0 when they
 * agree. Successes may not exceed trials.
 */
export function likelihoodRatio(k0: number, n0: number, k1: number, n1: number): number {
  const term = (k: number, n: number, p: number) =>
    (k > 0 ? k * Math.log(Math.max(p, 1e-12)) : 0) +
    (n - k > 0 ? (n - k) * Math.log(Math.max(1 - p, 1e-12)) : 0);
  if (n0 <= 0 || n1 <= 0) return 0;
  const common = (k0 + k1) / (n0 + n1);
  return Math.max(
    0,
    term(k0, n0, k0 / n0) + term(k1, n1, k1 / n1) - term(k0, n0, common) - term(k1, n1, common),
  );
}
