import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { median, normalTail, quantile, sortedOf, spread } from './robust.ts';

describe('robust statistics', () => {
  it('select the median that sorting gives', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: -5, max: 5 }), fc.double({ noNaN: true, min: -1e9, max: 1e9 })), {
          minLength: 1,
        }),
        (values) => {
          expect(median(values)).toBeCloseTo(quantile(sortedOf(values), 0.5), 6);
        },
      ),
    );
    expect(median([])).toBeNaN();
  });

  it('ignore a third of wild values', () => {
    const values = Array.from({ length: 90 }, (_, i) => (i % 3 === 0 ? 1e9 : 10 + (i % 5)));
    expect(median(values)).toBeLessThan(15);
    expect(spread(values, median(values))).toBeLessThan(5);
  });

  it('know the normal distribution’s tail', () => {
    expect(normalTail(1.959964)).toBeCloseTo(0.05, 5);
    expect(normalTail(5) / 5.733e-7).toBeCloseTo(1, 3);
    expect(normalTail(100)).toBeGreaterThan(0);
  });
});
