/** Metrics per minute with what is usual and what was not, and the way from an event to the rollup's row and its raw rows. */
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { type Clock, createLogger, systemClock } from '../../src/lib/index.ts';
import type { RowFilter } from '../../src/model/index.ts';
import { evidenceRoutes } from '../../src/serve/evidence.ts';
import { questionRoutes } from '../../src/serve/questions.ts';
import { seriesRoutes } from '../../src/serve/series.ts';
import { createServer } from '../../src/serve/server.ts';
import { openSqlDetail, type SqlDetail } from '../support/detail.ts';
import { putLogs } from '../support/telemetry.ts';

const minute = 60_000;
const noon = Date.UTC(2026, 10, 20, 12);
const end = noon + 30 * minute;
const onset = noon + 20 * minute;
const clock: Clock = { ...systemClock, now: () => end };
const iso = (at: number) => new Date(at).toISOString();

let detail: SqlDetail;
let ledger: Ledger;
let app: FastifyInstance;
let eventId = '';

const get = async (path: string) => {
  const answer = await app.inject({ url: `/api/v1${path}` });
  return { status: answer.statusCode, body: answer.json() };
};

/** Two pods of one gauge, an hour: about 100, of pod a 500 from the onset on; pod b has a gap. */
async function fill(tenantId: number): Promise<void> {
  const [cart] = await ledger.query<{ id: string }>(
    `INSERT INTO dim_resource (tenant_id, urn, type, name) VALUES ($1, 'urn:svc:cart', 'service', 'cart') RETURNING resource_id::text AS id`,
    [tenantId],
  );
  const [locator] = await ledger.query<{ id: string }>(
    `INSERT INTO oo_locator (tenant_id, dataset, bucket, object_key, t_from, t_to, query_hint)
     VALUES ($1, 'logs', 'detail', 'x', $2, $3, $4) RETURNING id::text AS id`,
    [
      tenantId,
      iso(onset),
      iso(onset + minute),
      JSON.stringify({
        dataset: 'otel_logs',
        window: { from: onset, to: onset + minute },
        equals: { ServiceName: 'cart' },
      } satisfies RowFilter),
    ],
  );
  const rows: string[] = [];
  for (let at = noon - 30 * minute; at < end; at += minute) {
    const high = at >= onset;
    const ref = at === onset ? locator?.id : 'NULL';
    const a = high ? 500 : 100 + ((at / minute) % 5);
    rows.push(`('${iso(at)}', ${tenantId}, ${cart?.id}, 'heap.used', ${a}, ${a + 9}, '{"pod":"a"}', ${ref})`);
    if (at !== noon + 5 * minute)
      rows.push(`('${iso(at)}', ${tenantId}, ${cart?.id}, 'heap.used', 10, 11, '{"pod":"b"}', NULL)`);
    rows.push(`('${iso(at)}', ${tenantId}, ${cart?.id}, 'gc.total.per_second', 1, 2, '{}', NULL)`);
  }
  await ledger.query(
    `INSERT INTO metric_1m (bucket, tenant_id, resource_id, metric, avg_val, max_val, labels, sample_ref) VALUES ${rows.join(',')}`,
  );
  const [row] = await ledger.query<{ hash: string }>(
    `SELECT labels_hash AS hash FROM metric_1m WHERE labels = '{"pod":"a"}' LIMIT 1`,
  );
  const labels = {
    table: 'metric_1m',
    series: `metric:${cart?.id}:heap.used:${row?.hash}`,
    service: 'cart',
    indicator: 'heap.used',
    value: 500,
    since: onset,
    onset_from: onset,
    onset_to: onset,
  };
  const [event] = await ledger.query<{ event_id: string }>(
    `INSERT INTO event_envelope (tenant_id, severity, kind, title, summary, detected_at, labels)
     VALUES ($1, 'WARN', 'anomaly', 'cart: heap.used is unusually high', 'much more', $2, $3::jsonb) RETURNING event_id`,
    [tenantId, iso(onset + 3 * minute), JSON.stringify(labels)],
  );
  eventId = event?.event_id ?? '';
  await ledger.query(
    `INSERT INTO evidence_link (event_id, dim, ref_pg, note) VALUES ($1, 'metric', $2::jsonb, 'much more')`,
    [
      eventId,
      JSON.stringify({
        table: 'metric_1m',
        bucket: iso(onset),
        resource_id: cart?.id,
        metric: 'heap.used',
        labels_hash: row?.hash,
      }),
    ],
  );
}

