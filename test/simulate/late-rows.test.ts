import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createAdmission, createCardinality } from '../../src/admit/index.ts';
import { configSchema } from '../../src/config/index.ts';
import { openDetailStore, type WritableStore } from '../../src/detail/index.ts';
import type { Ledger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { type Clock, createLogger, systemClock } from '../../src/lib/index.ts';
import { floorTo } from '../../src/model/index.ts';
import { createOtlpIntake, otlpRoutes } from '../../src/receive/index.ts';
import { createRollup, type Job, knownTenants, type Rollup } from '../../src/rollup/index.ts';
import { lateSettleMs } from '../../src/rollup/late.ts';

const log = createLogger({ level: 'silent' });
const minute = 60_000;
const config = configSchema.parse({ rollup: { initialLookbackS: 900, latenessS: 3_600 } });
/** The present minute; the windows of the last quarter of an hour are due. */
let now = Math.floor(systemClock.now() / minute) * minute;
const start = now;
let monotonic = 0;
const clock: Clock = { ...systemClock, now: () => now, monotonic: () => monotonic };

/** Comes after oo-agg with longer windows, and never looks at details itself. */
const follower: Job = {
  name: 'follower',
  after: ['oo-agg'],
  alignMs: 5 * minute,
  delayMs: config.rollup.delayS * 1_000,
  initialLookbackMs: 20 * minute,
  run: async () => ({ rowsRead: 0, rowsWritten: 0, rowsConflict: 0, leftOut: {} }),
};

let dir = '';
let detail: WritableStore;
let ledger: Ledger;
let app: FastifyInstance;
let rollup: Rollup;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'clew-late-'));
  ledger = await openTestLedger();
  detail = await openDetailStore({ dir, config, clock: systemClock, log });
  const door = createAdmission({
    config,
    clock: systemClock,
    log,
    append: (block) => detail.append(block),
    pendingBytes: () => detail.health().pendingBytes,
  });
  const guard = createCardinality(config.limits);
  app = Fastify();
  const deps = { door, guard, config: config.ingest, clock: systemClock, log };
  await app.register(otlpRoutes(deps, createOtlpIntake(deps)));
  rollup = createRollup({
    ledger,
    detail,
    config: config.rollup,
    patterns: config.patterns,
    tenants: () => knownTenants(ledger, config.tenant),
    clock,
    log,
    worker: 'late',
    jobs: [follower],
  });
}, 60_000);
afterAll(async () => {
  await app.close();
  await detail.close();
  await ledger.close();
  await rm(dir, { recursive: true, force: true });
});

async function send(at: number, count: number): Promise<void> {
  const logRecords = Array.from({ length: count }, (_, index) => ({
    timeUnixNano: `${BigInt(at + index) * 1_000_000n}`,
    severityNumber: 9,
    body: { stringValue: 'order was placed' },
  }));
  const attributes = [{ key: 'service.name', value: { stringValue: 'shop' } }];
  const answer = await app.inject({
    method: 'POST',
    url: '/v1/logs',
    payload: { resourceLogs: [{ resource: { attributes }, scopeLogs: [{ logRecords }] }] },
  });
  expect(answer.statusCode).toBe(200);
  await detail.flush();
}

const look = async () => {
  monotonic += 10_000;
  await rollup.tick();
};

/** Windows that were done more than once, minutes before the start. */
async function doneAgain(): Promise<number[]> {
  const rows = await ledger.query<{ window_from: Date }>(
    `SELECT window_from FROM etl_job_run WHERE job = 'oo-agg' AND successes > 1 ORDER BY window_from`,
  );
  return rows.map((row) => (start - row.window_from.getTime()) / minute);
}

const counted = async () =>
  (await ledger.query<{ n: string }>('SELECT coalesce(sum(count_total), 0) AS n FROM log_pattern_5m'))[0]?.n;

it('opens exactly the windows again that late rows belong to, once for a stream of them, within the lateness', async () => {
  await send(start - 9 * minute, 5);
  await look();
  expect(await counted()).toBe('5');
  expect(await doneAgain()).toEqual([]);

  await send(start - 8 * minute, 2);
  await send(start - 4 * minute, 1);
  await look();
  const waiting = await ledger.query(
    `SELECT kind FROM etl_job_run WHERE job = 'oo-agg' AND state = 'queued' ORDER BY window_from`,
  );
  expect(waiting).toEqual([{ kind: 'late' }, { kind: 'late' }]);
  await send(start - 8 * minute + 30_000, 3);
  await look();
  expect(await counted()).toBe('5');

  now += lateSettleMs;
  await look();
  expect(await counted()).toBe('11');
  expect(await doneAgain()).toEqual([8, 4]);

  // What comes after them is done again too, once, though two of the minutes may lie in one of its windows.
  const starts = [8, 4].map((ago) => floorTo(start - ago * minute, follower.alignMs));
  const over = starts.filter((from) => from + follower.alignMs + follower.delayMs <= start);
  const followed = await ledger.query<{ window_from: Date; successes: number }>(
    `SELECT window_from, successes FROM etl_job_run WHERE job = 'follower' AND successes > 1 ORDER BY window_from`,
  );
  expect(followed.map((row) => [row.window_from.getTime(), row.successes])).toEqual(
    [...new Set(over)].map((from) => [from, 2]),
  );
  expect(over.length).toBeGreaterThan(0);

  // Rows of a minute that no window was made for are not lost either; older ones than the lateness are only counted.
  await send(start - 40 * minute, 7);
  await send(start - 90 * minute, 9);
  await look();
  now += lateSettleMs;
  await look();
  expect(await counted()).toBe('18');
  const made = await ledger.query(
    `SELECT kind, planned FROM etl_job_run WHERE job = 'oo-agg' AND window_from < $1`,
    [new Date(start - 20 * minute)],
  );
  expect(made).toEqual([{ kind: 'late', planned: false }]);
  expect(await doneAgain()).toEqual([8, 4]);
}, 60_000);

it('finds late rows that came while no worker lived', async () => {
  await look();
  const before = Number(await counted());
  await send(start - 10 * minute, 4);
  const next = createRollup({
    ledger,
    detail,
    config: config.rollup,
    patterns: config.patterns,
    tenants: () => knownTenants(ledger, config.tenant),
    clock,
    log,
    worker: 'late-2',
  });
  await next.tick();
  now += lateSettleMs;
  monotonic += 10_000;
  await next.tick();
  expect(Number(await counted())).toBe(before + 4);
}, 60_000);
