import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Ledger } from '../ledger/index.ts';
import { openTestLedger } from '../ledger/testing.ts';
import { applyCalls } from './calls-history.ts';

const noon = Date.UTC(2026, 10, 20, 12);
const step = 300_000;
const idleMs = 2 * step;
let ledger: Ledger;
let tenantId: number;
const ids: string[] = [];

beforeAll(async () => {
  ledger = await openTestLedger();
  tenantId = await ledger.tenantId('shop');
  await ledger.query('SELECT ensure_partitions($1)', [new Date(noon)]);
  for (const name of ['a', 'b', 'c']) {
    const [row] = await ledger.query<{ resource_id: string }>(
      `INSERT INTO dim_resource (tenant_id, urn, type, name) VALUES ($1, $2, 'service', $3) RETURNING resource_id`,
      [tenantId, `urn:svc:${name}`, name],
    );
    ids.push(row?.resource_id ?? '');
  }
});
afterAll(() => ledger.close());
beforeEach(() => ledger.query('TRUNCATE topo_edge_time, service_call_5m'));

const seen = (dst: number, bucket: number) =>
  ledger.query(
    `INSERT INTO service_call_5m (bucket, tenant_id, src_resource_id, dst_resource_id, rps) VALUES ($1, $2, $3, $4, 1) ON CONFLICT DO NOTHING`,
    [new Date(noon + bucket * step), tenantId, ids[0], ids[dst]],
  );
/** Runs the job for the window of bucket `at` when everything before the end of `complete` is counted. */
const run = (at: number, complete = at) =>
  ledger.transaction((tx) =>
    applyCalls(tx, tenantId, {
      window: { from: noon + at * step, to: noon + (at + 1) * step },
      completeTo: noon + (complete + 1) * step,
      idleMs,
    }),
  );
const held = async (): Promise<string[]> =>
  (
    await ledger.query<{ text: string }>(
      `SELECT d.name || ' ' || round((extract(epoch FROM lower(valid)) - $1) / 300) || '-' ||
              coalesce(round((extract(epoch FROM upper(valid)) - $1) / 300)::text, '') AS text
         FROM topo_edge_time JOIN dim_resource d ON d.resource_id = dst_resource_id ORDER BY d.name, valid`,
      [noon / 1_000],
    )
  ).map((row) => row.text);

it('an edge stays open while it is seen, and for the idle time after', async () => {
  await seen(1, 0);
  await run(0);
  await run(1);
  await run(2);
  expect(await held()).toEqual(['b 0-']);
  await run(3);
  expect(await held()).toEqual(['b 0-1']);
});

it('a short pause leaves one interval, a long one makes two', async () => {
  for (const bucket of [0, 2, 8]) await seen(1, bucket);
  for (let at = 0; at <= 8; at++) await run(at);
  expect(await held()).toEqual(['b 0-3', 'b 8-']);
});

it('a window again changes nothing; a call that is counted late joins what lies around it', async () => {
  for (const bucket of [0, 6]) await seen(1, bucket);
  for (let at = 0; at <= 6; at++) await run(at);
  await run(6);
  await run(0, 6);
  expect(await held()).toEqual(['b 0-1', 'b 6-']);
  await seen(1, 3);
  await run(3, 6);
  expect(await held()).toEqual(['b 0-']);
});

/** The truth, from all rows at once. */
function islands(buckets: readonly number[], complete: number): string[] {
  const result: { from: number; to: number }[] = [];
  for (const bucket of [...new Set(buckets)].sort((a, b) => a - b)) {
    const last = result.at(-1);
    if (last !== undefined && (bucket - last.to) * step <= idleMs) last.to = bucket + 1;
    else result.push({ from: bucket, to: bucket + 1 });
  }
  return result.map((one) => `${one.from}-${(complete + 1 - one.to) * step <= idleMs ? '' : one.to}`);
}

it('for any calls, windows late and again, it equals what all rows say at once', {
  timeout: 300_000,
}, async () => {
  const late = fc.array(fc.record({ dst: fc.constantFrom(1, 2), bucket: fc.nat(20) }), { maxLength: 6 });
  const early = fc.array(fc.record({ dst: fc.constantFrom(1, 2), bucket: fc.nat(20) }), { maxLength: 16 });
  const jump = fc.nat(20);
  await fc.assert(
    fc.asyncProperty(early, late, jump, async (first, after, from) => {
      await ledger.query('TRUNCATE topo_edge_time, service_call_5m');
      for (const one of first) await seen(one.dst, one.bucket);
      // Some windows one by one, the others at once after a pause: they know that time went on.
      for (let at = 0; at <= 20; at++) await run(at, at < from ? at : 20);
      for (const one of after) {
        await seen(one.dst, one.bucket);
        await run(one.bucket, 20);
      }
      const expected = [1, 2].flatMap((dst) =>
        islands(
          [...first, ...after].filter((one) => one.dst === dst).map((one) => one.bucket),
          20,
        ).map((text) => `${dst === 1 ? 'b' : 'c'} ${text}`),
      );
      expect(await held()).toEqual(expected);
    }),
    { numRuns: 25, seed: 20_261_120 },
  );
});
