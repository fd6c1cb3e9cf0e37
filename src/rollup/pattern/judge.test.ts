import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasVanished, judgeRate, median } from './judge.ts';

const rules = { factor: 3, countMin: 30 };
const steady = (count: number, buckets = 48): number[] => new Array(buckets).fill(count);
const judge = (now: number, day: number[], sameTime: number[] = []) =>
  judgeRate({ now, day, sameTime }, rules);

describe('a rate', () => {
  test.each([
    ['ten times as many', 400, steady(40), 'up'],
    ['twice as many is no news', 80, steady(40), null],
    ['three times as many, but few', 21, steady(7), null],
    ['a tenth', 40, steady(400), 'down'],
    ['less than an hour of past tells nothing', 4_000, steady(40, 11), null],
    ['from nothing to many', 60, steady(0), 'up'],
    ['an outlier of yesterday does not hide it', 400, [...steady(40, 40), 5_000, 5_000, 5_000], 'up'],
    [
      'what goes up and down by itself',
      400,
      Array.from({ length: 48 }, (_, i) => (i % 2 === 0 ? 20 : 500)),
      null,
    ],
  ])('%s', (_name, now, day, expected) => {
    expect(judge(now, day)).toBe(expected);
  });

  test('that earlier days had at this time too is no news', () => {
    expect(judge(400, steady(40), [40, 40, 40])).toBe('up');
    expect(judge(400, steady(40), [40, 390, 40])).toBeNull();
    expect(judge(5, steady(40), [40, 6, 40])).toBeNull();
  });

  test('of chance alone is hardly ever told, whatever its height', () => {
    const poisson = fc
      .record({ mean: fc.integer({ min: 1, max: 400 }), seed: fc.integer() })
      .map(({ mean, seed }) => poissonSeries(mean, seed, 289));
    fc.assert(
      fc.property(poisson, (series) => judge(series[288] ?? 0, series.slice(0, 288)) === null),
      { numRuns: 500 },
    );
  });
});

/** Sums of uniform numbers of a seeded generator: near enough to Poisson for a test of spread. */
function poissonSeries(mean: number, seed: number, length: number): number[] {
  let state = seed | 0 || 1;
  const random = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4_294_967_296;
  };
  return Array.from({ length }, () => {
    const normal = Array.from({ length: 12 }, random).reduce((sum, each) => sum + each, -6);
    return Math.max(0, Math.round(mean + normal * Math.sqrt(mean)));
  });
}

describe('a pattern has vanished', () => {
  test.each([
    ['after it came in every bucket', [...steady(10, 30), 0, 0, 0], 3, true],
    ['not yet', [...steady(10, 30), 0, 0], 3, false],
    ['not again: it is gone for longer', [...steady(10, 30), 0, 0, 0, 0], 3, false],
    ['when it was rare it may just be late', [...steady(10, 10), ...steady(0, 20), 5, 0, 0, 0], 3, false],
    ['when it hardly came', [...steady(1, 30), 0, 0, 0], 3, false],
    ['with too short a past', [...steady(10, 5), 0, 0, 0], 3, false],
  ])('%s', (_name, day, silent, expected) => {
    expect(hasVanished(day, silent)).toBe(expected);
  });
});

test('a median stands in the middle', () => {
  expect([median([]), median([3]), median([1, 9]), median([9, 1, 5])]).toEqual([0, 3, 5, 5]);
});
