import type { EpochMs } from '../../model/index.ts';
import type { Frame } from './frame.ts';
import { likelihoodRatio } from './stats.ts';

/** Something observed again and again: when, and what. */
export interface Observed<What> {
  at: EpochMs;
  value: number;
  what: What;
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
      base.n++;
      base.sum += one.value;
    } else if (phase !== 'outside') inside.push(one);
  }
  if (inside.length < afterMin) return null;
  inside.sort((a, b) => a.at - b.at);
  const total = inside.reduce((sum, one) => sum + one.value, 0);
  const length = Math.max(1, frame.window.to - frame.window.from);
  let best: { weight: number; index: number } | null = null;
  let early = 0;
  for (let index = 0; index <= inside.length - afterMin; index++) {
    if (index > 0) early += inside[index - 1]?.value ?? 0;
    const pre: Moments = { n: index, sum: early };
    const post: Moments = { n: inside.length - index, sum: total - early };
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
  const before = inside.slice(0, best.index).reduce((sum, one) => sum + one.value, base.sum);
  const n = base.n + best.index;
  return {
    weight: best.weight,
    onset: since[0]?.at ?? noticed,
    before: { count: n, mean: before / Math.max(1, n) },
    after: { count: since.length, mean: since.reduce((sum, one) => sum + one.value, 0) / since.length },
    since,
  };
}

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
