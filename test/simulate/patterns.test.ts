/** Patterns over time, in the real engine and the real ledger: ids, merges, splits, restarts, events, comparison. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadConfig } from '../../src/config/index.ts';
import type { DetailStore } from '../../src/detail/index.ts';
import type { Ledger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { type Clock, createLogger, systemClock } from '../../src/lib/index.ts';
import {
  comparePatterns,
  createPatternBook,
  createRollup,
  listPatternEvents,
  patternDetail,
  patternLookup,
  searchPatterns,
} from '../../src/rollup/index.ts';
import { openSqlDetail, type SqlDetail } from '../support/detail.ts';
import { putLogs, type TestLog } from '../support/telemetry.ts';

const minute = 60_000;
const hour = 60 * minute;
/** A loaded machine with two stores is slow. */
vi.setConfig({ testTimeout: 240_000 });

const noon = Date.UTC(2026, 10, 20, 12);
const log = createLogger({ level: 'silent' });
const { patterns } = loadConfig({ env: {}, flags: {} });
const asked = { actor: 'dana', reason: 'they are one' };

let detail: SqlDetail;
let ledger: Ledger;
let now = noon;
const clock: Clock = { ...systemClock, now: () => now };
let eventId = 0;

const rollupOn = (store: DetailStore = detail) =>
  createRollup({
    ledger,
    detail: store,
    config: { delayS: 120, alignS: 300, initialLookbackS: 900 },
    patterns: { ...patterns, warmupS: 300 },
    tenants: async () => ['default'],
    clock,
    log,
    worker: `w${now}`,
  });

const line = (at: number, body: string, shape: number, more: Partial<TestLog> = {}): TestLog => ({
  at,
  service: 'shop',
  body,
  shape: String(shape),
  eventId: ++eventId,
  ...more,
});

/** Everything up to `until` becomes rollups. */
async function rollUntil(until: number): Promise<void> {
  now = until + 2 * minute + 1_000;
  const rollup = rollupOn();
  for (let i = 0; i < 10; i++) {
    if ((await rollup.tick()) > 0) continue;
    // A window that met another one (both make the same partition) is tried again some seconds later.
    now += 10_000;
    if ((await rollup.tick()) === 0) return;
  }
}

const replay = async (from: number, to: number): Promise<void> => {
  const rollup = rollupOn();
  await rollup.replay('oo-agg', { code: 'default', id: await ledger.tenantId('default') }, { from, to });
  for (let i = 0; i < 10; i++) if ((await rollup.tick()) === 0) return;
};

const tenant = async () => ({ code: 'default', id: await ledger.tenantId('default') });
const book = () => createPatternBook({ ledger, detail, clock });
const raw = () =>
  ledger.query<{ bucket: Date; id: string; n: string }>(
    'SELECT bucket, resource_id, fingerprint_id::text AS id, count_total AS n, count_error FROM log_pattern_5m ORDER BY 1, 2, 3',
  );
/** Template → count, as patterns count today. */
const current = async (): Promise<Record<string, number>> => {
  const rows = await ledger.query<{ pattern: string; n: string }>(
    `SELECT p.pattern, sum(n.count_total) AS n FROM log_pattern_current_5m n
       JOIN log_pattern p USING (fingerprint_id) GROUP BY 1 ORDER BY 1`,
  );
  return Object.fromEntries(rows.map((row) => [row.pattern, Number(row.n)]));
};
const idOf = async (template: string): Promise<string> => {
  const [row] = await ledger.query<{ id: string }>(
    'SELECT fingerprint_id::text AS id FROM log_pattern WHERE pattern = $1',
    [template],
  );
  if (!row) throw new Error(`no pattern ${template}; there are ${JSON.stringify(await current())}`);
  return row.id;
};

beforeAll(async () => {
  detail = await openSqlDetail();
  ledger = await openTestLedger();
});

beforeEach(async () => {
  now = noon;
  await detail.exec('TRUNCATE TABLE otel_logs');
  await ledger.query(
    `TRUNCATE etl_job_run, etl_job_circuit, metric_1m, log_pattern_5m, log_pattern_1d, shape_pattern, pattern_service, pattern_setup,
       pattern_correction, pattern_access, log_pattern, evidence_link, event_envelope, oo_locator, dim_resource RESTART IDENTITY CASCADE`,
  );
});

