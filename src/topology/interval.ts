import type { EpochMs } from '../model/index.ts';

/** When something held: `from` belongs to it, `to` does not; `to` is Infinity while it still holds. */
export interface Interval {
  from: EpochMs;
  to: EpochMs;
}

/** Joins intervals that overlap or lie at most `gapMs` apart; sorted, the given ones are not changed. */
export function joined(intervals: readonly Interval[], gapMs = 0): Interval[] {
  const sorted = [...intervals].sort((a, b) => a.from - b.from);
  const result: Interval[] = [];
  for (const next of sorted) {
    const last = result.at(-1);
    if (last !== undefined && next.from - last.to <= gapMs) last.to = Math.max(last.to, next.to);
    else result.push({ ...next });
  }
  return result;
}

/** What is left of intervals without the span; an empty rest is none. */
export const without = (intervals: readonly Interval[], span: Interval): Interval[] =>
  intervals
    .flatMap((one) => [
      { from: one.from, to: Math.min(one.to, span.from) },
      { from: Math.max(one.from, span.to), to: one.to },
    ])
    .filter((rest) => rest.to > rest.from);

export const sameIntervals = (a: readonly Interval[], b: readonly Interval[]): boolean =>
  a.length === b.length && a.every((one, index) => one.from === b[index]?.from && one.to === b[index]?.to);
