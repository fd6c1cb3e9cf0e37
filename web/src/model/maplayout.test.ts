import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  around,
  edgeId,
  edgeWidth,
  type Graph,
  grouped,
  groupOf,
  layOut,
  type MapNode,
} from './maplayout.ts';

const spacing = { x: 100, y: 10 };

const node = (urn: string, extra: Partial<MapNode> = {}): MapNode => ({
  urn,
  service: urn,
  type: 'service',
  health: 'ok',
  rps: 1,
  error_rate: 0,
  p95_ms: 10,
  ...extra,
});

const graphOf = (nodes: string[], calls: string[]): Graph => ({
  nodes: nodes.map((urn) => node(urn)),
  edges: calls.map((call) => {
    const [src = '', dst = ''] = call.split('>');
    return { src, dst, rps: 2, error_rate: 0.5, p50_ms: 1, p95_ms: 2 };
  }),
});

const layers = (graph: Graph): Record<string, number> =>
  Object.fromEntries(layOut(graph, spacing).nodes.map((spot) => [spot.urn, spot.layer]));

describe('layout', () => {
  test('callers stand left of everything they call, by the longest way', () => {
    const graph = graphOf(['a', 'b', 'c', 'd'], ['a>b', 'b>c', 'a>c', 'c>d']);
    expect(layers(graph)).toEqual({ a: 0, b: 1, c: 2, d: 3 });
  });

  test('a cycle is broken, not endless', () => {
    const placed = layers(graphOf(['a', 'b', 'c'], ['a>b', 'b>c', 'c>a']));
    expect(Object.keys(placed).sort()).toEqual(['a', 'b', 'c']);
  });

  test('a call over several layers keeps a place free in each that it passes', () => {
    const graph = graphOf(['a', 'b', 'c'], ['a>b', 'b>c', 'a>c']);
    const layout = layOut(graph, spacing);
    expect(layout.bends.get(edgeId({ src: 'a', dst: 'c' }))).toHaveLength(1);
    const taken = layout.nodes.map((spot) => `${spot.x} ${spot.y}`);
    const [bend] = layout.bends.get('a c') ?? [];
    expect(taken).not.toContain(`${bend?.x} ${bend?.y}`);
  });

  test('the same graph looks the same, whatever the order it came in', () => {
    const graph = graphOf(['a', 'b', 'c', 'd'], ['a>b', 'a>c', 'c>d', 'b>d']);
    const turned = { nodes: [...graph.nodes].reverse(), edges: [...graph.edges].reverse() };
    expect(layOut(turned, spacing).nodes).toEqual(layOut(graph, spacing).nodes);
  });

  test('no two services share a place and none is lost, whatever calls whom', () => {
    const calls = fc.array(fc.tuple(fc.nat(9), fc.nat(9)), { maxLength: 30 });
    fc.assert(
      fc.property(calls, (pairs) => {
        const names = Array.from({ length: 10 }, (_, i) => `n${i}`);
        const graph = graphOf(names, [...new Set(pairs.map(([a, b]) => `n${a}>n${b}`))]);
        const { nodes } = layOut(graph, spacing);
        expect(new Set(nodes.map((spot) => `${spot.x} ${spot.y}`)).size).toBe(10);
        expect(nodes.map((spot) => spot.urn).sort()).toEqual(names);
      }),
    );
  });
});

test('focus shows what lies within the hops, callers and called', () => {
  const graph = graphOf(['a', 'b', 'c', 'd', 'e'], ['a>b', 'b>c', 'c>d', 'd>e']);
  expect(around(graph, 'c', 1).nodes.map((each) => each.urn)).toEqual(['b', 'c', 'd']);
  expect(around(graph, 'c', 1).edges).toHaveLength(2);
});

describe('groups', () => {
  test('the namespace names the group, then the word before the dash, then the type', () => {
    expect(groupOf(node('urn:k8s:svc:shop/cart'))).toBe('shop');
    expect(groupOf(node('urn:svc:billing-api', { service: 'billing-api' }))).toBe('billing');
    expect(groupOf(node('urn:ext:x:1', { type: 'external', service: 'x:1' }))).toBe('external');
  });

  const many: Graph = {
    nodes: Array.from({ length: 50 }, (_, i) =>
      node(`urn:k8s:svc:${i % 2 ? 'a' : 'b'}/s${i}`, {
        health: i === 7 ? 'failing' : 'ok',
        rps: 2,
        error_rate: i === 7 ? 1 : 0,
      }),
    ),
    edges: [
      { src: 'urn:k8s:svc:b/s0', dst: 'urn:k8s:svc:a/s1', rps: 3, error_rate: 0, p50_ms: 1, p95_ms: 5 },
      { src: 'urn:k8s:svc:b/s2', dst: 'urn:k8s:svc:a/s3', rps: 1, error_rate: 1, p50_ms: 2, p95_ms: 9 },
      { src: 'urn:k8s:svc:a/s1', dst: 'urn:k8s:svc:a/s3', rps: 9, error_rate: 0, p50_ms: 1, p95_ms: 1 },
    ],
  };

  test('above the limit services become groups as sick as their sickest, calls are added up', () => {
    const small = grouped(many, new Set());
    expect(small.nodes.map((each) => each.service).sort()).toEqual(['a', 'b']);
    expect(small.nodes.find((each) => each.service === 'a')?.health).toBe('failing');
    expect(small.edges).toEqual([
      { src: 'group:b', dst: 'group:a', rps: 4, error_rate: 0.25, p50_ms: 2, p95_ms: 9 },
    ]);
  });

  test('an opened group shows its services', () => {
    expect(grouped(many, new Set(['a'])).nodes).toHaveLength(26);
  });

  test('up to the limit nothing is grouped', () => {
    const few = graphOf(['a', 'b'], ['a>b']);
    expect(grouped(few, new Set()).members.size).toBe(0);
  });
});

test('lines grow with the rate between 1 and 6 pixels', () => {
  expect(edgeWidth(0, 10)).toBe(1);
  expect(edgeWidth(10, 10)).toBe(6);
  expect(edgeWidth(1, 10)).toBeLessThan(edgeWidth(5, 10));
});
