import { describe, expect, it } from 'vitest';
import { arrivalMs, journeys, pick, regions } from './journeys.ts';

describe('journeys', () => {
  it('are picked by their share', () => {
    const names = Array.from({ length: 100 }, (_, index) => pick(journeys, (index + 0.5) / 100).name);
    for (const { name, share } of journeys)
      expect(names.filter((picked) => picked === name)).toHaveLength(Math.round(share * 100));
  });

  it('pick works for both ends of chance, and refuses an empty list', () => {
    expect(pick(regions, 0).name).toBe('eu');
    expect(pick(regions, 0.999_999).name).toBe('apac');
    expect(() => pick([], 0.5)).toThrow(RangeError);
  });

  it('arrive on average as often as asked for', () => {
    const count = 10_000;
    const waits = Array.from({ length: count }, (_, index) => arrivalMs(5, index / count));
    expect(waits.reduce((sum, ms) => sum + ms, 0) / count).toBeGreaterThan(195);
    expect(waits.reduce((sum, ms) => sum + ms, 0) / count).toBeLessThan(205);
  });
});
