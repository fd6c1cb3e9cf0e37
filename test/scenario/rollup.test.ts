import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/index.ts';
import type { DetailStore } from '../../src/detail/index.ts';
import type { Ledger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { type Clock, createLogger, systemClock } from '../../src/lib/index.ts';
import { createRollup, ledgerMaintenance, type Rollup } from '../../src/rollup/index.ts';
import { type CallEdge, liveCallsFrom, storedCalls } from '../../src/topology/index.ts';
import { openSqlDetail, type SqlDetail } from '../support/detail.ts';

const minute = 60_000;
/** 12:00, the start of a five-minute bucket. */
const noon = Date.UTC(2026, 10, 20, 12, 0, 0);
const config = { delayS: 120, alignS: 60, initialLookbackS: 300 };
const { patterns } = loadConfig({ env: {}, flags: {} });
const log = createLogger({ level: 'silent' });

let detail: SqlDetail;
let ledger: Ledger;
let now = noon;
let monotonic = 0;
const clock: Clock = { ...systemClock, now: () => now, monotonic: () => monotonic };

const rollupFor = (worker: string, store: DetailStore = detail): Rollup =>
  createRollup({
    ledger,
    detail: store,
    config,
    patterns,
    tenants: async () => ['shop'],
    clock,
    log,
    worker,
  });

/** Within the error of the sketch that quantiles of durations come from. */
const near = (value: number) => expect.closeTo(value, -Math.log10(value * 0.01)) as number;
const time = (at: number) => new Date(at).toISOString();
const hex = (n: number, length: number) => n.toString(16).padStart(length, '0');

const insert = (table: string, rows: readonly Record<string, unknown>[]) =>
  detail.exec(
    `INSERT INTO ${table} SETTINGS date_time_input_format = 'best_effort' FORMAT JSONEachRow ${rows.map((row) => JSON.stringify(row)).join('\n')}`,
  );

interface SpanSpec {
  trace: number;
  span: number;
  parent?: number;
  service: string;
  kind: 'Server' | 'Client' | 'Internal';
  at: number;
  ms: number;
  error?: boolean;
  attributes?: Record<string, string>;
  tenant?: string;
}

const spanRow = (spec: SpanSpec) => ({
  Tenant: spec.tenant ?? 'shop',
  Timestamp: time(spec.at),
  TraceId: hex(spec.trace, 32),
  SpanId: hex(spec.span, 16),
  ParentSpanId: spec.parent === undefined ? '' : hex(spec.parent, 16),
  SpanName: 'x',
  SpanKind: spec.kind,
  ServiceName: spec.service,
  ResourceAttributes: { 'deployment.environment': 'demo', 'service.version': '1.2.0' },
  SpanAttributes: spec.attributes ?? {},
  Duration: spec.ms * 1_000_000,
  StatusCode: spec.error ? 'Error' : 'Unset',
});

/** Ten journeys in the first minute: checkout asks payments, which asks its database and an outside provider. */
function journeys(): SpanSpec[] {
  const spans: SpanSpec[] = [];
  for (let i = 0; i < 10; i++) {
    const at = noon + i * 1_000;
    const base = { trace: i + 1 };
    spans.push({ ...base, span: i * 10 + 1, service: 'checkout', kind: 'Server', at, ms: 100 });
    const address = { 'server.address': '127.0.0.1', 'server.port': '7001' };
    spans.push({
      ...base,
      span: i * 10 + 2,
      parent: i * 10 + 1,
      service: 'checkout',
      kind: 'Client',
      at: at + 1,
      ms: 10 * (i + 1),
      error: i < 2,
      attributes: address,
    });
    spans.push({
      ...base,
      span: i * 10 + 3,
      parent: i * 10 + 2,
      service: 'payments',
      kind: 'Server',
      at: at + 2,
      ms: 5,
      error: i < 2,
    });
    spans.push({
      ...base,
      span: i * 10 + 4,
      parent: i * 10 + 3,
      service: 'payments',
      kind: 'Client',
      at: at + 3,
      ms: 2,
      attributes: { 'db.system': 'sqlite', 'db.name': '/data/pay.db' },
    });
    spans.push({
      ...base,
      span: i * 10 + 5,
      parent: i * 10 + 3,
      service: 'payments',
      kind: 'Client',
      at: at + 4,
      ms: 3,
      attributes: { 'url.full': 'https://pay.example.test:9443/v1/charge' },
    });
  }
  // A call to payments that nobody answered: the address is known to be payments, so it is not an outside peer.
  spans.push({
    trace: 50,
    span: 900,
    service: 'checkout',
    kind: 'Client',
    at: noon + 30_000,
    ms: 200,
    error: true,
    attributes: { 'server.address': '127.0.0.1', 'server.port': '7001' },
  });
  // Another tenant's spans must stay out.
  spans.push({ trace: 60, span: 950, service: 'foreign', kind: 'Server', at: noon, ms: 1, tenant: 'other' });
  return spans;
}

const logRow = (at: number, service: string, severity: number, shape: string, body: string) => ({
  Tenant: 'shop',
  Timestamp: time(at),
  SeverityNumber: severity,
  ServiceName: service,
  Body: body,
  Shape: shape,
  LogAttributes: { 'order.id': '1' },
});

beforeAll(async () => {
  detail = await openSqlDetail();
  ledger = await openTestLedger();
  await insert('otel_traces', journeys().map(spanRow));
  await insert('otel_logs', [
    logRow(noon + 1_000, 'payments', 9, '18446744073709551615', 'charged order 17 in 20 ms'),
    logRow(noon + 2_000, 'payments', 9, '18446744073709551615', 'charged order 18 in 21 ms'),
    logRow(noon + 3_000, 'payments', 17, '42', 'provider refused order 19'),
    logRow(noon + 70_000, 'payments', 17, '42', 'provider refused order 20'),
  ]);
  await insert('metric_series', [
    {
      Tenant: 'shop',
      SeriesId: '1',
      MetricName: 'process.memory',
      MetricType: 'gauge',
      ServiceName: 'cart',
      Attributes: { pool: 'a' },
      LastSeen: time(noon),
    },
    {
      Tenant: 'shop',
      SeriesId: '2',
      MetricName: 'process.cpu.time',
      MetricType: 'sum',
      Temporality: 'cumulative',
      IsMonotonic: 1,
      ServiceName: 'cart',
      LastSeen: time(noon),
    },
  ]);
  const sample = (id: string, metric: string, at: number, value: number) => ({
    Tenant: 'shop',
    SeriesId: id,
    MetricName: metric,
    ServiceName: 'cart',
    Timestamp: time(at),
    Value: value,
  });
  await insert('metric_samples', [
    sample('1', 'process.memory', noon, 10),
    sample('1', 'process.memory', noon + 15_000, 20),
    sample('1', 'process.memory', noon + 30_000, 60),
    sample('2', 'process.cpu.time', noon - 10_000, 5),
    sample('2', 'process.cpu.time', noon + 10_000, 15),
    // The process restarted: 4 s of work since.
    sample('2', 'process.cpu.time', noon + 30_000, 4),
  ]);
});

beforeEach(async () => {
  now = noon + minute + 120_000 + 1_000;
  await ledger.query(
    'TRUNCATE etl_job_run, etl_job_circuit, metric_1m, service_call_5m, log_pattern_5m, shape_pattern, log_pattern, evidence_link, oo_locator, dim_resource RESTART IDENTITY CASCADE',
  );
});

afterAll(async () => {
  await ledger.close();
  await detail.close();
});

const calls = () =>
  ledger.query<Record<string, unknown>>(
    `SELECT s.urn AS src, d.urn AS dst, c.rps, c.err_rate, c.p50_ms, c.p95_ms, l.query_hint
       FROM service_call_5m c JOIN dim_resource s ON s.resource_id = c.src_resource_id
       JOIN dim_resource d ON d.resource_id = c.dst_resource_id LEFT JOIN oo_locator l ON l.id = c.sample_ref
      ORDER BY d.urn`,
  );
const metric = (name: string) =>
  ledger.query<Record<string, unknown>>(
    `SELECT bucket, r.urn, avg_val, max_val, p95_val, m.labels FROM metric_1m m JOIN dim_resource r USING (resource_id)
      WHERE metric = $1 ORDER BY r.urn`,
    [name],
  );
const states = () =>
  ledger.query<{ state: string; n: number }>(
    `SELECT state, count(*)::int AS n FROM etl_job_run WHERE job = 'oo-agg' GROUP BY state ORDER BY state`,
  );

describe('oo-agg', () => {
  it('turns spans into calls with rate, errors and quantiles, per caller and callee', async () => {
    await rollupFor('a').tick();
    const rows = await calls();
    expect(rows.map((row) => [row.src, row.dst])).toEqual([
      ['urn:svc:payments', 'urn:db:sqlite:payments/pay.db'],
      ['urn:svc:payments', 'urn:ext:pay.example.test:9443'],
      // Nobody of ours is known to have asked checkout: its spans have no parent.
      ['urn:ext:unknown', 'urn:svc:checkout'],
      ['urn:svc:checkout', 'urn:svc:payments'],
    ]);
    // Eleven calls in the one minute of the bucket that is complete; three of them failed.
    expect(rows[3]).toMatchObject({ rps: 11 / 60, err_rate: 3 / 11, p50_ms: near(60) });
    expect(rows[0]).toMatchObject({ rps: 10 / 60, err_rate: 0, p50_ms: near(2), p95_ms: near(2) });
  });

  it('leads from a call back to its raw spans', async () => {
    await rollupFor('a').tick();
    const hints = (await calls()).map((row) => JSON.parse(String(row.query_hint)));
    const window = { from: noon, to: noon + 5 * minute };
    expect(hints).toEqual([
      {
        dataset: 'otel_traces',
        window,
        equals: { ServiceName: 'payments', 'SpanAttributes.db.system': 'sqlite' },
      },
      { dataset: 'otel_traces', window, equals: { ServiceName: 'payments' }, only: 'client_spans' },
      { dataset: 'otel_traces', window, equals: { ServiceName: 'checkout' }, only: 'server_spans' },
      { dataset: 'otel_traces', window, equals: { ServiceName: 'payments' }, only: 'server_spans' },
    ]);
  });

  it('derives rate, error share and duration of every service from its server spans', async () => {
    await rollupFor('a').tick();
    expect(await metric('clew.requests_per_second')).toMatchObject([
      { urn: 'urn:svc:checkout', avg_val: 10 / 60, max_val: 1 },
      { urn: 'urn:svc:payments', avg_val: 10 / 60, max_val: 1 },
    ]);
    expect(await metric('clew.error_rate')).toMatchObject([{ avg_val: 0 }, { avg_val: 0.2, max_val: 1 }]);
    expect(await metric('clew.duration_ms')).toMatchObject([
      { avg_val: 100, p95_val: near(100) },
      { avg_val: 5 },
    ]);
  });

  it('averages gauges, and turns a growing total into a rate that survives a restart', async () => {
    await rollupFor('a').tick();
    expect(await metric('process.memory')).toEqual([
      {
        bucket: new Date(noon),
        urn: 'urn:svc:cart',
        avg_val: 30,
        max_val: 60,
        p95_val: 60,
        labels: { pool: 'a' },
      },
    ]);
    // (15 − 5) in 20 s, then 4 in 20 s.
    expect(await metric('process.cpu.time.per_second')).toMatchObject([{ avg_val: 0.35, max_val: 0.5 }]);
  });

  it('counts log patterns and remembers which shape belongs to which', async () => {
    await rollupFor('a').tick();
    const rows = await ledger.query(
      `SELECT p.pattern, p.severity, c.count_total, c.count_error, l.query_hint::jsonb -> 'equals' AS equals
         FROM log_pattern_5m c JOIN log_pattern p USING (fingerprint_id) JOIN oo_locator l ON l.id = c.sample_ref ORDER BY p.pattern`,
    );
    expect(rows).toEqual([
      {
        pattern: 'charged order <*> in <*> ms',
        severity: 'INFO',
        count_total: '2',
        count_error: '0',
        equals: { ServiceName: 'payments', Shape: '18446744073709551615' },
      },
      {
        pattern: 'provider refused order <*>',
        severity: 'ERROR',
        count_total: '1',
        count_error: '1',
        equals: { ServiceName: 'payments', Shape: '42' },
      },
    ]);
    expect(await ledger.query('SELECT shape::text FROM shape_pattern s ORDER BY s.shape')).toEqual([
      { shape: '42' },
      { shape: '18446744073709551615' },
    ]);
  });

  it('computes a five-minute bucket again when its next minute is complete', async () => {
    const rollup = rollupFor('a');
    await rollup.tick();
    now += minute;
    await rollup.tick();
    const rows = await ledger.query(
      `SELECT c.count_total FROM log_pattern_5m c JOIN log_pattern p USING (fingerprint_id) WHERE p.pattern LIKE 'provider%'`,
    );
    expect(rows).toEqual([{ count_total: '2' }]);
    expect((await calls())[3]).toMatchObject({ rps: 11 / 120 });
  });

  it('overwrites and never duplicates when a window is replayed', async () => {
    const rollup = rollupFor('a');
    await rollup.tick();
    const everything = async () =>
      JSON.stringify([
        await calls(),
        await metric('process.memory'),
        await metric('clew.error_rate'),
        await ledger.query('SELECT * FROM log_pattern_5m ORDER BY 1, 2, 3, 4'),
        await ledger.query('SELECT * FROM oo_locator ORDER BY id'),
        await ledger.query('SELECT * FROM log_pattern ORDER BY 1'),
      ]);
    const before = await everything();
    const tenant = { code: 'shop', id: await ledger.tenantId('shop') };
    const answer = await rollup.replay('oo-agg', tenant, { from: noon, to: noon + minute });
    expect(answer).toEqual({ from: noon, to: noon + minute, windows: 1, queued: 1 });
    await rollup.tick();
    expect(await everything()).toBe(before);
    const runs = await ledger.query(
      `SELECT state, attempts, rows_conflict > 0 AS overwrote FROM etl_job_run WHERE job = 'oo-agg' AND window_from = $1`,
      [time(noon)],
    );
    expect(runs).toEqual([{ state: 'success', attempts: 1, overwrote: true }]);
  });
});

describe('windows', () => {
  it('lets a window of the future wait until it is over and its delay has passed', async () => {
    const rollup = rollupFor('a');
    await rollup.tick();
    const tenant = { code: 'shop', id: await ledger.tenantId('shop') };
    const future = { from: now + 10 * minute, to: now + 11 * minute };
    await rollup.replay('oo-agg', tenant, future);
    await rollup.tick();
    expect(await states()).toEqual([
      { state: 'queued', n: 2 },
      { state: 'success', n: 5 },
    ]);
    now += 20 * minute;
    await rollup.tick();
    expect((await states()).map((row) => row.state)).toEqual(['success']);
  });

  it('runs each window once when two workers look at the same time', async () => {
    await Promise.all([rollupFor('a').tick(), rollupFor('b').tick()]);
    const runs = await ledger.query<{ n: number; most: number }>(
      `SELECT count(*)::int AS n, max(attempts)::int AS most FROM etl_job_run WHERE job = 'oo-agg'`,
    );
    expect(runs).toEqual([{ n: 5, most: 1 }]);
  });

  it('takes over a window whose worker died, after its lease, whatever the wall clock says', async () => {
    await rollupFor('a').tick();
    // A worker of another process; the embedded ledger has only one, so it is found at the first look otherwise.
    const other = rollupFor('b');
    await other.tick();
    await ledger.query(
      `UPDATE etl_job_run SET state = 'running', worker = 'dead', lease_until = $1 WHERE window_from = $2 AND job = 'oo-agg'`,
      [time(now - minute), time(noon)],
    );
    await other.tick();
    monotonic += 29_000;
    await other.tick();
    expect(await states()).toEqual([
      { state: 'running', n: 1 },
      { state: 'success', n: 4 },
    ]);
    monotonic += 1_000;
    await other.tick();
    const run = await ledger.query(
      `SELECT state, attempts, worker FROM etl_job_run WHERE window_from = $1 AND job = 'oo-agg'`,
      [time(noon)],
    );
    expect(run).toEqual([{ state: 'success', attempts: 2, worker: 'b' }]);
  });

  it('tries a failing window again with a delay, pauses the job, and goes on where it stopped', async () => {
    const broken = { ...detail, query: () => Promise.reject(new Error('disk on fire')) };
    const rollup = rollupFor('a', broken);
    for (let i = 0; i < 6; i++) {
      await rollup.tick();
      now += 9_000;
    }
    const circuit = await ledger.query(`SELECT state FROM etl_job_circuit WHERE job = 'oo-agg'`);
    expect(circuit).toEqual([{ state: 'open' }]);
    const failed = await ledger.query<{ error: string }>(
      `SELECT DISTINCT error FROM etl_job_run WHERE job = 'oo-agg' AND attempts > 0`,
    );
    expect(failed).toEqual([{ error: 'disk on fire' }]);
    await rollupFor('b').tick();
    expect((await states()).find((row) => row.state === 'success')).toBeUndefined();
    now += minute * 11;
    const healed = rollupFor('b');
    for (let i = 0; i < 3; i++) await healed.tick();
    expect((await states()).map((row) => row.state)).toEqual(['success']);
    expect(await ledger.query(`SELECT state, failures FROM etl_job_circuit WHERE job = 'oo-agg'`)).toEqual([
      { state: 'closed', failures: 0 },
    ]);
  });
});

describe('ledger-maintenance', () => {
  it('makes partitions ahead, forgets old runs, and gives the space of dead rows back', async () => {
    const tenantId = await ledger.tenantId('shop');
    const old = now - 40 * 24 * 60 * minute;
    await ledger.query(
      `INSERT INTO etl_job_run (job, tenant_id, window_from, window_to, state) VALUES ('oo-agg', $1, $2, $3, 'success')`,
      [tenantId, time(old), time(old + minute)],
    );
    now += 60 * 24 * 60 * minute;
    const job = ledgerMaintenance(ledger);
    const window = { from: now - 10 * minute, to: now };
    await job.run({
      tenant: { code: 'shop', id: tenantId },
      window,
      completeTo: now,
      signal: new AbortController().signal,
      commit: (work) => ledger.transaction(work),
    });
    const ahead = await ledger.query(
      `SELECT 1 FROM time_series_partition WHERE table_name = 'metric_1m' AND t_from > $1`,
      [time(now)],
    );
    // TimescaleDB makes its chunks when rows come.
    expect(ahead).toHaveLength(ledger.capabilities.timescale ? 0 : 1);
    expect(await ledger.query('SELECT 1 FROM etl_job_run')).toEqual([]);
  });
});

describe('the live graph', () => {
  it('shows the same calls from the spans as the rollup stores', async () => {
    await rollupFor('a').tick();
    const live = await liveCallsFrom(detail)('shop', { from: noon, to: noon + minute });
    const tenantId = await ledger.tenantId('shop');
    const stored = await storedCalls(ledger, tenantId, { from: noon, to: noon + minute });
    const key = (edge: CallEdge) => edge.src + edge.dst;
    const sorted = (edges: CallEdge[]) => [...edges].sort((a, b) => (key(a) < key(b) ? -1 : 1));
    // The ledger weighs buckets by their rate, which leaves the last digit of a float open.
    const rounded = (edges: CallEdge[]) =>
      sorted(edges).map((edge) => ({
        ...edge,
        p50Ms: Math.round(edge.p50Ms * 1e6),
        p95Ms: Math.round(edge.p95Ms * 1e6),
      }));
    expect(rounded(live)).toEqual(rounded(stored));
    expect(live).toHaveLength(4);
  });
});
