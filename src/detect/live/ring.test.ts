import { describe, expect, it } from 'vitest';
import { binOf, Histogram, HistogramRing, Ring, ringBuckets } from './ring.ts';

describe('Ring', () => {
  it('forgets a bucket once a whole ring has passed, and never shows it as a newer one', () => {
    const ring = new Ring();
    ring.set(10, 5);
    ring.set(10 + ringBuckets, 7);
    expect(ring.get(10)).toBe(0);
    expect(ring.get(10 + ringBuckets)).toBe(7);
    expect(ring.get(11)).toBe(0);
  });

  it('is overwritten when a bucket is read again, not added to', () => {
    const ring = new Ring();
    ring.add(3, 2);
    ring.clear(3, 4);
    ring.add(3, 1);
    expect(ring.sum(0, 10)).toBe(1);
  });

  it('skipped buckets read as empty', () => {
    const ring = new Ring(Number.NaN);
    ring.set(1, 1);
    ring.set(5, 2);
    expect(ring.get(3)).toBeNaN();
  });
});

describe('Histogram', () => {
  it('reads quantiles with at most 9 % error over six decades', () => {
    for (const scale of [0.02, 1, 70, 4_000, 90_000]) {
      const histogram = new Histogram();
      for (let i = 1; i <= 1_000; i++) histogram.add(binOf((scale * i) / 1_000), 1);
      for (const q of [0.5, 0.95]) {
        expect(Math.abs((histogram.quantile(q) ?? 0) / (scale * q) - 1)).toBeLessThan(0.09);
      }
    }
  });

  it('merges buckets: the quantile of a window is that of all its durations', () => {
    const ring = new HistogramRing();
    ring.addPairs(1, [binOf(10)], [99]);
    ring.addPairs(2, [binOf(1_000)], [1]);
    const histogram = new Histogram();
    ring.mergeInto(histogram, 0, 3);
    expect(histogram.total).toBe(100);
    expect(histogram.quantile(0.5)).toBeCloseTo(10, -1);
    expect(histogram.countAbove(500)).toBe(1);
  });
});
