import { median } from './robust.ts';

/** A period must be seen this often before it is believed. */
const cyclesMin = 3;
const correlationMin = 0.4;
const lagsMax = 4096;

/**
 * Period in samples of a series at an even rhythm, by the highest peak of the autocorrelation of values clipped to their
 * inner 98 %; 0 when none stands out. Cost: O(n log n) would need a transform; here n ≤ `lagsMax` lags × n samples, thinned.
 */
export function periodOf(values: Float64Array, stepMs = 0): number {
  const n = values.length;
  const lagMax = Math.min(Math.floor(n / cyclesMin), lagsMax);
  if (lagMax < 4) return 0;
  const sorted = values.slice().sort();
  const low = sorted[Math.floor(0.01 * (n - 1))] as number;
  const high = sorted[Math.ceil(0.99 * (n - 1))] as number;
  if (!(high > low)) return 0;
  const x = detrended(values.map((value) => Math.max(low, Math.min(high, value))));
  const stride = Math.max(1, Math.floor((n * lagMax) / 4_000_000));
  const acf = new Float64Array(lagMax + 1);
  for (let lag = 0; lag <= lagMax; lag++) acf[lag] = correlation(x, lag, stride);
  return exactPeriod(acf, firstPeak(acf), stepMs);
}

/** Rhythms that people make; a peak near one of them is one of them. */
const calendarMs = [3_600_000, 86_400_000, 604_800_000];
const nearShare = 0.1;

/**
 * A round peak is known to a tenth only, and over many cycles a wrong sample or two of its length adds up: the calendar's
 * period where it fits as well, else the one that the multiples of the peak agree on.
 */
function exactPeriod(acf: Float64Array, lag: number, stepMs: number): number {
  if (lag === 0) return 0;
  const height = acf[lag] as number;
  for (const each of stepMs > 0 ? calendarMs : []) {
    const samples = Math.round(each / stepMs);
    if (Math.abs(samples - lag) > nearShare * lag || Math.abs(samples * stepMs - each) > 0.001 * each)
      continue;
    if ((acf[samples] ?? 0) >= 0.9 * height) return samples;
  }
  return lag;
}

function detrended(x: Float64Array): Float64Array {
  const n = x.length;
  const third = Math.max(1, Math.floor(n / 3));
  const head = median(x.subarray(0, third));
  const tail = median(x.subarray(n - third));
  const slope = (tail - head) / Math.max(1, n - third);
  const middle = median(x);
  return x.map((value, i) => value - middle - slope * (i - n / 2));
}

function correlation(x: Float64Array, lag: number, stride: number): number {
  let cross = 0;
  let a = 0;
  let b = 0;
  for (let i = lag; i < x.length; i += stride) {
    const now = x[i] as number;
    const then = x[i - lag] as number;
    cross += now * then;
    a += now * now;
    b += then * then;
  }
  return a > 0 && b > 0 ? cross / Math.sqrt(a * b) : 0;
}

/** The highest peak after the first valley; of peaks nearly as high, the one at the shortest lag. */
function firstPeak(acf: Float64Array): number {
  let valley = 1;
  while (valley < acf.length - 1 && (acf[valley + 1] as number) <= (acf[valley] as number)) valley++;
  let best = 0;
  let bottom = acf[valley] ?? 1;
  const peaks: { lag: number; height: number }[] = [];
  for (let lag = valley + 1; lag < acf.length - 1; lag++) {
    const here = acf[lag] as number;
    bottom = Math.min(bottom, here);
    if (here < (acf[lag - 1] as number) || here <= (acf[lag + 1] as number)) continue;
    if (here < correlationMin || here - bottom < 0.2) continue;
    peaks.push({ lag, height: here });
    best = Math.max(best, here);
  }
  const lag = peaks.find(({ height }) => height >= 0.9 * best)?.lag ?? 0;
  // The same period shows at its multiples, and there more exactly.
  const times = Math.floor((acf.length - 2) / Math.max(1, lag));
  const near = Math.max(1, Math.floor(lag / 8));
  const multiple = peaks
    .filter((peak) => Math.abs(peak.lag - times * lag) <= near)
    .reduce((top, peak) => (peak.height > top.height ? peak : top), { lag: 0, height: 0 });
  return multiple.lag > 0 ? Math.round(multiple.lag / times) : lag;
}

/** What a period repeats: the median of each phase over all cycles, smoothed over three phases, minus the overall median. */
export function profileOf(values: Float64Array, period: number): Float64Array {
  const middle = median(values);
  const cycles = Math.ceil(values.length / period);
  const raw = new Float64Array(period);
  const phase = new Float64Array(cycles);
  for (let p = 0; p < period; p++) {
    let count = 0;
    for (let i = p; i < values.length; i += period) phase[count++] = values[i] as number;
    raw[p] = median(phase.subarray(0, count)) - middle;
  }
  return raw;
}