afterAll(async () => {
  await ledger.close();
  await detail.close();
});

const orders = (at: number): TestLog[] => [
  line(at + 1_000, 'charged order 17 in 20 ms', 1),
  line(at + 2_000, 'charged order 18 in 21 ms', 1),
  line(at + 3_000, 'order 19 was charged by hand', 2, {
    severity: 17,
    attributes: { 'order.id': '19', paid: 'true' },
  }),
];

describe('ids of patterns', () => {
  it('stay the same over a restart, over weeks, and when windows are replayed', async () => {
    await putLogs(detail, [...orders(noon), ...orders(noon + 6 * minute)]);
    await rollUntil(noon + 10 * minute);
    const before = await raw();
    const ids = await ledger.query('SELECT * FROM log_pattern ORDER BY 1');
    await replay(noon, noon + 10 * minute);
    expect(await raw()).toEqual(before);
    expect(await ledger.query('SELECT * FROM log_pattern ORDER BY 1')).toEqual(ids);
    const later = noon + 21 * 24 * hour;
    await putLogs(detail, orders(later));
    // Weeks of empty windows are somebody else's test.
    await ledger.query('TRUNCATE etl_job_run');
    await rollUntil(later + 5 * minute);
    expect((await raw()).length).toBe(before.length + 2);
    expect((await ledger.query('SELECT fingerprint_id FROM log_pattern ORDER BY 1')).length).toBe(ids.length);
  });

  it('know the types of attributes and the worst severity seen', async () => {
    await putLogs(detail, orders(noon));
    await rollUntil(noon + 5 * minute);
    const found = await patternDetail(
      ledger,
      (await tenant()).id,
      await idOf('order <*> was charged by hand'),
    );
    expect(found).toMatchObject({
      severity: 'ERROR',
      attributes: { 'order.id': 'integer', paid: 'boolean' },
      services: [{ service: 'shop' }],
    });
  });

  it('lead to the more general template that mining finds later, and nothing is counted twice', async () => {
    const users = (at: number, names: string[], shape: number) =>
      names.map((name, i) => line(at + i, `user ${name} logged in`, shape + i));
    await putLogs(detail, users(noon, ['anna'], 10));
    await rollUntil(noon + 5 * minute);
    const old = await idOf('user anna logged in');
    await putLogs(detail, users(noon + 5 * minute, ['bo', 'cy', 'di', 'ed', 'flo'], 20));
    await rollUntil(noon + 10 * minute);
    expect(await current()).toEqual({ 'user <*> logged in': 6 });
    const found = await patternDetail(ledger, (await tenant()).id, old);
    expect(found).toMatchObject({ template: 'user <*> logged in', members: 2, firstSeen: noon });
    expect(await patternLookup(ledger).shapesOf('default', old)).toHaveLength(6);
    const before = await raw();
    await replay(noon, noon + 10 * minute);
    expect(await raw()).toEqual(before);
    const [made] = await book().corrections('default', 10);
    expect(made).toMatchObject({ kind: 'generalise', actor: 'clew' });
  });
});

