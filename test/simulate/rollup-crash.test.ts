import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Ledger, openLedger } from '../../src/ledger/index.ts';
import { createLogger, systemClock } from '../../src/lib/index.ts';
import { testSeed } from '../support/seed.ts';
import { random } from './scheduler-world.ts';

const child = join(import.meta.dirname, 'rollup-crash-child.ts');
const log = createLogger({ level: 'silent' });
/** Set CLEW_TEST_KILLS for more, CLEW_TEST_SEED to repeat a run. */
const kills = Number(process.env.CLEW_TEST_KILLS ?? 10);
const seed = testSeed;
/** Windows of one round; when all are done a new round begins from the same telemetry. */
const minutes = 30;
const now = Date.UTC(2026, 10, 20, 12, 0, 0);
/** Longest wait before a kill, from the moment in which the stores are open, as a part of the time that took. */
const killAfterMax = 0.3;

const dir = mkdtempSync(join(tmpdir(), 'clew-rollup-crash-'));
let running: ChildProcess | null = null;
/** Windows that a new life found half-way: without any, the kills proved nothing. */
let foundRunning = 0;
let killed = 0;
/** What the last life took to open its stores. */
let openMs = 1_000;

afterAll(() => {
  running?.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

interface Life {
  mode: 'prepare' | 'run';
  data: string;
  /** When it is killed: a part of the time it took to open the stores; after that, or, `early`, instead of it. */
  kill?: { after: number; early: boolean };
}

function live({ mode, data, kill }: Life): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const life = spawn(process.execPath, [child, mode, data, String(now), String(minutes)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Starting is most of a short life's work.
      env: { ...process.env, NODE_COMPILE_CACHE: join(dir, 'cache') },
    });
    running = life;
    const began = systemClock.monotonic();
    let errors = '';
    let rested = false;
    const end = () => {
      if (rested || !kill) return;
      if (life.kill('SIGKILL')) killed += 1;
    };
    if (kill?.early) void systemClock.sleep(kill.after * openMs).then(end);
    life.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    life.stdout.on('data', (chunk) => {
      foundRunning += Number(/found (\d+)/.exec(String(chunk))?.[1] ?? 0);
      if (String(chunk).includes('at rest')) rested = true;
      if (!String(chunk).includes('started')) return;
      openMs = systemClock.monotonic() - began;
      if (kill && !kill.early) void systemClock.sleep(kill.after * openMs).then(end);
    });
    life.on('exit', (code, signal) => {
      if (signal === 'SIGKILL' || code === 0) resolve(rested);
      else reject(new Error(`the process ended with ${code}: ${errors.slice(-2_000)}`));
    });
  });
}

/** The ledger's content by what its rows mean: ids may have gaps where a transaction was undone. */
async function content(ledger: Ledger): Promise<Record<string, unknown[]>> {
  return {
    runs: await ledger.query(
      `SELECT job, window_from, window_to, state, successes, kind, planned, error FROM etl_job_run ORDER BY 1, 2`,
    ),
    metrics: await ledger.query(
      `SELECT m.bucket, r.urn, m.metric, m.avg_val, m.max_val, m.p95_val, m.labels FROM metric_1m m
         JOIN dim_resource r USING (resource_id) ORDER BY 1, 2, 3, m.labels::text`,
    ),
    calls: await ledger.query(
      `SELECT c.bucket, a.urn AS src, b.urn AS dst, c.rps, c.err_rate, c.p50_ms, c.p95_ms, l.query_hint FROM service_call_5m c
         JOIN dim_resource a ON a.resource_id = c.src_resource_id JOIN dim_resource b ON b.resource_id = c.dst_resource_id
         LEFT JOIN oo_locator l ON l.id = c.sample_ref ORDER BY 1, 2, 3`,
    ),
    patterns: await ledger.query(
      `SELECT p.bucket, r.urn, t.pattern, p.count_total, p.count_error FROM log_pattern_5m p
         JOIN dim_resource r USING (resource_id) JOIN log_pattern t USING (fingerprint_id) ORDER BY 1, 2, 3`,
    ),
    locators: await ledger.query(
      'SELECT dataset, bucket, t_from, count(*)::int AS n FROM oo_locator GROUP BY 1, 2, 3 ORDER BY 1, 2, 3',
    ),
  };
}

async function contentOf(data: string): Promise<Record<string, unknown[]>> {
  const ledger = await openLedger({ dir: join(data, 'ledger'), clock: systemClock, log });
  try {
    return await content(ledger);
  } finally {
    await ledger.close();
  }
}

/** Lives that are killed until one comes to rest, or until there were enough. */
async function storm(data: string, next: () => number): Promise<void> {
  while (killed < kills) {
    const early = next() < 0.15;
    const kill = { after: next() * (early ? 1 : killAfterMax), early };
    if (await live({ mode: 'run', data, kill })) return;
  }
  expect(await live({ mode: 'run', data })).toBe(true);
}

test(`a worker killed ${kills} times loses no window and does none twice: the ledger is as without a kill (seed ${seed})`, async () => {
  const fresh = join(dir, 'fresh');
  const calm = join(dir, 'calm');
  await live({ mode: 'prepare', data: fresh });
  cpSync(fresh, calm, { recursive: true });
  expect(await live({ mode: 'run', data: calm })).toBe(true);
  const expected = await contentOf(calm);
  expect(expected.runs?.length).toBeGreaterThanOrEqual(minutes);
  expect(expected.calls?.length).toBeGreaterThan(0);
  expect(expected.patterns?.length).toBeGreaterThan(0);
  for (const run of expected.runs ?? []) expect(run).toMatchObject({ state: 'success', successes: 1 });

  const next = random(seed);
  let rounds = 0;
  while (killed < kills) {
    const before = killed;
    const stormy = join(dir, `round-${++rounds}`);
    cpSync(fresh, stormy, { recursive: true });
    await storm(stormy, next);
    const found = await contentOf(stormy);
    for (const [table, rows] of Object.entries(expected)) expect(found[table], table).toEqual(rows);
    rmSync(stormy, { recursive: true, force: true });
    process.stdout.write(`round ${rounds}: ${killed} kills so far, ${foundRunning} windows found half-way\n`);
    if (killed === before)
      throw new Error('a whole round went by without a kill: the machine is too quick for it');
  }
  expect(foundRunning).toBeGreaterThan(0);
}, 7_200_000);
