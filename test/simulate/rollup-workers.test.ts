import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DetailStore } from '../../src/detail/index.ts';
import type { Ledger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { type Clock, createLogger, systemClock } from '../../src/lib/index.ts';
import { ooAgg } from '../../src/rollup/index.ts';
import { Scheduler } from '../../src/rollup/scheduler.ts';
import { openSqlDetail, type SqlDetail } from '../support/detail.ts';

const minute = 60_000;
const noon = Date.UTC(2026, 10, 20, 12);
const minutes = 4;
const clock: Clock = { ...systemClock, now: () => noon + minutes * minute + 121_000 };
const config = { delayS: 120, alignS: 60, initialLookbackS: minutes * 60 };

let store: SqlDetail;
let ledger: Ledger;
beforeAll(async () => {
  store = await openSqlDetail();
  ledger = await openTestLedger();
});
afterAll(async () => {
  await ledger.close();
  await store.close();
});

/** A process of its own, as far as the ledger can tell. */
const workerOf = (worker: string, tenant: string, detail: DetailStore, has = () => true): Scheduler =>
  new Scheduler({
    ledger,
    jobs: [ooAgg({ ledger, detail, clock, config })],
    tenants: async () => (has() ? [tenant] : []),
    clock,
    log: createLogger({ level: 'silent' }),
    worker,
    config: { workers: 1 },
  });

/** A hundred records in each minute of one bucket. */
const sendLogs = (tenant: string) =>
  store.exec(`INSERT INTO otel_logs (Tenant, Timestamp, SeverityNumber, ServiceName, Body, Shape, EventId)
    SELECT '${tenant}', toDateTime64(${noon / 1_000}, 9, 'UTC') + toIntervalMillisecond(number * 600), 9, 'shop', 'an order came', 7, number
      FROM numbers(${minutes * 100})`);

const counted = async (tenant: string): Promise<number> => {
  const rows = await ledger.query<{ n: string }>(
    'SELECT coalesce(sum(count_total), 0) AS n FROM log_pattern_5m JOIN dim_tenant t USING (tenant_id) WHERE t.code = $1',
    [tenant],
  );
  return Number(rows[0]?.n);
};

it('counts every minute of a bucket once when two workers have windows of it at the same time', async () => {
  await sendLogs('two');
  let begun = false;
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let reached: () => void = () => undefined;
  const reading = new Promise<void>((resolve) => {
    reached = resolve;
  });
  // The first worker has read its bucket, and is then slower than the second.
  const slow: DetailStore = {
    ...store,
    async query<Row>(query: Parameters<DetailStore['query']>[0]) {
      const answer = await store.query<Row>(query);
      if (query.name === 'rollup.bucket_shapes') {
        reached();
        await released;
      }
      return answer;
    },
  };
  const second = workerOf('second', 'two', store, () => begun);
  // At its first look at an embedded ledger a process takes what others hold for orphaned.
  await second.tick();
  const first = workerOf('first', 'two', slow).tick();
  await reading;
  begun = true;
  await second.tick();
  release();
  await first;
  expect(await counted('two')).toBe(minutes * 100);
  const runs = await ledger.query<{ state: string; successes: number }>(
    `SELECT state, successes FROM etl_job_run r JOIN dim_tenant t USING (tenant_id) WHERE t.code = 'two'`,
  );
  expect(runs).toEqual(Array.from({ length: minutes }, () => ({ state: 'success', successes: 1 })));
}, 120_000);

it('keeps the whole bucket when one of its windows is done again by a worker that read none of the others', async () => {
  await sendLogs('other');
  await workerOf('first', 'other', store).tick();
  expect(await counted('other')).toBe(minutes * 100);
  // What was read before is in the detail store of the process that read it.
  for (const table of ['rollup_slices', 'rollup_calls', 'rollup_shapes'])
    await store.exec(`TRUNCATE TABLE clew_internal.${table}`);
  const second = workerOf('second', 'other', store);
  const tenant = { code: 'other', id: await ledger.tenantId('other') };
  await second.replay('oo-agg', tenant, { from: noon + minute, to: noon + 2 * minute });
  await second.tick();
  expect(await counted('other')).toBe(minutes * 100);
}, 120_000);