describe('corrections', () => {
  it('merge: totals stay, the old id leads to the new one, undo gives both back, replays change nothing', async () => {
    await putLogs(detail, orders(noon));
    await rollUntil(noon + 5 * minute);
    const [a, b] = [await idOf('charged order <*> in <*> ms'), await idOf('order <*> was charged by hand')];
    const before = await raw();
    const { id, correction } = await book().merge('default', [b, a], undefined, asked);
    expect(id).toBe(a);
    expect(await current()).toEqual({ 'charged order <*> in <*> ms': 3 });
    await replay(noon, noon + 5 * minute);
    expect(await raw()).toEqual(before);
    await putLogs(detail, orders(noon + 5 * minute));
    await rollUntil(noon + 10 * minute);
    expect(await current()).toEqual({ 'charged order <*> in <*> ms': 6 });
    expect((await patternDetail(ledger, (await tenant()).id, b))?.id).toBe(a);
    await book().undo('default', correction, asked);
    expect(await current()).toEqual({ 'charged order <*> in <*> ms': 4, 'order <*> was charged by hand': 2 });
    await expect(book().undo('default', correction, asked)).rejects.toThrow(/undone already/);
  });

  it('a chain of merges is undone in any order that makes sense, and refused where it does not', async () => {
    await putLogs(detail, [
      line(noon, 'alpha begins now', 1),
      line(noon, 'beta has ended here', 2),
      line(noon, 'gamma was lost somewhere today', 3),
    ]);
    await rollUntil(noon + 5 * minute);
    const [a, b, c] = [
      await idOf('alpha begins now'),
      await idOf('beta has ended here'),
      await idOf('gamma was lost somewhere today'),
    ];
    const first = await book().merge('default', [a, b], b, asked);
    const second = await book().merge('default', [b, c], c, asked);
    expect(await current()).toEqual({ 'gamma was lost somewhere today': 3 });
    await book().undo('default', first.correction, asked);
    expect(await current()).toEqual({ 'alpha begins now': 1, 'gamma was lost somewhere today': 2 });
    const third = await book().merge('default', [a, b], a, asked);
    expect(await current()).toEqual({ 'alpha begins now': 3 });
    await book().undo('default', third.correction, asked);
    await book().undo('default', second.correction, asked);
    expect(await current()).toEqual({
      'alpha begins now': 1,
      'beta has ended here': 1,
      'gamma was lost somewhere today': 1,
    });
  });

  it('split: the counts of the past go with the shapes, also per day, and survive replays and new mining', async () => {
    await putLogs(detail, [
      line(noon, 'task 1 of alpha done', 1),
      line(noon + 1, 'task 2 of beta done', 2),
      line(noon + 2, 'task 3 of gamma done', 3),
      line(noon + 3, 'task 4 of delta done', 4),
      line(noon + 4, 'task 5 of eps done', 5),
    ]);
    await rollUntil(noon + 5 * minute);
    const whole = await idOf('task <*> of <*> done');
    const { id, template, correction } = await book().split(
      'default',
      { id: whole, shapes: ['2', '3'], template: '' },
      asked,
    );
    expect(template).toMatch(/^task <\*> of (beta|gamma) done$/);
    expect(await current()).toEqual({ 'task <*> of <*> done': 3, [template]: 2 });
    const before = await raw();
    await replay(noon, noon + 5 * minute);
    expect(await raw()).toEqual(before);
    await book().restart('default', 'shop', asked);
    now += 5 * minute;
    await rollupOn().tick();
    expect((await book().statuses('default'))[0]).toMatchObject({ service: 'shop', state: 'success' });
    expect(await current()).toEqual({ 'task <*> of <*> done': 3, [template]: 2 });
    await book().undo('default', correction, asked);
    expect(await current()).toEqual({ 'task <*> of <*> done': 5 });
    expect((await patternDetail(ledger, (await tenant()).id, id))?.id).toBe(whole);
    await expect(
      book().split('default', { id: whole, shapes: ['99'], template: 'x' }, asked),
    ).rejects.toThrow(/no shape of pattern/);
  });

  it('names stay through new mining, are found by search, and are undone', async () => {
    await putLogs(detail, orders(noon));
    await rollUntil(noon + 5 * minute);
    const a = await idOf('charged order <*> in <*> ms');
    const { correction } = await book().rename('default', a, 'Payment taken', asked);
    await replay(noon, noon + 5 * minute);
    const found = await patternLookup(ledger).templatesOf('default', ['1']);
    expect(found.get('1')).toMatchObject({ id: a, name: 'Payment taken' });
    const { id } = await tenant();
    expect(await searchPatterns(ledger, id, 'payment', 5)).toEqual([a]);
    expect(await searchPatterns(ledger, id, 'chargd order', 5)).toContain(a);
    await book().undo('default', correction, asked);
    expect((await patternDetail(ledger, id, a))?.name).toBe('');
  });
});

