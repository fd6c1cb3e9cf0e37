import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Ledger } from '../ledger/index.ts';
import { openTestLedger } from '../ledger/testing.ts';
import { momentsOf, pathAt, reachedAt, topologyAt, topologyBetween } from './at.ts';
import type { Relation } from './edge.ts';
import { type CallEdge, distances, shortestPath } from './graph.ts';
import { applySnapshot } from './history.ts';

const noon = Date.UTC(2026, 10, 20, 12);
const minute = 60_000;
let ledger: Ledger;
let tenantId: number;
const ids = new Map<string, string>();
const urn = (name: string) => `urn:host:${name}`;

beforeAll(async () => {
  ledger = await openTestLedger();
  tenantId = await ledger.tenantId('shop');
  for (const name of 'abcdef') {
    const [row] = await ledger.query<{ resource_id: string }>(
      `INSERT INTO dim_resource (tenant_id, urn, type, name) VALUES ($1, $2, 'host', $3) RETURNING resource_id`,
      [tenantId, urn(name), name],
    );
    ids.set(name, row?.resource_id ?? '');
  }
});
afterAll(() => ledger.close());

/** `ab` depends, `a>b` contains. */
const tell = (source: string, at: number, edges: readonly string[]) =>
  ledger.transaction((tx) =>
    applySnapshot(tx, tenantId, {
      source,
      at: noon + at * minute,
      hash: '',
      edges: edges.map((text) => ({
        srcId: ids.get(text.charAt(0)) ?? '',
        dstId: ids.get(text.at(-1) ?? '') ?? '',
        relation: (text.includes('>') ? 'CONTAINS' : 'DEPENDS_ON') satisfies Relation,
      })),
    }),
  );
const clear = () => ledger.query('TRUNCATE topo_edge_time, topo_snapshot');
const short = (edge: { src: string; dst: string }) => `${edge.src.at(-1)}${edge.dst.at(-1)}`;
const at = (minutes: number) => noon + minutes * minute;

it('tells what held at a moment, since when, until when, and who says so', async () => {
  await clear();
  await tell('f', 0, ['ab', 'bc']);
  await tell('g', 2, ['ab']);
  await tell('f', 5, ['ab']);
  const early = await topologyAt(ledger, tenantId, at(3));
  expect(early.edges).toEqual([
    { src: urn('a'), dst: urn('b'), relation: 'DEPENDS_ON', sources: ['f', 'g'], since: at(0), until: null },
    { src: urn('b'), dst: urn('c'), relation: 'DEPENDS_ON', sources: ['f'], since: at(0), until: at(5) },
  ]);
  expect(early.nodes.map((node) => node.name)).toEqual(['a', 'b', 'c']);
  expect((await topologyAt(ledger, tenantId, at(5))).edges.map(short)).toEqual(['ab']);
  expect((await topologyAt(ledger, tenantId, at(-1))).edges).toEqual([]);
  expect(
    (await topologyAt(ledger, tenantId, at(3), { relations: [], source: 'g' })).edges.map(short),
  ).toEqual(['ab']);
  expect((await topologyAt(ledger, tenantId, at(3), { relations: ['CONTAINS'], source: '' })).edges).toEqual(
    [],
  );
  expect((await topologyAt(ledger, await ledger.tenantId('other'), at(3))).edges).toEqual([]);
});

it('tells what is different between two moments, either way round', async () => {
  await clear();
  await tell('f', 0, ['ab', 'bc']);
  await tell('f', 5, ['ab', 'ad']);
  const status = (list: { status: string }[], name: (one: never) => string) =>
    list.map((one) => `${name(one as never)} ${one.status}`);
  const there = await topologyBetween(ledger, tenantId, { from: at(1), to: at(6) });
  expect(status(there.edges, short)).toEqual(['ad added', 'bc removed', 'ab kept']);
  expect(status(there.nodes, (node: { name: string }) => node.name)).toEqual([
    'c removed',
    'd added',
    'a kept',
    'b kept',
  ]);
  const back = await topologyBetween(ledger, tenantId, { from: at(6), to: at(1) });
  expect(status(back.edges, short)).toEqual(['ad removed', 'bc added', 'ab kept']);
});

it('tells when topology changed', async () => {
  await clear();
  await tell('f', 0, ['ab', 'bc']);
  await tell('f', 5, ['ab', 'ad', 'ae']);
  expect(await momentsOf(ledger, tenantId, { from: at(-1), to: at(9) })).toEqual([
    { at: at(0), opened: 2, closed: 0 },
    { at: at(5), opened: 2, closed: 1 },
  ]);
  expect(await momentsOf(ledger, tenantId, { from: at(1), to: at(4) })).toEqual([]);
});

it('holding something is no dependency: who only contains it is not affected', async () => {
  await clear();
  await tell('f', 0, ['ab', 'c>b']);
  const walk = { at: at(1), urn: urn('b'), depth: 5, direction: 'up' as const, relations: [] };
  expect(await reachedAt(ledger, tenantId, walk)).toEqual([{ urn: urn('a'), distance: 1 }]);
  expect(await reachedAt(ledger, tenantId, { ...walk, relations: ['CONTAINS'] })).toEqual([
    { urn: urn('c'), distance: 1 },
  ]);
  expect(await reachedAt(ledger, tenantId, { ...walk, urn: urn('c') })).toEqual([]);
  expect(await reachedAt(ledger, tenantId, { ...walk, urn: urn('f') })).toBeNull();
});

it('neighbourhood, impact and paths at a moment equal those of the plain functions, on any graph, cycles too', async () => {
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
        await clear();
        await tell(
          'f',
          0,
          pairs.map(([a, b]) => a + b),
        );
        await tell('f', 9, []);
        const edges = pairs.map(([a, b]) => ({ src: urn(a), dst: urn(b) }) as CallEdge);
        const expected = [...distances(edges, urn('a'), depth, direction)]
          .filter(([, distance]) => distance > 0)
          .map(([of, distance]) => ({ urn: of, distance }))
          .sort((x, y) => x.distance - y.distance || (x.urn < y.urn ? -1 : 1));
        const walk = { at: at(1), urn: urn('a'), relations: [] };
        expect((await reachedAt(ledger, tenantId, { ...walk, depth, direction })) ?? []).toEqual(expected);
        expect(await pathAt(ledger, tenantId, { ...walk, dst: urn('f') })).toEqual(
          shortestPath(edges, urn('a'), urn('f')),
        );
        expect(await reachedAt(ledger, tenantId, { ...walk, at: at(10), depth, direction })).toBeNull();
      },
    ),
    { numRuns: 25, seed: 20_261_120 },
  );
});
