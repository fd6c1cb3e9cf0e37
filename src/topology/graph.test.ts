import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../ledger/index.ts';
import { openTestLedger } from '../ledger/testing.ts';
import { serviceRef } from '../model/index.ts';
import { type CallEdge, distances, hops, impact, shortestPath } from './graph.ts';
import { storedCalls, storedHops, storedImpact, storedPath } from './stored.ts';

const noon = Date.UTC(2026, 10, 20, 12);
const window = { from: noon, to: noon + 600_000 };
const urn = (name: string) => serviceRef(name).urn;
const call = (from: string, to: string): CallEdge => ({
  src: urn(from),
  dst: urn(to),
  srcService: from,
  dstService: to,
  dstType: 'service',
  rps: 2,
  errorRate: 0.5,
  p50Ms: 10,
  p95Ms: 20,
});
const edgesOf = (text: string): CallEdge[] =>
  text.split(' ').map((pair) => call(pair[0] ?? '', pair[1] ?? ''));

describe('walks over an edge list', () => {
  const shop = edgesOf('ab bc bd de ce ca');

  it('count each hop once, in cycles too', () => {
    expect([...distances(shop, urn('a'), 9, 'down')].map(([of, at]) => `${of.at(-1)}${at}`)).toEqual([
      'a0',
      'b1',
      'c2',
      'd2',
      'e3',
    ]);
  });

  it('stop at the depth asked for', () => {
    expect(hops(shop, urn('b'), 1, 'down').map((edge) => edge.dst.at(-1))).toEqual(['c', 'd']);
    expect(hops(shop, urn('d'), 1, 'both').map((edge) => `${edge.src.at(-1)}${edge.dst.at(-1)}`)).toEqual([
      'bd',
      'de',
    ]);
  });

  it('name everyone who depends on a resource, the nearest first', () => {
    expect(impact(shop, urn('e')).map((one) => `${one.urn.at(-1)}${one.distance}`)).toEqual([
      'c1',
      'd1',
      'b2',
      'a3',
    ]);
  });

  it('find a shortest chain of calls, or none', () => {
    expect(shortestPath(shop, urn('a'), urn('e'))).toEqual(['a', 'b', 'c', 'e'].map(urn));
    expect(shortestPath(shop, urn('e'), urn('a'))).toBeNull();
    expect(shortestPath(shop, urn('a'), urn('a'))).toEqual([urn('a')]);
  });
});

describe('the same walks in the ledger', () => {
  let ledger: Ledger;
  let tenantId: number;

  beforeAll(async () => {
    ledger = await openTestLedger();
    tenantId = await ledger.tenantId('shop');
    await ledger.query('SELECT ensure_partitions($1)', [new Date(noon)]);
    for (const name of 'abcdef')
      await ledger.query(
        `INSERT INTO dim_resource (tenant_id, urn, type, name) VALUES ($1, $2, 'service', $3)`,
        [tenantId, urn(name), name],
      );
  });
  afterAll(() => ledger.close());

  const store = async (edges: readonly CallEdge[]) => {
    await ledger.query('TRUNCATE service_call_5m');
    for (const edge of edges)
      await ledger.query(
        `INSERT INTO service_call_5m (bucket, tenant_id, src_resource_id, dst_resource_id, rps, err_rate, p50_ms, p95_ms)
         SELECT $1, $2, s.resource_id, d.resource_id, 2, 0.5, 10, 20 FROM dim_resource s, dim_resource d
          WHERE s.urn = $3 AND d.urn = $4 AND s.tenant_id = $2 AND d.tenant_id = $2`,
        [new Date(noon), tenantId, edge.src, edge.dst],
      );
  };
  const sorted = (edges: readonly CallEdge[]) =>
    [...edges].sort((a, b) => (a.src + a.dst < b.src + b.dst ? -1 : 1));

  it('give what the functions give, on any graph', async () => {
    const node = fc.constantFrom(...'abcdef');
    const graph = fc.uniqueArray(
      fc.tuple(node, node).filter(([a, b]) => a !== b),
      { maxLength: 12, selector: ([a, b]) => a + b },
    );
    await fc.assert(
      fc.asyncProperty(
        graph,
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom('down', 'up', 'both'),
        async (pairs, depth, direction) => {
          const edges = pairs.map(([a, b]) => call(a, b));
          await store(edges);
          expect(sorted(await storedCalls(ledger, tenantId, window))).toEqual(sorted(edges));
          expect(
            sorted(await storedHops(ledger, tenantId, window, { urn: urn('a'), depth, direction })),
          ).toEqual(sorted(hops(edges, urn('a'), depth, direction)));
          expect(await storedImpact(ledger, tenantId, window, urn('f'))).toEqual(impact(edges, urn('f')));
          expect(await storedPath(ledger, tenantId, window, urn('a'), urn('f'))).toEqual(
            shortestPath(edges, urn('a'), urn('f')),
          );
        },
      ),
      { numRuns: 25, seed: 7 },
    );
  });
});