describe('setups and restart', () => {
  it('own masks join what they hide after a restart, history and all', async () => {
    const bodies = ['queue Q-ab lags', 'queue Q-cd lags'];
    await putLogs(
      detail,
      bodies.map((body, i) => line(noon + i, body, i + 1)),
    );
    await rollUntil(noon + 5 * minute);
    expect(await current()).toEqual({ 'queue Q-ab lags': 1, 'queue Q-cd lags': 1 });
    const setup = { field: '', ignore: [], masks: ['\\bQ-[a-z]{2}\\b'] };
    await book().setUp('default', 'shop', setup, asked);
    expect(await book().restart('default', 'shop', asked)).toEqual(['shop']);
    expect((await book().statuses('default'))[0]?.state).toBe('pending');
    now += 5 * minute;
    await rollupOn().tick();
    expect(await current()).toEqual({ 'queue <*> lags': 2 });
    expect((await book().statuses('default'))[0]).toMatchObject({ state: 'success', patterns: 1 });
    const before = await raw();
    await replay(noon, noon + 5 * minute);
    expect(await raw()).toEqual(before);
  });

  it('begins at once where it may, and what a process that died left running is taken up', async () => {
    await putLogs(detail, [line(noon, 'queue Q-ab lags', 1), line(noon + 1, 'queue Q-cd lags', 2)]);
    await rollUntil(noon + 5 * minute);
    await book().setUp('default', 'shop', { field: '', ignore: [], masks: ['Q-[a-z]{2}'] }, asked);
    let work: Promise<unknown> = Promise.resolve();
    const inBackground = (start: () => Promise<unknown>) => {
      work = start();
    };
    await createPatternBook({ ledger, detail, clock, inBackground }).restart('default', undefined, asked);
    await work;
    expect(await current()).toEqual({ 'queue <*> lags': 2 });
    await ledger.query(`UPDATE pattern_access SET state = 'running', started_at = $1`, [new Date(now)]);
    await expect(book().restart('default', 'shop', asked)).rejects.toThrow(/being restarted at this moment/);
    now += 15 * minute;
    await rollupOn().tick();
    expect((await book().statuses('default'))[0]).toMatchObject({ state: 'success' });
  });

  it('a field of JSON messages is the message, and ignored keys vary', async () => {
    await book().setUp('default', 'shop', { field: 'msg', ignore: [], masks: [] }, asked);
    await book().setUp('default', 'other', { field: '', ignore: ['host'], masks: [] }, asked);
    await putLogs(detail, [
      line(noon, '{"ts":"x","msg":"cart is empty","level":"info"}', 1),
      line(noon, '{"msg":"cart is empty","level":"warn"}', 2),
      line(noon, 'host=alpha is up', 3, { service: 'other' }),
      line(noon, 'host=beta is up', 4, { service: 'other' }),
    ]);
    await rollUntil(noon + 5 * minute);
    expect(await current()).toEqual({ 'cart is empty': 2, 'host=<*> is up': 2 });
  });

  it('refuses masks that may run away, and one failing application does not stop the others', async () => {
    const bad = (masks: string[]) => book().setUp('default', 'shop', { field: '', ignore: [], masks }, asked);
    await expect(bad(['(a+)+b'])).rejects.toThrow(/masks\[0\].*repeats a group/);
    await expect(bad(['('])).rejects.toThrow(/no regular expression/);
    await expect(bad(['x*'])).rejects.toThrow(/empty text/);
    await expect(bad(['a'.repeat(301)])).rejects.toThrow(/limit is 300/);
    // A setup that was written past the check (an older version, a person with SQL) fails with its reason.
    await ledger.query(
      `INSERT INTO pattern_setup VALUES ($1, 'shop', '{"field":"","ignore":[],"masks":["("]}', now(), 'x')`,
      [(await tenant()).id],
    );
    await putLogs(detail, [line(noon, 'of the shop', 1), line(noon, 'of another', 2, { service: 'other' })]);
    await rollUntil(noon + 5 * minute);
    const statuses = await book().statuses('default');
    expect(statuses.map(({ service, state }) => [service, state])).toEqual([
      ['other', 'success'],
      ['shop', 'failed'],
    ]);
    expect(statuses[1]?.flows[0]).toMatchObject({
      flow: 'mining',
      reason: expect.stringMatching(/regular expression/),
    });
    expect(await current()).toEqual({ '<*>': 1, 'of another': 1 });
  });

  it('names the flow that fails when windows can not be counted', async () => {
    await putLogs(detail, orders(noon));
    await rollUntil(noon + 5 * minute);
    now += 6 * minute;
    const broken = { ...detail, query: () => Promise.reject(new Error('disk on fire')) };
    await rollupOn(broken).tick();
    expect((await book().statuses('default'))[0]).toMatchObject({
      state: 'failed',
      flows: [
        { flow: 'mining', state: 'success' },
        { flow: 'counting', state: 'failed', reason: expect.stringMatching(/oo-agg: disk on fire/) },
      ],
    });
  });
});

