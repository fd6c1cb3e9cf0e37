import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { type Clock, createLogger } from '../../src/lib/index.ts';
import type { Job } from '../../src/rollup/index.ts';
import { Scheduler } from '../../src/rollup/scheduler.ts';
import { testSeed } from '../support/seed.ts';
import { createWorld, emptyWorld, minute, noon, random } from './scheduler-world.ts';

const log = createLogger({ level: 'silent' });
/** Set CLEW_TEST_SEED to repeat a run. */
const seed = testSeed;
const second = 1_000;

let ledger: Ledger;
beforeAll(async () => {
  ledger = await openTestLedger();
  await createWorld(ledger);
});
afterAll(() => ledger.close());

interface Timer {
  at: number;
  worker: Process | null;
  fire: () => void;
}

/** Time of all processes, moved on only when each of them waits for it. */
class Time {
  at = 0;
  /** Statements that are under way. */
  busy = 0;
  timers: Timer[] = [];

  after(ms: number, worker: Process | null, fire: () => void): Timer {
    const timer = { at: this.at + Math.max(0, ms), worker, fire };
    this.timers.push(timer);
    return timer;
  }

  /** Lets everything happen up to `until`. */
  async run(until: number): Promise<void> {
    for (;;) {
      for (let still = 0; still < 3; still++) {
        await setImmediate();
        if (this.busy > 0) still = -1;
      }
      const ready = this.timers.filter((timer) => !timer.worker?.frozen);
      const next = ready.reduce<Timer | undefined>(
        (best, timer) => (!best || timer.at < best.at ? timer : best),
        undefined,
      );
      if (!next || next.at > until) {
        this.at = until;
        return;
      }
      this.at = Math.max(this.at, next.at);
      this.timers.splice(this.timers.indexOf(next), 1);
      if (next.worker?.dead !== true) next.fire();
    }
  }
}

interface Run {
  worker: Process;
  key: string;
}

/** What happened, and the rule that no two living workers hold one window. */
class Book {
  readonly runs = new Set<Run>();
  readonly violations: string[] = [];
  readonly started: { at: number; tenant: string; to: number }[] = [];

  begin(run: Run): void {
    for (const other of this.runs)
      if (other.key === run.key && !other.worker.dead && !other.worker.frozen)
        this.violations.push(`${run.key}: ${run.worker.name} began while ${other.worker.name} held it`);
    this.runs.add(run);
  }
}

/** A process with a clock of its own that is wrong by `skewMs`; it may stand still for a while (a pause of the machine) or die. */
class Process {
  readonly name: string;
  readonly time: Time;
  readonly skewMs: number;
  dead = false;
  frozen = false;
  #thaw: (() => void)[] = [];

  constructor(name: string, time: Time, skewMs: number) {
    this.name = name;
    this.time = time;
    this.skewMs = skewMs;
  }

  freeze(ms: number): void {
    this.frozen = true;
    this.time.after(ms, null, () => {
      this.frozen = false;
      for (const go of this.#thaw.splice(0)) go();
    });
  }

  /** Passes while the process runs, waits while it stands still, and never comes back once it is dead. */
  #gate(): Promise<void> {
    if (this.dead) return new Promise(() => undefined);
    if (!this.frozen) return Promise.resolve();
    return new Promise<void>((resolve) => this.#thaw.push(resolve)).then(() => this.#gate());
  }

  readonly clock: Clock = {
    now: () => noon + this.time.at + this.skewMs,
    monotonic: () => this.time.at,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const timer = this.time.after(ms, this, resolve);
        signal?.addEventListener('abort', () => {
          const index = this.time.timers.indexOf(timer);
          if (index >= 0) this.time.timers.splice(index, 1);
          resolve();
        });
      }),
  };

  async #step<T>(work: () => Promise<T>): Promise<T> {
    await this.#gate();
    this.time.busy += 1;
    try {
      return await work();
    } finally {
      this.time.busy -= 1;
      await this.#gate();
    }
  }

  ledger(): Ledger {
    return {
      query: (sql, params) => this.#step(() => ledger.query(sql, params)),
      transaction: (work) => this.#step(() => ledger.transaction(work)),
      forTenant: (tenantId) => ledger.forTenant(tenantId),
      capabilities: { ...ledger.capabilities, embedded: false },
      tenantId: (code) => this.#step(() => ledger.tenantId(code)),
      health: () => ledger.health(),
      close: async () => undefined,
    };
  }
}

interface Plan {
  tenants: string[];
  workers: number;
  /** How long a window takes. */
  durationMs: () => number;
}

const timing = { alignMs: minute, delayMs: minute, initialLookbackMs: 2 * minute };

