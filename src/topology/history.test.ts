import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Ledger } from '../ledger/index.ts';
import { openTestLedger } from '../ledger/testing.ts';
import { applySnapshot } from './history.ts';

const noon = Date.UTC(2026, 10, 20, 12);
const minute = 60_000;
const names = ['a', 'b', 'c', 'd'];
let ledger: Ledger;
let tenantId: number;
let otherId: number;
const ids = new Map<string, string>();

beforeAll(async () => {
  ledger = await openTestLedger();
  tenantId = await ledger.tenantId('shop');
  otherId = await ledger.tenantId('other');
  for (const name of names) {
    const [row] = await ledger.query<{ resource_id: string }>(
      `INSERT INTO dim_resource (tenant_id, urn, type, name) VALUES ($1, $2, 'host', $3) RETURNING resource_id`,
      [tenantId, `urn:host:${name}`, name],
    );
    ids.set(name, row?.resource_id ?? '');
  }
});
afterAll(() => ledger.close());

/** `ab` is an edge from a to b. */
const edgesOf = (pairs: readonly string[]) =>
  pairs.map((pair) => ({
    srcId: ids.get(pair.charAt(0)) ?? '',
    dstId: ids.get(pair.charAt(1)) ?? '',
    relation: 'DEPENDS_ON',
  }));
const apply = (source: string, at: number, pairs: readonly string[], tenant = tenantId) =>
  ledger.transaction((tx) =>
    applySnapshot(tx, tenant, { source, at, hash: pairs.join(), edges: edgesOf(pairs) }),
  );
const clear = () => ledger.query('TRUNCATE topo_edge_time, topo_snapshot');
const rowsOf = async (source: string) =>
  (
    await ledger.query<{ text: string }>(
      `SELECT s.name || d.name || ' ' || (extract(epoch FROM lower(valid)) - $2) / 60 || '-' ||
              coalesce(((extract(epoch FROM upper(valid)) - $2) / 60)::text, '') AS text
         FROM topo_edge_time JOIN dim_resource s ON s.resource_id = src_resource_id JOIN dim_resource d ON d.resource_id = dst_resource_id
        WHERE source = $1 ORDER BY s.name, d.name, valid`,
      [source, noon / 1_000],
    )
  ).map((row) => row.text.replaceAll(/\.0+(?=-|$)/g, ''));
const atMoment = async (at: number) =>
  (
    await ledger.query<{ text: string }>(
      `SELECT source || ' ' || s.name || d.name AS text
         FROM topo_edge_time JOIN dim_resource s ON s.resource_id = src_resource_id JOIN dim_resource d ON d.resource_id = dst_resource_id
        WHERE valid @> $1::timestamptz ORDER BY 1`,
      [new Date(at)],
    )
  ).map((row) => row.text);

it('an edge opens an interval, closes it when it disappears, and gets a further one when it comes back', async () => {
  await clear();
  expect(await apply('f', noon, ['ab', 'bc'])).toEqual({ opened: 2, closed: 0, kept: 0 });
  expect(await apply('f', noon + 5 * minute, ['ab'])).toEqual({ opened: 0, closed: 1, kept: 1 });
  expect(await apply('f', noon + 9 * minute, ['ab', 'bc'])).toEqual({ opened: 1, closed: 0, kept: 1 });
  expect(await rowsOf('f')).toEqual(['ab 0-', 'bc 0-5', 'bc 9-']);
});

it('the same snapshot again changes nothing, and one that says otherwise for the same moment replaces it', async () => {
  await clear();
  await apply('f', noon, ['ab']);
  await apply('f', noon + minute, ['ab', 'bc']);
  expect(await apply('f', noon, ['ab'])).toEqual({ opened: 0, closed: 0, kept: 1 });
  expect(await rowsOf('f')).toEqual(['ab 0-', 'bc 1-']);
  await apply('f', noon, ['cd']);
  expect(await rowsOf('f')).toEqual(['ab 1-', 'bc 1-', 'cd 0-1']);
});

it('a snapshot that comes late holds until the next one that is known', async () => {
  await clear();
  await apply('f', noon, ['ab']);
  await apply('f', noon + 10 * minute, ['ab', 'cd']);
  await apply('f', noon + 5 * minute, ['bc']);
  expect(await rowsOf('f')).toEqual(['ab 0-5', 'ab 10-', 'bc 5-10', 'cd 10-']);
});

it('sources are kept apart: what one no longer says, another may still say', async () => {
  await clear();
  await apply('f', noon, ['ab']);
  await apply('g', noon, ['ab']);
  await apply('f', noon + minute, []);
  expect(await atMoment(noon + 2 * minute)).toEqual(['g ab']);
});

it('the database itself refuses an edge of a source that is valid twice at one moment', async () => {
  await clear();
  await apply('f', noon, ['ab']);
  const again = ledger.query(
    `INSERT INTO topo_edge_time (tenant_id, src_resource_id, dst_resource_id, relation, source, valid)
     SELECT tenant_id, src_resource_id, dst_resource_id, relation, source, tstzrange($1, $2) FROM topo_edge_time`,
    [new Date(noon + minute), new Date(noon + 2 * minute)],
  );
  await expect(again).rejects.toThrow('ex_topo_once');
});

it('tenants do not touch each other', async () => {
  await clear();
  await apply('f', noon, ['ab']);
  await apply('f', noon + minute, [], otherId);
  expect(await rowsOf('f')).toEqual(['ab 0-']);
});

/** The truth: of each source the newest snapshot up to the moment, the later given of two for one moment. */
interface Told {
  source: string;
  at: number;
  pairs: string[];
}
function replayed(told: readonly Told[], at: number): string[] {
  const edges: string[] = [];
  for (const source of new Set(told.map((one) => one.source))) {
    let newest: Told | undefined;
    for (const one of told)
      if (one.source === source && one.at <= at && one.at >= (newest?.at ?? 0)) newest = one;
    edges.push(...(newest?.pairs ?? []).map((pair) => `${source} ${pair}`));
  }
  return edges.sort();
}

const pairs = fc.uniqueArray(fc.constantFrom('ab', 'bc', 'cd', 'da', 'ac'), { maxLength: 5 });
const telling = fc.record({ source: fc.constantFrom('f', 'g'), at: fc.integer({ min: 0, max: 12 }), pairs });
/** Out of order by nature; `again` names tellings that are repeated at the end. */
const history = fc.tuple(
  fc.array(telling, { minLength: 1, maxLength: 14 }),
  fc.array(fc.nat(13), { maxLength: 3 }),
);

it('topology at a moment equals a naive replay, for any history: late, repeated, of several sources', {
  timeout: 300_000,
}, async () => {
  const seed = 20_261_120;
  await fc.assert(
    fc.asyncProperty(history, async ([told, again]) => {
      await clear();
      const all = [...told, ...again.flatMap((index) => told[index] ?? [])].map((one) => ({
        ...one,
        at: noon + one.at * minute,
      }));
      for (const one of all) await apply(one.source, one.at, one.pairs);
      for (let moment = -1; moment <= 13; moment++) {
        const at = noon + moment * minute + 30_000;
        expect(await atMoment(at), `at minute ${moment}, seed ${seed}`).toEqual(replayed(all, at));
      }
    }),
    { numRuns: 40, seed },
  );
});
