import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { type Clock, createLogger, systemClock } from '../../src/lib/index.ts';
import { ooAgg } from '../../src/rollup/index.ts';
import { Scheduler } from '../../src/rollup/scheduler.ts';
import { openSqlDetail, type SqlDetail } from '../support/detail.ts';
import {
  isQuantile,
  naiveCalls,
  naiveHistograms,
  naiveSamples,
  naiveServices,
  naiveShapes,
} from '../support/naive-rollup.ts';
import { insertTelemetry } from '../support/put-telemetry.ts';
import { randomTelemetry, type Telemetry } from '../support/random-telemetry.ts';
import { testSeed } from '../support/seed.ts';

/**
 * Whatever is sent, the rollups are what a person would count from the raw rows: random telemetry through the real engines
 * against a recomputation that shares no code. Another seed: CLEW_TEST_SEED.
 */
const minute = 60_000;
const noon = Date.UTC(2026, 10, 20, 12);
/** Seven minutes: a whole bucket of five and two minutes of the next. */
const end = noon + 7 * minute;
/** Of the sketch, and a little for the floats. */
const error = 0.01;
const seeds = process.env.CLEW_TEST_SEED === undefined ? [1, testSeed] : [testSeed];
const buckets = [
  { from: noon, to: noon + 5 * minute, seconds: 300 },
  { from: noon + 5 * minute, to: end, seconds: 120 },
];
const minutes = Array.from({ length: 7 }, (_, i) => noon + i * minute);

let detail: SqlDetail;
let ledger: Ledger;
const clock: Clock = { ...systemClock, now: () => end + 121_000 };

const config = { delayS: 120, alignS: 60, initialLookbackS: 420 };
const rollupOf = (tenant: string): Scheduler =>
  new Scheduler({
    ledger,
    jobs: [ooAgg({ ledger, detail, clock, config })],
    tenants: async () => [tenant],
    clock,
    log: createLogger({ level: 'silent' }),
    worker: 'a',
  });

beforeAll(async () => {
  detail = await openSqlDetail();
  ledger = await openTestLedger();
});
afterAll(async () => {
  await ledger.close();
  await detail.close();
});

interface StoredCall {
  src: string;
  dst: string;
  rps: number;
  err_rate: number;
  p50_ms: number;
  p95_ms: number;
}

const storedCalls = (tenant: string, from: number) =>
  ledger.query<StoredCall>(
    `SELECT s.urn AS src, d.urn AS dst, c.rps, c.err_rate, c.p50_ms, c.p95_ms FROM service_call_5m c
       JOIN dim_tenant t USING (tenant_id)
       JOIN dim_resource s ON s.resource_id = c.src_resource_id JOIN dim_resource d ON d.resource_id = c.dst_resource_id
      WHERE t.code = $1 AND c.bucket = $2`,
    [tenant, new Date(from).toISOString()],
  );

interface StoredMetric {
  metric: string;
  service: string;
  labels: Record<string, string>;
  avg_val: number;
  max_val: number;
  p95_val: number;
}

const storedMetrics = async (tenant: string, at: number) => {
  const rows = await ledger.query<StoredMetric>(
    `SELECT m.metric, r.name AS service, m.labels, m.avg_val, m.max_val, m.p95_val FROM metric_1m m
       JOIN dim_tenant t USING (tenant_id) JOIN dim_resource r USING (resource_id) WHERE t.code = $1 AND m.bucket = $2`,
    [tenant, new Date(at).toISOString()],
  );
  return new Map(rows.map((row) => [`${row.metric} ${row.service} ${JSON.stringify(row.labels)}`, row]));
};

const close = (a: number | undefined, b: number) =>
  expect(a).toBeCloseTo(b, 6 - Math.ceil(Math.log10(Math.abs(b) + 1)));

async function checkCalls(tenant: string, sent: Telemetry): Promise<void> {
  for (const bucket of buckets) {
    const expected = naiveCalls(sent.spans, bucket.from, bucket.to);
    const rows = await storedCalls(tenant, bucket.from);
    expect(rows.map((row) => `${row.src} ${row.dst}`).sort()).toEqual([...expected.keys()].sort());
    for (const row of rows) {
      const call = expected.get(`${row.src} ${row.dst}`);
      if (call === undefined) throw new Error('compared above');
      const told = `${row.src} ${row.dst}`;
      expect({ told, n: row.rps * bucket.seconds }).toEqual({ told, n: expect.closeTo(call.n, 6) });
      expect({ told, failed: row.err_rate * call.n }).toEqual({
        told,
        failed: expect.closeTo(call.failed, 6),
      });
      expect({ told, ok: isQuantile(row.p50_ms, call.ms, 0.5, error) }).toEqual({ told, ok: true });
      expect({ told, ok: isQuantile(row.p95_ms, call.ms, 0.95, error) }).toEqual({ told, ok: true });
    }
  }
}

