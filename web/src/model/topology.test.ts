import { describe, expect, test } from 'vitest';
import type { Graph, MapNode } from './maplayout.ts';
import {
  bundled,
  comparedCalls,
  drawnTopology,
  groupName,
  joinedGraphs,
  outsideUrn,
  reach,
  type Status,
  wayBetween,
  withOutside,
} from './topology.ts';

const node = (urn: string): MapNode => ({
  urn,
  service: urn,
  type: 'service',
  health: 'ok',
  rps: 1,
  error_rate: 0,
  p95_ms: 1,
});
/** `ab` calls; `ab-` was removed. */
const graphOf = (calls: string[]): Graph => ({
  nodes: [...new Set(calls.flatMap((call) => [call.charAt(0), call.charAt(1)]))].map(node),
  edges: calls.map((call) => ({
    src: call.charAt(0),
    dst: call.charAt(1),
    rps: 3,
    error_rate: 0.5,
    p50_ms: 1,
    p95_ms: 2,
    ...(call.endsWith('-') ? { status: 'removed' as Status } : {}),
  })),
});

test('who calls without a span of their own is one node with the figures of their calls', () => {
  const call = (dst: string, rps: number, error_rate: number) => ({
    src: outsideUrn,
    dst,
    rps,
    error_rate,
    p50_ms: null,
    p95_ms: null,
  });
  const graph = {
    nodes: [node(outsideUrn), node('urn:svc:a'), node('urn:svc:b')],
    edges: [call('urn:svc:a', 3, 0), call('urn:svc:b', 1, 0.4)],
  };
  const [outside, a] = withOutside(graph, 'Users').nodes;
  expect(outside).toMatchObject({ service: 'Users', type: 'outside', rps: 4, error_rate: 0.1 });
  expect(a).toBe(graph.nodes[1]);
  const inner = { nodes: [node('urn:svc:a')], edges: [] };
  expect(withOutside(inner, 'Users')).toBe(inner);
});

describe('impact and ways on the screen', () => {
  test('who is affected is told with its distance, in cycles too', () => {
    const graph = graphOf(['ab', 'bc', 'ca', 'dc']);
    expect([...reach(graph, 'c', 'up')]).toEqual([
      ['b', 1],
      ['d', 1],
      ['a', 2],
    ]);
    expect([...reach(graph, 'd', 'down')]).toEqual([
      ['c', 1],
      ['a', 2],
      ['b', 3],
    ]);
  });

  test('a line that is gone leads nowhere', () => {
    expect([...reach(graphOf(['ab', 'bc-']), 'a', 'down')]).toEqual([['b', 1]]);
  });

  test('the way is a shortest one, in whichever direction there is one', () => {
    const graph = graphOf(['ab', 'bc', 'cd', 'ac']);
    expect(wayBetween(graph, 'a', 'd')).toEqual(['a', 'c', 'd']);
    expect(wayBetween(graph, 'd', 'a')).toEqual(['a', 'c', 'd']);
    expect(wayBetween(graphOf(['ab', 'cd']), 'a', 'd')).toBeNull();
    expect(wayBetween(graph, 'a', 'a')).toEqual(['a']);
  });
});

describe('topology as a graph to draw', () => {
  const answer = {
    nodes: ['stack', 'web', 'db'].map((name) => ({
      urn: name,
      name,
      type: 'cloud',
      status: 'added' as Status,
    })),
    edges: [
      { src: 'stack', dst: 'web', relation: 'CONTAINS', sources: ['f'], status: 'added' as Status },
      { src: 'web', dst: 'db', relation: 'DEPENDS_ON', sources: ['f'], status: 'added' as Status },
      { src: 'web', dst: 'db', relation: 'USES', sources: ['f'], status: 'kept' as Status },
    ],
    truncated: false,
  };

  test('two relations are one line, and who only holds others is left out', () => {
    const drawn = drawnTopology(answer, undefined);
    expect(drawn.nodes.map((one) => one.urn)).toEqual(['web', 'db']);
    expect(drawn.edges).toMatchObject([
      { src: 'web', dst: 'db', relation: 'DEPENDS_ON · USES', status: 'kept' },
    ]);
  });

  test('where there is nothing but holding, that is drawn', () => {
    expect(
      drawnTopology({ ...answer, edges: answer.edges.slice(0, 1) }, undefined).nodes.map((one) => one.urn),
    ).toEqual(['stack', 'web']);
  });

  test('figures come from the calls of the moment', () => {
    const calls: Graph = {
      nodes: [{ ...node('web'), health: 'failing', rps: 7 }],
      edges: [{ src: 'web', dst: 'db', rps: 7, error_rate: 1, p50_ms: 1, p95_ms: 2 }],
    };
    const drawn = drawnTopology(answer, calls);
    expect(drawn.nodes[0]).toMatchObject({ health: 'failing', rps: 7, status: 'added' });
    expect(drawn.edges[0]).toMatchObject({ rps: 7, error_rate: 1 });
    const joined = joinedGraphs(calls, drawnTopology(answer, undefined));
    expect(joined.edges).toMatchObject([{ rps: 7, relation: 'DEPENDS_ON · USES' }]);
    expect(joined.nodes.map((one) => [one.urn, one.rps])).toEqual([
      ['web', 7],
      ['db', 0],
    ]);
  });

  test('groups are clouds and namespaces', () => {
    expect(
      ['urn:cloud:aws:lb:x', 'urn:k8s:deployment:shop/cart', 'urn:svc:cart-api'].map((urn) =>
        groupName({ ...node(urn), service: 'cart-api' }),
      ),
    ).toEqual(['aws', 'shop', 'cart']);
  });
});

test('the calls of two moments: new, gone, as before', () => {
  const compared = comparedCalls(graphOf(['ab', 'bc']), graphOf(['ab', 'ad']));
  expect(compared.edges.map((edge) => `${edge.src}${edge.dst} ${edge.status}`)).toEqual([
    'ab kept',
    'bc removed',
    'ad added',
  ]);
  expect(compared.nodes.map((one) => `${one.urn} ${one.status} ${one.rps}`)).toEqual([
    'a kept 1',
    'b kept 1',
    'c removed 0',
    'd added 1',
  ]);
  const declared = { nodes: [{ ...node('d'), status: 'kept' as Status }], edges: [] };
  expect(joinedGraphs(compared, declared).nodes.find((one) => one.urn === 'd')?.status).toBe('kept');
});

test('marks that the eye can not part become one', () => {
  const mark = (at: number, kind: 'change' | 'incident' = 'change') => ({ at, kind, text: String(at) });
  expect(bundled([mark(5), mark(0), mark(50), mark(3, 'incident')], 10)).toEqual([
    { at: 0, kind: 'change', text: '0\n5', count: 2 },
    { at: 3, kind: 'incident', text: '3', count: 1 },
    { at: 50, kind: 'change', text: '50', count: 1 },
  ]);
});
