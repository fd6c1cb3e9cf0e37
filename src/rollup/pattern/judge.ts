/** What one bucket of a pattern in a service is judged by; counts are per five minutes. */
export interface RateHistory {
  now: number;
  /** The buckets of the last day before, zeros included, the oldest first; since the pattern was first seen. */
  day: readonly number[];
  /** Counts around the same time of earlier days, zeros included. */
  sameTime: readonly number[];
}

export interface RateRules {
  /** A change is at least this many times more, or less. */
  factor: number;
  /** Rarer patterns, more and less, are left alone. */
  countMin: number;
}

export type RateChange = 'up' | 'down';

/** An hour: less tells nothing about what is usual. */
const bucketsMin = 12;
/** Standard deviations. With counts made even (below) 6 is some 1 in 10⁹ per bucket by chance. */
const deviationsMin = 6;
/** Beyond what earlier days had at this time, so that the rush of every morning is no news. */
const sameTimeFactor = 1.5;

/**
 * Whether a count is far from the pattern's own past: by median and median deviation, so that an outlier of yesterday does
 * not widen what is usual. Square roots make the spread of counts the same for rare and frequent patterns (Anscombe).
 */
export function judgeRate(history: RateHistory, rules: RateRules): RateChange | null {
  const { now, day, sameTime } = history;
  if (day.length < bucketsMin) return null;
  const usual = median(day);
  const even = (count: number) => 2 * Math.sqrt(count + 0.375);
  const middle = even(usual);
  const spread = 1.4826 * median(day.map((count) => Math.abs(even(count) - middle)));
  const deviations = (even(now) - middle) / Math.max(1, spread);
  if (
    deviations >= deviationsMin &&
    now >= rules.countMin &&
    now >= rules.factor * usual &&
    now >= sameTimeFactor * Math.max(0, ...sameTime)
  )
    return 'up';
  const least = sameTime.length === 0 ? usual : Math.min(...sameTime);
  if (
    deviations <= -deviationsMin &&
    usual >= rules.countMin &&
    rules.factor * now <= usual &&
    sameTimeFactor * now <= least
  )
    return 'down';
  return null;
}

/**
 * Whether a pattern that came in nearly every bucket has stopped: `silent` buckets without it, where each of the nine in
 * ten before had some.
 */
export function hasVanished(day: readonly number[], silent: number): boolean {
  if (silent < 1 || day.length < bucketsMin + silent) return false;
  const before = day.slice(0, day.length - silent);
  if (day.slice(day.length - silent).some((count) => count > 0)) return false;
  const present = before.filter((count) => count > 0).length / before.length;
  return present >= 0.9 && median(before) >= 3 && (before.at(-1) ?? 0) > 0;
}

export function median(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[half - 1] ?? 0)) / 2;
}
