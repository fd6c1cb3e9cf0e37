import { describe, expect, it } from 'vitest';
import { comparedMs, explainedPath, measuredRange, medianOf } from './explained.ts';

const graph = {
  nodes: ['gateway', 'frontend', 'cart', 'checkout', 'urn:db:sqlite:a/orders.db'].map((service) => ({
    service,
  })),
  edges: [
    { from: 'gateway', to: 'frontend' },
    { from: 'frontend', to: 'cart' },
    { from: 'frontend', to: 'checkout' },
    { from: 'checkout', to: 'urn:db:sqlite:a/orders.db' },
    { from: 'cart', to: 'checkout' },
  ],
};

describe('the explained path', () => {
  it('goes from the cause to all who suffer, and no further', () => {
    const path = explainedPath(graph, { resource: 'urn:db:sqlite:a/orders.db', service: 'checkout' }, [
      'checkout',
      'frontend',
      'gateway',
    ]);
    expect(path.cause).toBe('urn:db:sqlite:a/orders.db');
    expect([...path.nodes]).toEqual(['urn:db:sqlite:a/orders.db', 'checkout', 'frontend', 'gateway']);
    expect([...path.edges].sort()).toEqual([
      'checkout urn:db:sqlite:a/orders.db',
      'frontend checkout',
      'gateway frontend',
    ]);
  });

  it('names the service where the resource is not drawn, nothing where neither is', () => {
    expect(explainedPath(graph, { resource: 'urn:svc:cart', service: 'cart' }, []).cause).toBe('cart');
    expect(explainedPath(graph, { resource: 'urn:x', service: 'y' }, ['cart']).nodes.size).toBe(0);
    expect(explainedPath(graph, undefined, ['cart']).cause).toBeUndefined();
  });

  it('ends in a cycle', () => {
    const round = {
      nodes: [{ service: 'a' }, { service: 'b' }],
      edges: [
        { from: 'a', to: 'b' },
        { from: 'b', to: 'a' },
      ],
    };
    expect(explainedPath(round, { resource: 'a', service: 'a' }, ['a', 'b']).edges.size).toBe(2);
  });
});

describe('the range of a chart', () => {
  const points = [null, 0, 0, 4, 8, 6, 100].map((value, i) => ({ at: i * 1_000, value }));

  it('has the median of what was measured before', () => {
    expect(medianOf(points, { from: 3_000, to: 6_000 })).toBe(6);
    expect(medianOf(points, { from: 3_000, to: 5_000 })).toBe(6);
    expect(medianOf(points, { from: 90_000, to: 91_000 })).toBeNull();
  });

  it('begins where something was measured and holds the incident', () => {
    const range = measuredRange(points, { from: 5_000, to: 9_000 });
    expect(range.from).toBeLessThan(3_000);
    expect(range.from).toBeGreaterThan(2_000);
    expect(range.to).toBe(9_000);
  });
});

describe('figures of a sentence', () => {
  it('are compared where it has both', () => {
    expect(comparedMs('own_time.up', { before: '3', now: '37' })).toEqual({ before: 3, now: 37 });
    expect(
      comparedMs('version.worse', { p95: '189', p95Before: '7.7', version: 'v2', previous: 'v1' })?.names,
    ).toEqual({ before: 'v1', now: 'v2' });
    expect(comparedMs('own_time.up', { before: '3' })).toBeNull();
    expect(comparedMs('log_pattern.new', { rate: '0.4' })).toBeNull();
  });
});