describe('events and comparison', () => {
  it('tells what is new, once, and not while a service starts', async () => {
    await putLogs(detail, [
      ...orders(noon),
      ...orders(noon + 5 * minute),
      line(noon + 11 * minute, 'provider refused the card', 9, { severity: 17 }),
      line(noon + 12 * minute, 'hello of a service that starts', 10, { service: 'young' }),
    ]);
    await replay(noon, noon + 20 * minute);
    await rollUntil(noon + 20 * minute);
    await replay(noon + 10 * minute, noon + 15 * minute);
    const rollup = rollupOn();
    await rollup.replay('pattern-watch', await tenant(), { from: noon, to: noon + 20 * minute });
    await rollup.tick();
    const events = await listPatternEvents(ledger, 'default', { from: noon, to: noon + hour }, 100);
    expect(
      events.map(({ kind, service, template, severity, count }) => [
        kind,
        service,
        template,
        severity,
        count,
      ]),
    ).toEqual([['new_pattern', 'shop', 'provider refused the card', 'ERROR', 1]]);
    expect(events[0]?.evidenceId).not.toBeNull();
  });

  it('tells of a rate far from the pattern\u2019s own past and of a pattern that stops, once each', async () => {
    const logs: TestLog[] = [];
    for (let bucket = 0; bucket < 24; bucket++) {
      const at = noon + bucket * 5 * minute;
      for (let i = 0; i < 40; i++) logs.push(line(at + i, 'served a page', 1));
      for (let i = 0; i < (bucket >= 22 ? 400 : 40); i++)
        logs.push(line(at + i, 'retrying the payment', 2, { severity: 17 }));
      if (bucket < 20) for (let i = 0; i < 20; i++) logs.push(line(at + i, 'heartbeat of the queue', 3));
    }
    await putLogs(detail, logs);
    now = noon + 2 * hour + 3 * minute;
    await replay(noon, noon + 2 * hour);
    await rollupOn().replay('pattern-watch', await tenant(), { from: noon, to: noon + 2 * hour });
    await rollUntil(noon + 2 * hour);
    const events = await listPatternEvents(ledger, 'default', { from: noon, to: noon + 3 * hour }, 100);
    expect(events.map(({ change, template }) => [change, template]).sort()).toEqual([
      ['up', 'retrying the payment'],
      ['vanished', 'heartbeat of the queue'],
    ]);
    // Of two windows in which the rate is high, whichever is judged first tells it.
    const minutes = events.map(({ at }) => (at - noon) / minute);
    for (const each of minutes) expect([115, 120]).toContain(each);
  });

  it('compares with an earlier window from details, from five minutes, and from days', async () => {
    const dayBefore = noon - 24 * hour;
    await putLogs(detail, [
      ...Array.from({ length: 20 }, (_, i) => line(dayBefore + i, 'served a page', 1)),
      line(dayBefore, 'old and gone', 2),
      ...Array.from({ length: 80 }, (_, i) => line(noon + i, 'served a page', 1)),
      line(noon, 'this is new', 3),
    ]);
    await replay(dayBefore, dayBefore + 5 * minute);
    now = noon + 10 * minute;
    for (let i = 0; i < 3; i++) await rollupOn().tick();
    const windows = {
      now: { from: noon, to: noon + 5 * minute },
      before: { from: dayBefore, to: dayBefore + 5 * minute },
    };
    const compare = async () => comparePatterns({ ledger, detail }, await tenant(), windows, 'shop');
    const expected = {
      'served a page': ['up', 80, 20, 4],
      'old and gone': ['gone', 0, 1, 0],
      'this is new': ['new', 1, 0, null],
    };
    const shown = (found: Awaited<ReturnType<typeof compare>>) =>
      Object.fromEntries(
        found.patterns.map((row) => [row.template, [row.state, row.count, row.before, row.ratio]]),
      );
    const exact = await compare();
    expect([exact.source, shown(exact)]).toEqual(['details', expected]);
    await detail.exec('TRUNCATE TABLE otel_logs');
    const fine = await compare();
    expect([fine.source, shown(fine)]).toEqual(['five_minutes', expected]);
    await ledger.query('DELETE FROM log_pattern_5m WHERE bucket < $1', [new Date(noon)]);
    const days = await compare();
    expect([days.source, shown(days)]).toEqual(['days', expected]);
    expect(days.before).toEqual({ from: Date.UTC(2026, 10, 19), to: Date.UTC(2026, 10, 20) });
  });
});
