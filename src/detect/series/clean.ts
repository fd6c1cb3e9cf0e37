import { ClewError } from '../../lib/index.ts';
import { median } from './robust.ts';
import type { Caveat, SeriesInput } from './types.ts';

/** Longer series are refused: the batch functions hold several copies. */
export const samplesMax = 2_000_000;
const gapSteps = 3.5;

/** Samples in order of time, one a time, all finite. */
export interface CleanSeries {
  times: Float64Array;
  values: Float64Array;
  /** Usual distance of two samples, milliseconds; 0 for fewer than two samples. */
  stepMs: number;
  caveats: Set<Caveat>;
}

/** @throws ClewError `bad_request` when the two arrays differ in length, `too_large` beyond `samplesMax`. */
export function clean(input: SeriesInput): CleanSeries {
  const { timestamps, values } = input;
  if (timestamps.length !== values.length)
    throw new ClewError(
      'bad_request',
      `A series has ${timestamps.length} timestamps and ${values.length} values; it needs as many of each.`,
    );
  if (values.length > samplesMax)
    throw new ClewError('too_large', `A series has ${values.length} samples; the limit is ${samplesMax}.`);
  const caveats = new Set<Caveat>();
  const ordered = inOrder(timestamps, values, caveats);
  const counted = asRate(ordered, input.kind ?? 'auto', caveats);
  const stepMs = stepOf(counted.times, caveats);
  if (counted.values.length < 8) caveats.add('short');
  if (counted.values.length > 1 && counted.values.every((value) => value === counted.values[0]))
    caveats.add('constant');
  return { ...counted, stepMs, caveats };
}

interface Samples {
  times: Float64Array;
  values: Float64Array;
}

function inOrder(timestamps: ArrayLike<number>, values: ArrayLike<number>, caveats: Set<Caveat>): Samples {
  const index: number[] = [];
  let newest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const at = timestamps[i] as number;
    if (!Number.isFinite(values[i]) || !Number.isFinite(at)) {
      caveats.add('not_numbers');
      continue;
    }
    if (at < newest) caveats.add('misordered');
    newest = Math.max(newest, at);
    index.push(i);
  }
  const timeOf = (i: number) => timestamps[i] as number;
  if (caveats.has('misordered')) index.sort((a, b) => timeOf(a) - timeOf(b) || a - b);
  const kept = index.filter((each, k) => {
    const next = index[k + 1];
    if (next === undefined || timeOf(next) !== timeOf(each)) return true;
    caveats.add('duplicates');
    return false;
  });
  return {
    times: Float64Array.from(kept, timeOf),
    values: Float64Array.from(kept, (i) => values[i] as number),
  };
}

/** A counter grows at most steps and never falls but to (nearly) nothing. */
function looksLikeCounter(values: Float64Array): boolean {
  if (values.length < 20) return false;
  let up = 0;
  for (let i = 1; i < values.length; i++) {
    const before = values[i - 1] as number;
    const now = values[i] as number;
    if (now < 0 || before < 0) return false;
    if (now > before) up++;
    else if (now < before && now > before * 0.1) return false;
  }
  return up >= 0.5 * (values.length - 1);
}

function asRate(samples: Samples, kind: 'auto' | 'gauge' | 'counter', caveats: Set<Caveat>): Samples {
  const { times, values } = samples;
  if (kind === 'gauge' || (kind === 'auto' && !looksLikeCounter(values))) return samples;
  caveats.add('counter');
  const rates = new Float64Array(Math.max(0, values.length - 1));
  for (let i = 1; i < values.length; i++) {
    const grown = (values[i] as number) - (values[i - 1] as number);
    if (grown < 0) caveats.add('resets');
    const seconds = ((times[i] as number) - (times[i - 1] as number)) / 1000;
    rates[i - 1] = (grown < 0 ? (values[i] as number) : grown) / seconds;
  }
  return { times: times.slice(1), values: rates };
}

function stepOf(times: Float64Array, caveats: Set<Caveat>): number {
  if (times.length < 2) return 0;
  const steps = new Float64Array(times.length - 1);
  for (let i = 1; i < times.length; i++) steps[i - 1] = (times[i] as number) - (times[i - 1] as number);
  const usual = median(steps);
  let odd = 0;
  for (const step of steps) {
    if (step > gapSteps * usual) caveats.add('gaps');
    if (Math.abs(step - usual) > 0.25 * usual) odd++;
  }
  if (odd > 0.1 * steps.length) caveats.add('irregular');
  return usual;
}