async function checkMetrics(tenant: string, sent: Telemetry): Promise<void> {
  for (const at of minutes) {
    const stored = await storedMetrics(tenant, at);
    const samples = naiveSamples(sent.series, sent.samples, at, at + minute);
    const histograms = naiveHistograms(sent.series, sent.histograms, at, at + minute);
    const services = naiveServices(sent.spans, at, at + minute);
    const derived = [...services.keys()].flatMap((service) =>
      ['requests_per_second', 'error_rate', 'duration_ms'].map((name) => `clew.${name} ${service} {}`),
    );
    expect([...stored.keys()].sort()).toEqual([...samples.keys(), ...histograms.keys(), ...derived].sort());
    for (const [name, value] of samples) {
      const row = stored.get(name);
      close(row?.avg_val, value.avg);
      close(row?.max_val, value.max);
      close(row?.p95_val, value.p95);
    }
    for (const [name, value] of histograms) {
      const row = stored.get(name);
      close(row?.avg_val, value.avg);
      expect(row?.p95_val, `${name} ${at}`).toBeGreaterThanOrEqual(value.low * 0.999_999);
      expect(row?.p95_val, `${name} ${at}`).toBeLessThanOrEqual(value.high * 1.000_001);
    }
    for (const [service, value] of services) {
      close(stored.get(`clew.requests_per_second ${service} {}`)?.avg_val, value.n / 60);
      close(stored.get(`clew.requests_per_second ${service} {}`)?.max_val, value.mostInASecond);
      close(stored.get(`clew.error_rate ${service} {}`)?.avg_val, value.failed / value.n);
      const duration = stored.get(`clew.duration_ms ${service} {}`);
      close(duration?.avg_val, value.ms.reduce((a, b) => a + b, 0) / value.n);
      close(duration?.max_val, Math.max(...value.ms));
      expect(isQuantile(duration?.p95_val ?? -1, value.ms, 0.95, error)).toBe(true);
    }
  }
}

async function checkPatterns(tenant: string, sent: Telemetry): Promise<void> {
  const pairs = await ledger.query<{ shape: string; pattern: string }>(
    `SELECT shape::text AS shape, fingerprint_id AS pattern FROM shape_pattern JOIN dim_tenant USING (tenant_id) WHERE code = $1`,
    [tenant],
  );
  const patternOf = new Map(pairs.map((row) => [row.shape, row.pattern]));
  for (const bucket of buckets) {
    const expected = new Map<string, { total: number; errors: number }>();
    for (const [name, count] of naiveShapes(sent.logs, bucket.from, bucket.to)) {
      const [service, shape] = name.split(' ');
      const key = `${service} ${patternOf.get(shape ?? '')}`;
      const sum = expected.get(key) ?? { total: 0, errors: 0 };
      expected.set(key, { total: sum.total + count.total, errors: sum.errors + count.errors });
    }
    const rows = await ledger.query<{ name: string; total: string; errors: string }>(
      `SELECT r.name || ' ' || c.fingerprint_id AS name, c.count_total AS total, c.count_error AS errors FROM log_pattern_5m c
         JOIN dim_tenant t USING (tenant_id) JOIN dim_resource r USING (resource_id) WHERE t.code = $1 AND c.bucket = $2`,
      [tenant, new Date(bucket.from).toISOString()],
    );
    const stored = rows.map(
      (row) => [row.name, { total: Number(row.total), errors: Number(row.errors) }] as const,
    );
    expect(Object.fromEntries(stored)).toEqual(Object.fromEntries(expected));
  }
}

