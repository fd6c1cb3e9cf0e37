import type { EpochMs } from '../../model/index.ts';
import type { Frame } from './frame.ts';
import { likelihoodRatio } from './stats.ts';

/** Something observed again and again: when, and what. */
export interface Observed<What> {
  at: EpochMs;
  value: number;
  what: What;
  /** Less than 1 where others that share its luck are observed as well. */
  weight?: number;
}

/** A change of behaviour at an instant inside the window. */
export interface Shift<What> {
  /** Evidence for the change, in nats, after what speaks against its instant. */
  weight: number;
  /** First observation of the new behaviour. */
  onset: EpochMs;
  before: { count: number; mean: number };
  after: { count: number; mean: number };
  /** Observations since the onset. */
  since: Observed<What>[];
}

const referenceMin = 3;
const afterMin = 2;

interface Moments {
  n: number;
  sum: number;
}

/**
 * The instant inside the window at which observations changed most. Earlier observations must agree with the baseline: a
 * difference that was there before the window's middle of trouble says that the baseline was another time, not that
 * something broke. `ratio` compares (k of n) with (k of n) or means with means and answers nats.
 */
export function findShift<What>(
  observed: readonly Observed<What>[],
  frame: Frame,
  noticed: EpochMs,
  ratio: (a: Moments, b: Moments, all: readonly Observed<What>[]) => number,
): Shift<What> | null {
  const base: Moments = { n: 0, sum: 0 };
  const inside: Observed<What>[] = [];
  for (const one of observed) {
    const phase = frame.phase(one.at);
    if (phase === 'baseline') {
      base.n += one.weight ?? 1;
      base.sum += (one.weight ?? 1) * one.value;
    } else if (phase !== 'outside') inside.push(one);
  }
  if (inside.length < afterMin) return null;
  inside.sort((a, b) => a.at - b.at);
  const total = momentsOf(inside);
  const length = Math.max(1, frame.window.to - frame.window.from);
  let best: { weight: number; index: number } | null = null;
  const pre: Moments = { n: 0, sum: 0 };
  for (let index = 0; index <= inside.length - afterMin; index++) {
    const passed = inside[index - 1];
    if (passed !== undefined) {
      pre.n += passed.weight ?? 1;
      pre.sum += (passed.weight ?? 1) * passed.value;
    }
    const post: Moments = { n: total.n - pre.n, sum: total.sum - pre.sum };
    const reference: Moments = { n: base.n + pre.n, sum: base.sum + pre.sum };
    if (reference.n < referenceMin) continue;
    // A stated or found onset is believed more, the nearer it lies.
    const away = Math.abs((inside[index]?.at ?? noticed) - noticed) / length;
    const nearness = 0.4 + 0.6 * Math.exp(-((away / 0.3) ** 2));
    const against = base.n > 0 && pre.n > 0 ? ratio(base, pre, inside) : 0;
    const weight = (ratio(reference, post, inside) - against) * nearness;
    if (best === null || weight > best.weight) best = { weight, index };
  }
  if (best === null || best.weight <= 0) return null;
  const since = inside.slice(best.index);
  const known = observed.filter((one) => frame.phase(one.at) === 'baseline');
  const before = [...known, ...inside.slice(0, best.index)];
  return {
    weight: best.weight,
    onset: since[0]?.at ?? noticed,
    before: { count: before.length, mean: meanOf(before) },
    after: { count: since.length, mean: meanOf(since) },
    since,
  };
}

const momentsOf = (list: readonly Observed<unknown>[]): Moments => ({
  n: list.reduce((sum, { weight = 1 }) => sum + weight, 0),
  sum: list.reduce((sum, { weight = 1, value }) => sum + weight * value, 0),
});
const meanOf = (list: readonly Observed<unknown>[]): number =>
  list.reduce((sum, one) => sum + one.value, 0) / Math.max(1, list.length);

/** For observations of 0 and 1. */
export const rateRatio = (a: Moments, b: Moments): number => likelihoodRatio(a.sum, a.n, b.sum, b.n);

/** Visits that follow each other closely share their luck: more of them than this are no more evidence. */
const independentMax = 15;

/** For observations of some size with a known spread; only a rise counts. */
export const levelRatio =
  (spread: number) =>
  (a: Moments, b: Moments): number => {
    const difference = b.sum / b.n - a.sum / a.n;
    if (difference <= 0) return 0;
    return Math.min(independentMax, (a.n * b.n) / (a.n + b.n)) * (difference ** 2 / (2 * spread ** 2));
  };
