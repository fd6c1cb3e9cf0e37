import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Ledger } from '../ledger/index.ts';
import { openTestLedger } from '../ledger/testing.ts';
import { upsertResources } from './write.ts';

let ledger: Ledger;
beforeAll(async () => {
  ledger = await openTestLedger();
});
afterAll(() => ledger.close());

it('gives the ids of resources that another window makes at the same time', async ({ skip }) => {
  skip(ledger.capabilities.embedded, 'the embedded ledger runs one transaction at a time');
  const tenantId = await ledger.tenantId('write');
  const rows = ['a', 'b'].map((name) => ({ urn: `urn:svc:${name}`, type: 'service', name }));
  let second: Promise<Map<string, string>> | undefined;
  const first = await ledger.transaction(async (tx) => {
    const ids = await upsertResources(tx, tenantId, rows);
    second = ledger.transaction((other) => upsertResources(other, tenantId, rows));
    // Until the other statement waits for ours it has not looked yet.
    for (;;) {
      const [waiting] = await ledger.query<{ n: number }>(
        "SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
      );
      if ((waiting?.n ?? 0) > 0) return ids;
    }
  });
  expect(first.size).toBe(2);
  expect(await second).toEqual(first);
});
