import { median, normalTail, persistence, spread } from './robust.ts';

/** Where a stretch of samples is best cut in two levels. Indices are relative to the stretch. */
export interface Split {
  /** First sample of the second level. */
  at: number;
  /** The cut lies in (`from` − 1, `to`] with 95 %: first and last sample that may be the first of the second level. */
  from: number;
  to: number;
  /** Chance of so large a difference at any cut when there is one level only. */
  pValue: number;
}

/** Fewer samples on one side than this are spikes, not levels. */
export const levelSamplesMin = 4;
/** 95 % of a likelihood ratio with one degree of freedom, doubled for what the variance estimate adds. */
const likelihoodDrop = 6;

/**
 * The cut with the largest difference of means of winsorised samples, each mean weighed by its number of samples
 * (maximum likelihood of one change in normal noise). Neighbouring samples that resemble each other count less: the
 * variance is the long-run variance of a first-order process fitted after the cut is taken out.
 */
export function bestSplit(values: Float64Array, samplesMin = levelSamplesMin): Split | null {
  const n = values.length;
  if (n < 2 * samplesMin) return null;
  const z = winsorised(values);
  if (z === null) return null;
  const sums = new Float64Array(n + 1);
  for (let i = 0; i < n; i++) sums[i + 1] = (sums[i] as number) + (z[i] as number);
  const total = sums[n] as number;
  const gain = new Float64Array(n + 1);
  let at = samplesMin;
  for (let k = samplesMin; k <= n - samplesMin; k++) {
    const away = (sums[k] as number) - (k / n) * total;
    gain[k] = (away * away) / ((k * (n - k)) / n);
    if ((gain[k] as number) > (gain[at] as number)) at = k;
  }
  const noise = longRunVariance(z, at, (sums[at] as number) / at, (total - (sums[at] as number)) / (n - at));
  const peak = (gain[at] as number) / noise.variance;
  const near = (k: number) => peak - (gain[k] as number) / noise.variance <= likelihoodDrop;
  let from = at;
  while (from > samplesMin && near(from - 1)) from--;
  let to = at;
  while (to < n - samplesMin && near(to + 1)) to++;
  // Every cut is a test; as many are independent as there are independent samples, and log(n) is what that comes to.
  const tests = Math.max(1, n * (1 - noise.persistence));
  return { at, from, to, pValue: Math.min(1, tests * normalTail(Math.sqrt(peak))) };
}

/** Samples as deviations from the stretch's median, clipped: one wild value must not make a level. Null when constant. */
function winsorised(values: Float64Array): Float64Array | null {
  const middle = median(values);
  const scale = spread(values, middle);
  if (!(scale > 0)) return null;
  return values.map((value) => Math.max(-4, Math.min(4, (value - middle) / scale)));
}

function longRunVariance(
  z: Float64Array,
  at: number,
  first: number,
  second: number,
): { variance: number; persistence: number } {
  const left = z.map((value, i) => value - (i < at ? first : second));
  let square = 0;
  for (const value of left) square += value * value;
  const variance = square / Math.max(1, z.length - 2);
  const phi = Math.min(0.9, persistence(left, 0, Math.sqrt(variance)));
  // A change between two constants leaves nothing behind; a hundredth of a spread stands in for the noise.
  return { variance: Math.max(1e-4, (variance * (1 + phi)) / (1 - phi)), persistence: phi };
}

/** A straight line through the stretch by the medians of its outer thirds, and the sum of absolute residuals. */
export function lineThrough(values: Float64Array): { slope: number; middle: number; loss: number } {
  const n = values.length;
  const third = Math.max(1, Math.floor(n / 3));
  const slope =
    (median(values.subarray(n - third)) - median(values.subarray(0, third))) / Math.max(1, n - third);
  const middle = median(values.map((value, i) => value - slope * (i - (n - 1) / 2)));
  return { slope, middle, loss: absoluteLoss(values, (i) => middle + slope * (i - (n - 1) / 2)) };
}

export function absoluteLoss(values: Float64Array, model: (index: number) => number): number {
  let loss = 0;
  for (let i = 0; i < values.length; i++) loss += Math.abs((values[i] as number) - model(i));
  return loss;
}
