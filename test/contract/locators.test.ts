/** Runs on both twins of the ledger (vitest.config.ts). */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Ledger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { forgetLocators } from '../../src/rollup/locators.ts';

const now = Date.UTC(2026, 10, 20, 12);
const day = 86_400_000;
const time = (ms: number) => new Date(ms).toISOString();

let ledger: Ledger;
beforeAll(async () => {
  ledger = await openTestLedger();
});
afterAll(() => ledger.close());

it('forgets locators with the rows that lead by them to raw records, but none that evidence names', async () => {
  const tenantId = await ledger.tenantId('shop');
  const ages = { young: 170, old: 181, named: 400 };
  for (const [name, days] of Object.entries(ages)) {
    const from = time(now - days * day);
    await ledger.query(
      `INSERT INTO oo_locator (tenant_id, dataset, bucket, object_key, t_from, t_to, query_hint)
       VALUES ($1, 'logs', 'otel_logs', $2, $3, $3, '{}'), ($1, 'traces', 'otel_traces', $2, $3, $3, '{}')`,
      [tenantId, name, from],
    );
  }
  await ledger.query(
    `WITH event AS (
       INSERT INTO event_envelope (event_id, detected_at, tenant_id, severity, kind, title)
       VALUES (gen_random_uuid(), now(), $1, 'INFO', 'test', 'names a locator') RETURNING event_id
     )
     INSERT INTO evidence_link (event_id, dim, ref_oo)
     SELECT event_id, 'log', id FROM event, oo_locator WHERE object_key = 'named' AND dataset = 'logs'`,
    [tenantId],
  );
  expect(await forgetLocators(ledger, now)).toBe(2);
  const left = await ledger.query<{ dataset: string; object_key: string }>(
    `SELECT dataset, object_key FROM oo_locator WHERE object_key = ANY($1::text[]) ORDER BY 1, 2`,
    [Object.keys(ages)],
  );
  expect(left.map((row) => `${row.dataset} ${row.object_key}`)).toEqual([
    'logs named',
    'logs young',
    'traces old',
    'traces young',
  ]);
});
