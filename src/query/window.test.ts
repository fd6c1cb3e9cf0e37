import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bucketStarts, bucketsOf, checkWindow, walkBack } from './window.ts';

const windows = fc
  .tuple(fc.integer({ min: 1, max: 2_000_000_000_000 }), fc.integer({ min: 1, max: 2_678_400_000 }))
  .map(([from, length]) => ({ from, to: from + length }));

test('the parts of a walk back are disjoint, newest first, and cover the window', () => {
  fc.assert(
    fc.property(windows, (window) => {
      const parts = walkBack(window);
      expect(parts.length).toBeLessThanOrEqual(6);
      expect(parts[0]?.to).toBe(window.to);
      expect(parts.at(-1)?.from).toBe(window.from);
      for (const [i, part] of parts.entries()) {
        expect(part.from).toBeLessThan(part.to);
        if (i > 0) expect(part.to).toBe(parts[i - 1]?.from);
      }
    }),
    { seed: 1 },
  );
});

test('buckets are aligned, cover the window and are not more than asked for by more than one', () => {
  fc.assert(
    fc.property(windows, fc.integer({ min: 1, max: 500 }), (window, wanted) => {
      const buckets = bucketsOf(window, wanted);
      const starts = bucketStarts(buckets);
      expect(buckets.origin % buckets.stepMs).toBe(0);
      expect(starts[0]).toBeLessThanOrEqual(window.from);
      expect((starts.at(-1) ?? 0) + buckets.stepMs).toBeGreaterThanOrEqual(window.to);
      expect(starts.length).toBeLessThanOrEqual(wanted + 1);
    }),
    { seed: 2 },
  );
});

test('a bucket width is one that a person can name', () => {
  expect(bucketsOf({ from: 0, to: 3_600_000 }, 60).stepMs).toBe(60_000);
  expect(bucketsOf({ from: 0, to: 1_800_000 }, 60).stepMs).toBe(30_000);
  expect(bucketsOf({ from: 0, to: 1_000_000 }, 60).stepMs).toBe(30_000);
});

test('a window that ends before it starts or is too long is refused, naming the setting', () => {
  expect(() => checkWindow({ from: 5, to: 5 }, 1_000)).toThrow(/from \(5\) must be before to \(5\)/);
  expect(() => checkWindow({ from: 0, to: 40 * 86_400_000 }, 31 * 86_400_000)).toThrow(
    /40 days long; the limit is 31 days \(query.window_s_max\)/,
  );
});