const jobOf = (process: Process, book: Book, plan: Plan): Job => ({
  name: 'work',
  after: [],
  ...timing,
  async run({ tenant, window, signal, commit }) {
    const run = { worker: process, key: `${tenant.code} ${new Date(window.from).toISOString()}` };
    signal.addEventListener('abort', () => book.runs.delete(run));
    book.begin(run);
    book.started.push({ at: noon + process.time.at, tenant: tenant.code, to: window.to });
    await process.clock.sleep(plan.durationMs());
    const written = await commit(async (tx) => {
      await tx.query('INSERT INTO sim_log VALUES ($1, $2, $3)', ['work', tenant.id, new Date(window.from)]);
      return { rowsRead: 1, rowsWritten: 1, rowsConflict: 0, leftOut: {} };
    }).finally(() => book.runs.delete(run));
    return written;
  },
});

function startProcess(name: string, time: Time, skewMs: number, book: Book, plan: Plan) {
  const process = new Process(name, time, skewMs);
  const scheduler = new Scheduler({
    ledger: process.ledger(),
    jobs: [jobOf(process, book, plan)],
    tenants: async () => plan.tenants,
    clock: process.clock,
    log,
    worker: name,
    random: () => 0,
    config: { workers: plan.workers, leaseS: 30 },
  });
  scheduler.start();
  return { process, scheduler };
}

async function expectEachOnce(): Promise<void> {
  const states = await ledger.query(
    'SELECT state, successes, count(*)::int AS n FROM etl_job_run GROUP BY 1, 2',
  );
  expect(states).toEqual([{ state: 'success', successes: 1, n: expect.any(Number) }]);
  const runs = await ledger.query<{ n: number }>('SELECT count(*)::int AS n FROM etl_job_run');
  const written = await ledger.query('SELECT DISTINCT job, tenant_id, t_from FROM sim_log');
  const all = await ledger.query('SELECT 1 FROM sim_log');
  expect(written.length).toBe(runs[0]?.n);
  expect(all.length).toBe(runs[0]?.n);
}

describe('several workers on one ledger', () => {
  it(`do every window once while they die, stand still and tell different times (seed ${seed})`, async () => {
    await emptyWorld(ledger);
    const next = random(seed);
    const time = new Time();
    const book = new Book();
    // Some windows take longer than a lease.
    const durationMs = () => (next() < 0.15 ? 40 + next() * 60 : 0.5 + next() * 8) * second;
    const plan: Plan = { tenants: ['t1', 't2', 't3'], workers: 2, durationMs };
    const skew = () => Math.round((next() - 0.5) * 40 * second);
    const living = ['a', 'b', 'c'].map((name) => startProcess(name, time, skew(), book, plan));
    let deaths = 0;
    let pauses = 0;
    const calmAt = 6 * minute;
    for (let at = 15 * second; at < calmAt; at += Math.round(5 * second + next() * 25 * second)) {
      await time.run(at);
      const index = Math.floor(next() * living.length);
      const victim = living[index];
      if (!victim || victim.process.frozen) continue;
      if (next() < 0.5) {
        pauses += 1;
        victim.process.freeze(Math.round((10 + next() * 80) * second));
      } else {
        deaths += 1;
        victim.process.dead = true;
        living[index] = startProcess(`w${deaths}`, time, skew(), book, plan);
      }
    }
    await time.run(calmAt + 5 * minute);
    for (const { process } of living) process.dead = true;
    // Windows that were just being done when everything ended are no part of the rule.
    await ledger.query(`DELETE FROM etl_job_run WHERE state IN ('queued', 'running') AND window_to > $1`, [
      new Date(noon + calmAt + 2 * minute),
    ]);
    expect(book.violations).toEqual([]);
    expect(deaths).toBeGreaterThan(0);
    expect(pauses).toBeGreaterThan(0);
    await expectEachOnce();
  }, 240_000);

  it('let no tenant wait for a noisy one, and the noisy one never stand still', async () => {
    await emptyWorld(ledger);
    const next = random(seed);
    const time = new Time();
    const book = new Book();
    const durationMaxMs = 6 * second;
    const plan: Plan = {
      tenants: ['noisy', 'q1', 'q2', 'q3', 'q4'],
      workers: 2,
      durationMs: () => next() * durationMaxMs,
    };
    const first = startProcess('a', time, 0, book, plan);
    startProcess('b', time, 0, book, plan);
    await time.run(second);
    const noisy = { code: 'noisy', id: await ledger.tenantId('noisy') };
    await first.scheduler.replay('work', noisy, { from: noon - 300 * minute, to: noon - 60 * minute });
    await time.run(6 * minute);
    for (const { tenant, at, to } of book.started) {
      if (tenant === 'noisy' || at < noon + 2 * minute) continue;
      // Ready, then seen at the next look; all workers may have just begun, and four windows of five turns go first.
      expect(at - (to + minute)).toBeLessThanOrEqual(5 * second + 3 * durationMaxMs);
    }
    const replayed = book.started.filter(({ tenant, to }) => tenant === 'noisy' && to <= noon - 60 * minute);
    const gaps = replayed.map(({ at }, index) => at - (replayed[index - 1]?.at ?? noon));
    expect(replayed.length).toBeGreaterThan(100);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(5 * second + 4 * durationMaxMs);
  }, 240_000);
});
