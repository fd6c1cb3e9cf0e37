import { expect, test } from 'vitest';
import { type Buckets, bucketMaximum, bucketQuantile, mergeBuckets } from './quantile.ts';

const none: Buckets = { bounds: [], counts: [], scale: 0, zero: 0, positive: new Map(), negative: new Map() };
const explicit = (bounds: number[], counts: number[]): Buckets => ({ ...none, bounds, counts });
const exponential = (scale: number, positive: [number, number][], zero = 0): Buckets => ({
  ...none,
  scale,
  zero,
  positive: new Map(positive),
});

test('a quantile lies in the bucket of its rank, evenly spread', () => {
  const buckets = explicit([10, 20, 50], [50, 40, 10, 0]);
  expect(bucketQuantile(buckets, 0.5)).toBe(10);
  expect(bucketQuantile(buckets, 0.7)).toBe(15);
  expect(bucketQuantile(buckets, 0.95)).toBe(35);
  expect(bucketMaximum(buckets)).toBe(50);
});

test('above the last bound there is no upper end, so the bound is the answer', () => {
  const buckets = explicit([10], [1, 9]);
  expect(bucketQuantile(buckets, 0.95)).toBe(10);
  expect(bucketMaximum(buckets)).toBe(10);
});

test('negative values begin at the first bound', () => {
  expect(bucketQuantile(explicit([-5, 5], [9, 1, 0]), 0.5)).toBe(-5);
});

test('exponential buckets: base 2 at scale 0, zeros below everything positive', () => {
  expect(bucketQuantile(exponential(0, [[3, 10]]), 1)).toBe(16);
  expect(bucketQuantile(exponential(0, [[3, 10]]), 0.5)).toBe(12);
  expect(bucketQuantile(exponential(0, [[3, 1]], 99), 0.95)).toBe(0);
  const negative = { ...none, negative: new Map([[0, 10]]) };
  expect(bucketQuantile(negative, 0.5)).toBe(-1.5);
});

test('nothing observed has no quantile and no maximum', () => {
  expect(bucketQuantile(none, 0.95)).toBeNull();
  expect(bucketMaximum(explicit([1, 2], [0, 0, 0]))).toBeNull();
});

test('replicas merge: explicit ones with the same bounds, exponential ones at the smaller scale', () => {
  const merged = mergeBuckets([
    explicit([1, 2], [1, 2, 3]),
    explicit([1, 2], [4, 0, 1]),
    explicit([9], [1, 1]),
  ]);
  expect(merged.counts).toEqual([5, 2, 4]);
  const both = mergeBuckets([
    exponential(
      1,
      [
        [-1, 2],
        [4, 1],
        [5, 1],
      ],
      3,
    ),
    exponential(0, [[2, 5]]),
  ]);
  expect(both.scale).toBe(0);
  expect(both.zero).toBe(3);
  expect([...both.positive].sort()).toEqual([
    [-1, 2],
    [2, 7],
  ]);
});
