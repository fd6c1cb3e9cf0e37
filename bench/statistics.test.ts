import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { percentiles, quantile, spread } from './statistics.ts';

describe('quantile', () => {
  test('is the smallest value that the share of the values does not exceed', () => {
    const sorted = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    expect([0, 0.5, 0.9, 0.99, 1].map((q) => quantile(sorted, q))).toEqual([1, 5, 9, 10, 10]);
    expect(quantile([], 0.5)).toBe(0);
  });

  test('of any values leaves at least the share at or below it, and less than the share below it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true }), { minLength: 1 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (values, q) => {
          const sorted = values.toSorted((a, b) => a - b);
          const value = quantile(sorted, q);
          expect(sorted.filter((other) => other <= value).length / sorted.length).toBeGreaterThanOrEqual(
            q - 1e-9,
          );
          expect(sorted.filter((other) => other < value).length / sorted.length).toBeLessThan(q + 1e-9);
        },
      ),
    );
  });
});

test('percentiles sort as numbers and name the largest value', () => {
  expect(percentiles([100, 9, 20])).toEqual({ p50: 20, p90: 100, p99: 100, max: 100 });
  expect(percentiles([])).toEqual({ p50: 0, p90: 0, p99: 0, max: 0 });
});

test('a spread has the mean of the two in the middle as the median of an even number', () => {
  expect(spread([4, 1, 3, 2])).toEqual({ min: 1, median: 2.5, max: 4 });
  expect(spread([3, 1, 2])).toEqual({ min: 1, median: 2, max: 3 });
});
