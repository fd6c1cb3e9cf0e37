import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { type Clock, createLogger, systemClock } from '../../src/lib/index.ts';
import { ooAgg, patternLookup } from '../../src/rollup/index.ts';
import { Scheduler } from '../../src/rollup/scheduler.ts';
import { questionRoutes } from '../../src/serve/questions.ts';
import { createServer } from '../../src/serve/server.ts';
import { openSqlDetail, type SqlDetail } from '../support/detail.ts';
import { putLogs, putSpans, type TestSpan } from '../support/telemetry.ts';

const minute = 60_000;
const noon = Date.UTC(2026, 10, 20, 12);
const window = { from: noon, to: noon + 5 * minute };
const clock: Clock = { ...systemClock, now: () => noon + minute + 121_000 };
let detail: SqlDetail;
let ledger: Ledger;
let app: FastifyInstance;
let event = '';

/** Ten journeys: shop asks cart (slow), pay (fails half of the time) and mail. */
const spans = Array.from({ length: 10 }, (_, i): TestSpan[] => {
  const base = { at: noon + i * 1_000, traceId: `${i}`.repeat(32), service: 'shop' };
  const call = (n: number, to: string, durationMs: number, status: 'Error' | 'Unset'): TestSpan[] => [
    {
      ...base,
      spanId: `${n}${i}`.padStart(16, '0'),
      name: `call ${to}`,
      kind: 'Client',
      durationMs,
      status,
      eventId: i * 10 + n,
    },
    {
      ...base,
      spanId: `${n + 5}${i}`.padStart(16, '0'),
      parent: `${n}${i}`.padStart(16, '0'),
      service: to,
      name: 'GET /x',
      kind: 'Server',
      durationMs: durationMs - 1,
      status,
      attributes: { 'user.id': i < 7 ? 'ann' : `guest-${i}` },
      eventId: i * 10 + n + 5,
    },
  ];
  return [
    ...call(1, 'cart', 800, 'Unset'),
    ...call(2, 'pay', 50, i % 2 === 0 ? 'Error' : 'Unset'),
    ...call(3, 'mail', 10, 'Unset'),
  ];
}).flat();

beforeAll(async () => {
  detail = await openSqlDetail();
  ledger = await openTestLedger();
  await putSpans(detail, spans);
  await putLogs(
    detail,
    Array.from({ length: 30 }, (_, i) => ({
      at: noon + i,
      service: 'shop',
      severity: i < 3 ? 17 : 9,
      body: i < 20 ? `put ${i} things` : `charged order ${i}`,
      shape: i < 20 ? '7' : '8',
      eventId: i,
    })),
  );
  await detail.exec(
    `INSERT INTO metric_series (Tenant, SeriesId, MetricName, ServiceName, Attributes, LastSeen) SELECT 'default', number, 'm', 'shop',
       map('pod', if(number < 6, 'a', toString(number))), toDateTime64(${noon / 1_000}, 3, 'UTC') FROM numbers(10)`,
  );
  const config = { delayS: 120, alignS: 60, initialLookbackS: 60 };
  const jobs = [ooAgg({ ledger, detail, clock, config })];
  const log = createLogger({ level: 'silent' });
  await new Scheduler({ ledger, jobs, tenants: async () => ['default'], clock, log, worker: 'a' }).tick();
  const id = await ledger.tenantId('default');
  const [made] = await ledger.query<{ event_id: string }>(
    `INSERT INTO event_envelope (tenant_id, severity, kind, title, resource_id)
     SELECT $1, 'ERROR', 'anomaly', 'cart is slow', resource_id FROM dim_resource WHERE tenant_id = $1 AND urn = 'urn:svc:cart' RETURNING event_id`,
    [id],
  );
  event = made?.event_id ?? '';
  await ledger.query(
    `INSERT INTO evidence_link (event_id, dim, ref_oo, note)
     SELECT $1::uuid, 'trace', c.sample_ref, 'slow calls' FROM service_call_5m c JOIN dim_resource d ON d.resource_id = c.dst_resource_id WHERE d.urn = 'urn:svc:cart'
     UNION ALL SELECT $1::uuid, 'metric', NULL, 'its p95'`,
    [event],
  );
  app = await createServer({ log, bodyBytesMax: 10_000 });
  const deps = { detail, ledger, clock, tenantOf: () => 'default', windowMsMax: 86_400_000 };
  await app.register(questionRoutes({ ...deps, ...patternLookup(ledger) }), { prefix: '/api/v1' });
});
afterAll(async () => {
  await app.close();
  await ledger.close();
  await detail.close();
});