beforeAll(async () => {
  detail = await openSqlDetail();
  ledger = await openTestLedger();
  await putLogs(detail, [
    { at: onset + 5_000, service: 'cart', severity: 17, body: 'no room left', eventId: 1 },
  ]);
  await detail.exec(
    `INSERT INTO metric_series (Tenant, SeriesId, MetricName, ServiceName, Unit, LastSeen)
     SELECT 'default', number, ['heap.used', 'gc.total'][number + 1], 'cart', ['By', 's'][number + 1], toDateTime64(${noon / 1_000}, 3, 'UTC') FROM numbers(2)`,
  );
  await ledger.query('SELECT ensure_partitions($1)', [iso(noon)]);
  await fill(await ledger.tenantId('default'));
  const deps = { detail, ledger, clock, tenantOf: () => 'default', windowMsMax: 86_400_000 };
  app = await createServer({ log: createLogger({ level: 'silent' }), bodyBytesMax: 10_000 });
  for (const routes of [
    seriesRoutes(deps),
    evidenceRoutes(deps),
    questionRoutes({ ...deps, templatesOf: async () => new Map() }),
  ])
    await app.register(routes, { prefix: '/api/v1' });
});
afterAll(async () => {
  await app?.close();
  await detail?.close();
  await ledger?.close();
});

const window = `from=${noon}&to=${end}`;

describe('a metric', () => {
  it('is named with its services and how many lines it has', async () => {
    const { body } = await get(`/series/names?${window}`);
    expect(body.data).toEqual([
      { metric: 'gc.total.per_second', services: ['cart'], series: 1 },
      { metric: 'heap.used', services: ['cart'], series: 2 },
    ]);
    expect((await get(`/series/names?${window}&service=nobody`)).body.data).toEqual([]);
  });

  it('has a point a minute, gaps where nothing was measured, the unit of its sender', async () => {
    const { body } = await get(`/series?${window}&metric=heap.used`);
    expect(body.data).toMatchObject({ metric: 'heap.used', unit: 'By', step_ms: minute, truncated: false });
    const [a, b] = body.data.series;
    expect([a.labels, b.labels]).toEqual([{ pod: 'a' }, { pod: 'b' }]);
    expect(a.points).toHaveLength(30);
    expect(a.points[20]).toEqual({ at: onset, value: 500 });
    expect(b.points[5]).toEqual({ at: noon + 5 * minute, value: null });
  });

  it('is shown beside what was usual before, with what was unusual', async () => {
    const { body } = await get(`/series?${window}&metric=heap.used`);
    const [a, b] = body.data.series;
    expect(a.usual).toMatchObject({ median: 102, points: 30 });
    expect(a.usual.high).toBeGreaterThan(104);
    expect(a.usual.high).toBeLessThan(120);
    expect(a.unusual).toMatchObject([{ event_id: eventId, from: onset, severity: 'WARN' }]);
    expect(b.usual).toMatchObject({ median: 10, low: 10, high: 10 });
    expect(b.unusual).toEqual([]);
  });

  it('that counts is found by its own name, as its rate', async () => {
    const { body } = await get(`/series?${window}&metric=gc.total&stat=max`);
    expect(body.data).toMatchObject({ metric: 'gc.total.per_second', unit: 's/s', stat: 'max' });
    expect(body.data.series[0].points[0].value).toBe(2);
  });

  it('that nobody sent has no line, and what makes no sense is refused by name', async () => {
    expect((await get(`/series?${window}&metric=nothing`)).body.data.series).toEqual([]);
    for (const [query, reason] of [
      [window, /metric/],
      [`${window}&metric=x&stat=median`, /stat/],
      ['from=5&to=1&metric=x', /from/],
    ] as const) {
      const { status, body } = await get(`/series?${query}`);
      expect([query, status]).toEqual([query, 400]);
      expect(body.error.message).toMatch(reason);
    }
  });
});

describe('an event about a metric', () => {
  it('leads to the row of the rollup and on to the raw rows behind it', async () => {
    const event = (await get(`/events/${eventId}/evidence`)).body.data;
    expect(event).toMatchObject({ summary: 'much more', labels: { indicator: 'heap.used', value: 500 } });
    const { body } = await get(`/evidence/${event.evidence[0].evidence_id}/rows`);
    expect(body.row).toMatchObject({ metric: 'heap.used', avg_val: 500, labels: { pod: 'a' } });
    expect(body.ledger).toMatchObject({ table: 'metric_1m' });
    expect(body.data).toMatchObject([{ Body: 'no room left' }]);
    expect(body.link).toBe(`/logs?service=cart&from=${onset}&to=${onset + minute}`);
  });
});
