import { describe, expect, it } from 'vitest';
import { FamilyCache, familiesMax, isCounter } from './metadata.ts';

const gauge = { type: 2, help: '', unit: '' };

describe('families', () => {
  it('are found by the names of their series', () => {
    const cache = new FamilyCache();
    expect(cache.set('t', 'x_seconds', gauge)).toBe(true);
    for (const suffix of ['', '_bucket', '_count', '_sum', '_total'])
      expect(cache.find('t', `x_seconds${suffix}`), suffix).toEqual(gauge);
    expect(cache.find('t', 'x_seconds_max')).toBeUndefined();
    expect(cache.find('other', 'x_seconds')).toBeUndefined();
  });

  it('are news when they are new or change their type, not when their help changes', () => {
    const cache = new FamilyCache();
    expect(cache.set('t', 'x', gauge)).toBe(true);
    expect(cache.set('t', 'x', { ...gauge, help: 'other' })).toBe(false);
    expect(cache.find('t', 'x')?.help).toBe('other');
    expect(cache.set('t', 'x', { ...gauge, type: 1 })).toBe(true);
  });

  it('are remembered up to a number; further ones are no news and push none out', () => {
    const cache = new FamilyCache();
    for (let i = 0; i < familiesMax; i++) cache.set('t', `family_${i}`, gauge);
    expect(cache.set('t', 'one_more', gauge)).toBe(false);
    expect(cache.find('t', 'one_more')).toBeUndefined();
    expect(cache.set('t', 'family_0', { ...gauge, type: 1 })).toBe(true);
  });
});

/** Types: 0 unknown, 1 counter, 2 gauge, 3 histogram, 4 gauge histogram, 5 summary, 6 info, 7 state set. */
it.each([
  [0, 'x_total', true],
  [0, 'x_bucket', true],
  [0, 'x_seconds', false],
  [1, 'x', true],
  [1, 'x_created', false],
  [2, 'x_total', false],
  [3, 'x_bucket', true],
  [3, 'x_created', false],
  [4, 'x_bucket', false],
  [5, 'x', false],
  [5, 'x_sum', true],
  [6, 'x_info', false],
  [7, 'x', false],
])('type %i makes %s a counter: %s', (type, name, counts) => {
  expect(isCounter(type, name)).toBe(counts);
});