async function ask(path: string, query: Record<string, string> = {}) {
  const search = new URLSearchParams({ from: `${window.from}`, to: `${window.to}`, ...query });
  const answer = await app.inject(`/api/v1/${path}?${search}`);
  return { status: answer.statusCode, ...answer.json() };
}

describe('dependencies of a service', () => {
  it('come slowest first, with the trace of the slowest call', async () => {
    const { data } = await ask('dependencies', { service: 'shop' });
    expect(data.map((row: { dst: string }) => row.dst)).toEqual([
      'urn:svc:cart',
      'urn:svc:pay',
      'urn:svc:mail',
    ]);
    expect(data[0]).toMatchObject({ src: 'urn:svc:shop', rps: 10 / 60, error_rate: 0 });
    expect(data[0].slowest_trace).toMatch(/^(\d)\1{31}$/);
    expect(data[0].sample_ref).toMatch(/^\d+$/);
  });
  it('come most failing first when asked so, and only the worst', async () => {
    const { data } = await ask('dependencies', { service: 'urn:svc:shop', by: 'failing', limit: '1' });
    expect(data).toHaveLength(1);
    expect(data[0]).toMatchObject({ dst: 'urn:svc:pay', error_rate: 0.5 });
    expect(data[0].failed_trace).not.toBeNull();
  });
  it('are none outside of the window and of another service', async () => {
    expect((await ask('dependencies', { service: 'nobody' })).data).toEqual([]);
    expect((await ask('dependencies', { from: '0', to: '60000' })).data).toEqual([]);
  });
});

describe('the evidence of an event', () => {
  it('leads to the ledger and by locators to the raw rows', async () => {
    const { data } = await ask(`events/${event}/evidence`);
    expect(data).toMatchObject({ title: 'cart is slow', resource: 'urn:svc:cart', severity: 'ERROR' });
    expect(data.evidence).toHaveLength(2);
    const [trace] = data.evidence;
    expect(trace).toMatchObject({ dim: 'trace', note: 'slow calls' });
    expect(trace.locator.object_key).toBe('call/urn:svc:shop/urn:svc:cart');
    expect(JSON.parse(trace.locator.query_hint).equals).toEqual({ ServiceName: 'cart' });
  });
  it('is not found for an event that there is not', async () => {
    expect((await ask('events/00000000-0000-4000-8000-000000000000/evidence')).status).toBe(404);
  });
});

describe('the heaviest', () => {
  it('endpoints by time, with their share', async () => {
    const { data } = await ask('heaviest', { of: 'endpoints', by: 'time' });
    expect(data.values[0]).toMatchObject({ value: 'cart GET /x', weight: 7_990, overcount: 0 });
    expect(data.values[0].share).toBeCloseTo(799 / (799 + 49 + 9), 6);
    expect(data.distinct).toBe(3);
  });
  it('endpoints by failures leave out those that never fail', async () => {
    const { data } = await ask('heaviest', { of: 'endpoints', by: 'errors' });
    expect(data.values.map((row: { value: string }) => row.value)).toEqual(['pay GET /x']);
  });
  it('users by an attribute of their spans', async () => {
    const { data } = await ask('heaviest', { of: 'users', attribute: 'user.id', service: 'cart' });
    expect(data.values[0]).toMatchObject({ value: 'ann', weight: 7, share: 0.7 });
    expect(data).toMatchObject({ distinct: 4, total: 10 });
  });
  it('patterns by their template', async () => {
    const { data } = await ask('heaviest', { of: 'patterns' });
    expect(data.values.map((row: { name: string; weight: number }) => [row.name, row.weight])).toEqual([
      ['put <*> things', 20],
      ['charged order <*>', 10],
    ]);
  });
  it('label values by the series that they make', async () => {
    const { data } = await ask('heaviest', { of: 'labels', attribute: 'pod', limit: '1' });
    expect(data.values).toEqual([{ value: 'a', name: 'a', weight: 6, share: 0.6, overcount: 0 }]);
    expect(data.distinct).toBe(5);
  });
  it('refuses what it does not know', async () => {
    expect((await ask('heaviest', { of: 'planets' })).status).toBe(400);
    expect((await ask('heaviest', { of: 'users', limit: '51' })).status).toBe(400);
  });
});
