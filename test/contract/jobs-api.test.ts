import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { jobs as jobsCommand } from '../../src/cli/jobs.ts';
import { type Ledger, tenantLedger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { type Clock, createLogger, metricsRegistry, systemClock } from '../../src/lib/index.ts';
import { rollupSource } from '../../src/operate/index.ts';
import type { Job } from '../../src/rollup/index.ts';
import { Scheduler } from '../../src/rollup/scheduler.ts';
import { etlRoutes } from '../../src/serve/etl.ts';
import { createServer } from '../../src/serve/server.ts';

const minute = 60_000;
const noon = Date.UTC(2026, 10, 20, 12, 0, 0);
const log = createLogger({ level: 'silent' });
let now = noon;
/** Gauges are renewed once a second; here at every look. */
let monotonic = 0;
const clock: Clock = { ...systemClock, now: () => now, monotonic: () => (monotonic += 1_000) };
let ledger: Ledger;
let app: FastifyInstance;
let scheduler: Scheduler;
let url = '';
/** Windows that the job was run for, and what it throws. */
let ran: number[] = [];
let broken = '';

const work: Job = {
  name: 'work',
  after: [],
  alignMs: minute,
  delayMs: 2 * minute,
  initialLookbackMs: 3 * minute,
  async run({ window, commit }) {
    ran.push((window.from - noon) / minute);
    if (broken !== '') throw new Error(broken);
    return commit(async () => ({ rowsRead: 7, rowsWritten: 3, rowsConflict: 1, leftOut: {} }));
  },
};

beforeAll(async () => {
  ledger = await openTestLedger();
  await ledger.tenantId('shop');
  const tenants = async () => ['shop'];
  const config = { replayWindowsMax: 100 };
  scheduler = new Scheduler({
    ledger,
    jobs: [work],
    tenants,
    clock,
    log,
    worker: 'w',
    random: () => 0,
    config,
  });
  app = await createServer({ log, bodyBytesMax: 100_000 });
  const routes = etlRoutes({
    ledger,
    reader: tenantLedger(ledger, 'shop'),
    rollup: scheduler,
    clock,
    tenantOf: () => 'shop',
    callerOf: () => ({ tenant: 'shop', operator: true }),
  });
  await app.register(routes, { prefix: '/api/v1' });
  url = await app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await app.close();
  await ledger.close();
});
beforeEach(async () => {
  await ledger.query('TRUNCATE etl_job_run, etl_job_circuit');
  now = noon;
  ran = [];
  broken = '';
});

async function ask(path: string, body?: object): Promise<{ status: number; body: Record<string, never> }> {
  const response = await app.inject({
    method: body === undefined ? 'GET' : 'POST',
    url: `/api/v1${path}`,
    ...(body === undefined ? {} : { payload: body }),
  });
  return { status: response.statusCode, body: response.json() };
}

const command = async (words: string[], flags: Record<string, string> = {}) => {
  const lines: string[] = [];
  const code = await jobsCommand(words, flags, {
    url,
    token: '',
    nowMs: now,
    json: flags.json !== undefined,
    write: (text) => void lines.push(text),
    sleep: async () => {
      await scheduler.tick();
    },
  });
  return { code, text: lines.join('') };
};

/** Lets the job fail until its circuit opens. */
async function breakIt(): Promise<void> {
  broken = 'no space left on device';
  for (let tick = 0; tick < 4; tick++) {
    await scheduler.tick();
    now += 20_000;
  }
}

describe('POST /events/enqueue', () => {
  const good = { job: 'work', tenant_id: 'shop', from: noon - 10 * minute, to: noon - 5 * minute };

  it.each([
    [{ job: 'nope' }, 422, 'job: there is no job nope; known are work.'],
    [{ tenant_id: 'nobody' }, 422, 'tenant_id: there is no tenant nobody.'],
    [{ tenant_id: 4711 }, 422, 'tenant_id: there is no tenant 4711.'],
    [
      { to: noon - 11 * minute },
      422,
      'to: 2026-11-20T11:49:00.000Z must be later than from, 2026-11-20T11:50:00.000Z.',
    ],
    [
      { from: noon - 200 * minute },
      422,
      'from, to: 195 windows of 60 s are more than 100 in one request (rollup.replay_windows_max); send several.',
    ],
    [
      { to: noon + 8 * 86_400_000 },
      422,
      'to: 2026-11-28T12:00:00.000Z is more than 7 days ahead; windows of the future wait until they are due, but not that long.',
    ],
    [{ from: '2026-11-20T12:00:00' }, 400, 'The request is not valid: /from: Invalid ISO datetime'],
    [{ overlap: 1 }, 400, 'The request is not valid: /: Unrecognized key: "overlap"'],
  ])('refuses %j with its reason', async (change, status, message) => {
    const answer = await ask('/events/enqueue', { ...good, ...change });
    expect(answer).toMatchObject({ status, body: { error: { message } } });
  });

  it('runs the windows that the range touches, once, though two requests overlap', async () => {
    await scheduler.tick();
    ran = [];
    const first = await ask('/events/enqueue', {
      ...good,
      from: noon - 10 * minute + 1,
      to: noon - 7 * minute,
    });
    const second = await ask('/events/enqueue', {
      ...good,
      from: noon - 9 * minute,
      to: noon - 6 * minute + 1,
    });
    expect(first.body).toMatchObject({
      data: { windows: 3, from: noon - 10 * minute, to: noon - 7 * minute },
    });
    expect(second.body).toMatchObject({ data: { windows: 4 } });
    await scheduler.tick();
    expect(ran.sort((a, b) => a - b)).toEqual([-10, -9, -8, -7, -6]);
  });

  it('lets a window of the future wait until it is due, and run once with the schedule', async () => {
    await ask('/events/enqueue', { ...good, from: noon, to: noon + minute });
    await scheduler.tick();
    expect(ran).not.toContain(0);
    now = noon + 3 * minute;
    await scheduler.tick();
    await scheduler.tick();
    expect(ran.filter((at) => at === 0)).toEqual([0]);
  });
});

describe('a window that runs while it is asked for again', () => {
  it('is done once more, for it may have read before the rows came', async () => {
    const before = { ...work };
    let asked = false;
    work.run = async (context) => {
      if (!asked) {
        asked = true;
        await ask('/events/enqueue', { job: 'work', tenant_id: 'shop', ...context.window });
      }
      return before.run(context);
    };
    await scheduler.tick();
    work.run = before.run;
    const rows = await ledger.query('SELECT successes, state FROM etl_job_run WHERE successes > 1');
    expect(rows).toEqual([{ successes: 2, state: 'success' }]);
    expect(ran).toHaveLength(4);
  });
});

describe('the circuit of a job', () => {
  it('opens after five failures, tries one window when its pause is over, and pauses for twice as long', async () => {
    await breakIt();
    const [open] = await ledger.query<{ state: string; failures: number; open_until: Date }>(
      'SELECT state, failures, open_until FROM etl_job_circuit',
    );
    expect(open?.state).toBe('open');
    // Windows that ran beside the fifth count too.
    expect(open?.failures).toBeGreaterThanOrEqual(5);
    ran = [];
    now = (open?.open_until.getTime() ?? 0) - 1;
    await scheduler.tick();
    expect(ran).toEqual([]);
    now += 1;
    await scheduler.tick();
    expect(ran).toHaveLength(1);
    const [again] = await ledger.query<{ state: string; open_until: Date }>(
      'SELECT state, open_until FROM etl_job_circuit',
    );
    expect(again?.state).toBe('open');
    expect((again?.open_until.getTime() ?? 0) - now).toBe(120_000);
  });

  it('is probed at once when somebody asks, and closes when the probe succeeds', async () => {
    expect((await ask('/etl/jobs/work/probe', {})).body).toMatchObject({
      error: { code: 'illegal_transition', message: 'The circuit of work is closed: the job runs.' },
    });
    await breakIt();
    broken = '';
    ran = [];
    now += 5_000;
    expect((await ask('/etl/jobs/work/probe', {})).status).toBe(202);
    await scheduler.tick();
    expect(ran.length).toBeGreaterThanOrEqual(1);
    expect(await ledger.query('SELECT state, failures FROM etl_job_circuit')).toEqual([
      { state: 'closed', failures: 0 },
    ]);
    expect((await ask('/etl/jobs/nope/probe', {})).status).toBe(404);
  });
});

describe('what a job tells of itself', () => {
  it('stands in its status, its history, its metrics and its health', async () => {
    await scheduler.tick();
    const { body } = await ask('/etl/jobs');
    expect(body.data).toMatchObject([
      { name: 'work', tenant: 'shop', lag_s: 120, waiting: 0, failed: 0, circuit: { state: 'closed' } },
    ]);
    const history = await ask(`/etl/jobs/work/history?from=${noon - 10 * minute}&to=${noon}&cells=5`);
    expect(history.body).toMatchObject({
      data: {
        cell_ms: 2 * minute,
        cells: [
          { from: noon - 6 * minute, states: { success: 1 } },
          { from: noon - 4 * minute, states: { success: 2 }, rows_read: 14, rows_written: 6 },
        ],
      },
    });
    const metrics = await metricsRegistry.metrics();
    expect(metrics.includes('window_lag_seconds{job="work",tenant="shop"} 120')).toBe(true);
    expect(metrics).toContain('etl_circuit_open{job="work",tenant="shop"} 0');
    expect(metrics).toMatch(/etl_conflicts_total\{job="work"\} \d+/);
    await breakIt();
    const source = rollupSource(ledger, clock, { jobs: scheduler.jobs, enabled: true }, () => [
      'other',
      'shop',
    ]);
    const bad = (await source.collect()).filter((metric) => !metric.status);
    expect(bad.map((metric) => [metric.metric_name, metric.dimensions.job])).toEqual([]);
    now += 4 * minute;
    await breakIt();
    const worse = (await source.collect()).filter((metric) => !metric.status);
    expect(worse).toMatchObject([
      {
        metric_name: 'circuit',
        message: expect.stringMatching(/^tenant shop: work is paused .*no space left/),
      },
    ]);
  });
});

describe('clew jobs', () => {
  it('lists jobs, and ends with 1 when one is paused', async () => {
    await scheduler.tick();
    expect(await command([])).toMatchObject({
      code: 0,
      text: expect.stringMatching(/^work +\truns\tlag 120 s/),
    });
    now += 5 * minute;
    await breakIt();
    expect(await command(['list'])).toMatchObject({ code: 1, text: expect.stringContaining('paused') });
    const runs = await command(['runs'], { job: 'work', state: 'queued', json: 'true' });
    expect(
      runs.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).error),
    ).toContain('no space left on device');
  });

  it('replays a range, waits for it, and ends with 1 when a window was given up', async () => {
    await scheduler.tick();
    ran = [];
    const flags = { from: '10m', to: '2026-11-20T11:55:00Z', wait: 'true' };
    expect(await command(['replay', 'work'], flags)).toEqual({
      code: 0,
      text: '5 of 5 windows of work for shop are queued, 2026-11-20T11:50:00.000Z to 2026-11-20T11:55:00.000Z\ndone\n',
    });
    expect(ran).toHaveLength(5);
    await ledger.query(`UPDATE etl_job_run SET state = 'failed', error = 'poison'`);
    broken = 'poison';
    await ledger.query(
      `UPDATE etl_job_run SET failures = 7, state = 'queued', kind = 'replay' WHERE window_from = $1`,
      [new Date(noon - 5 * minute)],
    );
    await scheduler.tick();
    expect(await command(['runs'], { state: 'failed' })).toMatchObject({
      code: 0,
      text: expect.stringContaining('poison'),
    });
  });

  it.each([
    [['replay'], {}, 'Name the job; clew jobs shows them.'],
    [['replay', 'work'], { to: 'now' }, '--from is missing.'],
    [
      ['replay', 'work'],
      { from: '2026-11-20', to: 'now' },
      '--from is "2026-11-20"; write 2026-11-20T12:00:00Z',
    ],
    [['replay', 'nope'], { from: '1h', to: 'now' }, 'job: there is no job nope; known are work.'],
    [['replay', 'work'], { from: '1h', to: '2h' }, 'must be later than from'],
    [['replay', 'work'], { from: '1h', to: 'now', tenant: 'x' }, 'tenant_id: there is no tenant x.'],
    [['stop'], {}, 'There is no "jobs stop".'],
    [['list', 'a', 'b'], {}, '"b" is one word too many.'],
  ])('refuses %j %j with its reason', async (words, flags, message) => {
    await expect(command(words, flags as Record<string, string>)).rejects.toThrow(message);
  });
});
