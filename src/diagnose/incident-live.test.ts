import { describe, expect, it } from 'vitest';
import type { Series } from './incident.ts';
import { chained } from './incident-live.ts';

const series = (service: string, metric: string, times: number[]): Series => ({
  service,
  metric,
  times,
  values: times.map((at) => at * 10),
});

describe('series of instances', () => {
  it('an instance that follows another continues its series, in whatever order they come', () => {
    const parts = [series('cart', 'memory', [3, 4]), series('cart', 'memory', [1, 2])];
    expect(chained(parts)).toEqual([
      { service: 'cart', metric: 'memory', times: [1, 2, 3, 4], values: [10, 20, 30, 40] },
    ]);
  });

  it('instances side by side stay apart, and a third one follows the one that went', () => {
    const parts = [
      series('cart', 'memory', [1, 2, 3, 4, 5]),
      series('cart', 'memory', [1, 2]),
      series('cart', 'memory', [3, 4]),
    ];
    expect(chained(parts).map(({ times }) => times)).toEqual([
      [1, 2, 3, 4, 5],
      [1, 2, 3, 4],
    ]);
  });

  it('metrics and services are not mixed, and what was given is not changed', () => {
    const parts = [series('cart', 'cpu', [1]), series('cart', 'memory', [2]), series('shop', 'memory', [3])];
    expect(chained(parts)).toEqual(parts);
    const first = parts[0];
    chained([...parts, series('cart', 'cpu', [5])]);
    expect(first?.times).toEqual([1]);
  });
});