describe.each(seeds)('telemetry of seed %i', (seed) => {
  const tenant = `tenant-${seed}`;
  const sent = randomTelemetry(seed, noon, end);

  it('becomes exactly the rows that a naive recomputation gives', { timeout: 300_000 }, async () => {
    await insertTelemetry(detail, tenant, sent);
    await rollupOf(tenant).tick();
    const runs = await ledger.query<{ state: string; error: string | null }>(
      `SELECT DISTINCT state, error FROM etl_job_run JOIN dim_tenant USING (tenant_id) WHERE code = $1 AND job = 'oo-agg'`,
      [tenant],
    );
    expect(runs).toEqual([{ state: 'success', error: null }]);
    await checkCalls(tenant, sent);
    await checkMetrics(tenant, sent);
    await checkPatterns(tenant, sent);
  });

  it('counts what it left out, and overwrites when windows are replayed in any order', {
    timeout: 300_000,
  }, async () => {
    const [left] = await ledger.query<{ n: string; unnamed: string }>(
      `SELECT sum((left_out ->> 'samples_not_finite')::int)::text AS n, sum((left_out ->> 'spans_without_name')::int)::text AS unnamed
         FROM etl_job_run JOIN dim_tenant USING (tenant_id) WHERE code = $1 AND job = 'oo-agg'`,
      [tenant],
    );
    const broken = sent.samples.filter((s) => !Number.isFinite(s.value) && s.at >= noon && s.at < end);
    const unnamed = sent.spans.filter((s) => s.service === '' && s.at >= noon && s.at < end);
    expect(Number(left?.n ?? 0)).toBe(broken.length);
    expect(Number(left?.unnamed ?? 0)).toBe(unnamed.length);

    const everything = () =>
      Promise.all(
        ['metric_1m', 'service_call_5m', 'log_pattern_5m', 'oo_locator', 'dim_resource'].map((table) =>
          ledger.query(
            `SELECT * FROM ${table} WHERE tenant_id = (SELECT tenant_id FROM dim_tenant WHERE code = $1) ORDER BY 1, 2, 3, 4, 5`,
            [tenant],
          ),
        ),
      );
    const before = await everything();
    const rollup = rollupOf(tenant);
    const id = await ledger.tenantId(tenant);
    for (const at of [minutes[6], minutes[2], minutes[0]]) {
      await rollup.replay('oo-agg', { code: tenant, id }, { from: at ?? 0, to: (at ?? 0) + minute });
      await rollup.tick();
    }
    expect(await everything()).toEqual(before);
    await checkCalls(tenant, sent);
  });
});

describe('poisoned rows', () => {
  it('are left out and counted, and the rest of their window is there', { timeout: 300_000 }, async () => {
    const megabyte = 'x'.repeat(1_048_576);
    const label = (id: number, service: string, labels: Record<string, string>, metric = 'good') => ({
      series: { id, metric, service, labels, type: 'gauge', temporality: '', monotonic: false } as const,
      sample: { series: id, at: noon + 1_000, start: 0, value: id, stale: false },
    });
    const points = [
      label(1, 'shop', {}),
      label(2, 'shop', { huge: megabyte }),
      label(3, 'shop', { 'nul\0': 'a\0b' }),
      label(4, 'y'.repeat(5_000), {}),
      label(5, 'shop', {}, ''),
    ];
    const span = (id: string, service: string, attributes: Record<string, string>) => ({
      trace: id.repeat(32),
      id: id.repeat(16),
      parent: '',
      service,
      kind: 'Client' as const,
      at: noon + 2_000,
      ms: 1,
      error: false,
      attributes,
    });
    const spans = [
      span('a', 'shop', { 'server.address': 'bank', 'server.port': '443' }),
      span('b', 'shop', { 'server.address': megabyte }),
      span('c', megabyte, { 'server.address': 'bank' }),
      span('d', 'shop', { 'server.address': 'nul\0' }),
    ];
    await insertTelemetry(detail, 'poisoned', {
      spans,
      series: points.map((point) => point.series),
      samples: points.map((point) => point.sample),
      histograms: [],
      logs: [{ at: noon, service: 'z'.repeat(600), severity: 9, shape: '1' }],
    });
    await rollupOf('poisoned').tick();
    const calls = await storedCalls('poisoned', noon);
    expect(calls.map((row) => `${row.src} ${row.dst}`).sort()).toEqual([
      'urn:svc:shop urn:ext:bank:443',
      'urn:svc:shop urn:ext:nul\uFFFD',
    ]);
    const metrics = await storedMetrics('poisoned', noon);
    expect([...metrics.keys()].sort()).toEqual(['good shop {"nul\uFFFD":"a\uFFFDb"}', 'good shop {}']);
    const [run] = await ledger.query<{ left_out: Record<string, number> }>(
      `SELECT left_out FROM etl_job_run JOIN dim_tenant USING (tenant_id) WHERE code = 'poisoned' AND window_from = $1`,
      [new Date(noon).toISOString()],
    );
    expect(run?.left_out).toEqual({
      calls_without_callee: 1,
      logs_with_long_name: 1,
      samples_with_long_name: 1,
      samples_without_name: 1,
      series_with_long_labels: 1,
      spans_with_long_name: 1,
    });
  });
});
