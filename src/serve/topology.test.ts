import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../config/index.ts';
import type { Ledger } from '../ledger/index.ts';
import { openTestLedger } from '../ledger/testing.ts';
import { createLogger, systemClock } from '../lib/index.ts';
import { createRollup } from '../rollup/index.ts';
import type { CallEdge } from '../topology/index.ts';
import { callerOf } from './caller.ts';
import { etlRoutes } from './etl.ts';
import { createServer } from './server.ts';
import { topologyRoutes } from './topology.ts';

const log = createLogger({ level: 'silent' });
const edge = (from: string, to: string, errorRate = 0): CallEdge => ({
  src: `urn:svc:${from}`,
  dst: to.includes(':') ? to : `urn:svc:${to}`,
  srcService: from,
  dstService: to.includes(':') ? '' : to,
  dstType: to.includes(':') ? 'external' : 'service',
  rps: 4,
  errorRate,
  p50Ms: 1,
  p95Ms: 9,
});
let app: FastifyInstance;
let ledger: Ledger;

beforeAll(async () => {
  ledger = await openTestLedger();
  await ledger.tenantId('shop');
  app = await createServer({ log, bodyBytesMax: 1e6 });
  const tenantOf = () => 'shop';
  await app.register(
    topologyRoutes({
      ledger,
      tenantOf,
      clock: systemClock,
      log,
      liveCalls: async () => [
        edge('gateway', 'checkout'),
        edge('checkout', 'urn:ext:pay.example.test:9443', 0.3),
      ],
      liveLoad: async () => [
        { service: 'gateway', rps: 4, errorRate: 0, p95Ms: 30 },
        { service: 'checkout', rps: 4, errorRate: 0.02, p95Ms: 20 },
      ],
    }),
    { prefix: '/api/v1' },
  );
  const never = () => Promise.reject(new Error('not asked'));
  const detail = {
    append: never,
    expectAgain: () => undefined,
    query: never,
    derive: never,
    userSql: never,
    flush: never,
    close: never,
    health: () => ({ ready: true, pendingBytes: 0, pendingSegments: 0, insertLagMs: 0, lastError: null }),
  };
  const rollup = createRollup({
    ledger,
    detail,
    config: { delayS: 120, alignS: 60, initialLookbackS: 300 },
    patterns: loadConfig({ env: {}, flags: {} }).patterns,
    tenants: async () => ['shop'],
    clock: systemClock,
    log,
    worker: 'w',
  });
  await app.register(etlRoutes({ ledger, reader: ledger, rollup, clock: systemClock, tenantOf, callerOf }), {
    prefix: '/api/v1',
  });
  await app.ready();
});
afterAll(async () => {
  await app.close();
  await ledger.close();
});

const get = async (url: string) => (await app.inject({ url: `/api/v1${url}` })).json();

describe('graph routes', () => {
  it('answer nodes with the load they served and edges with what callers saw', async () => {
    const { data, source } = await get('/graph');
    expect(source).toBe('live');
    expect(
      data.nodes.map((node: { urn: string; health: string; rps: number }) => [
        node.urn,
        node.health,
        node.rps,
      ]),
    ).toEqual([
      ['urn:ext:pay.example.test:9443', 'failing', 4],
      ['urn:svc:checkout', 'suspect', 4],
      ['urn:svc:gateway', 'ok', 4],
    ]);
    expect(data.edges[0]).toEqual({
      src: 'urn:svc:gateway',
      dst: 'urn:svc:checkout',
      rps: 4,
      error_rate: 0,
      p50_ms: 1,
      p95_ms: 9,
    });
  });

  it('answer who is affected, the neighbourhood and the path', async () => {
    const { data } = await get('/graph/impact?urn=urn:ext:pay.example.test:9443');
    expect(data.affected).toEqual([
      { urn: 'urn:svc:checkout', distance: 1, service: 'checkout' },
      { urn: 'urn:svc:gateway', distance: 2, service: 'gateway' },
    ]);
    expect((await get('/graph/hops?urn=urn:svc:gateway&direction=down')).data.edges).toHaveLength(1);
    expect(
      (await get('/graph/path?src=urn:svc:gateway&dst=urn:ext:pay.example.test:9443')).data.path,
    ).toHaveLength(3);
    expect((await get('/graph/path?dst=urn:svc:gateway&src=urn:svc:checkout')).data.path).toBeNull();
  });

  it('name the parameter that is wrong', async () => {
    expect((await get('/graph/hops?urn=urn:svc:nobody')).error).toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('urn:svc:nobody'),
    });
    expect((await get('/graph/hops?urn=checkout')).error).toMatchObject({
      code: 'bad_request',
      message: expect.stringContaining('urn'),
    });
    expect((await get('/graph?window_s=1')).error.message).toContain('window_s');
  });

  it('answer from the ledger for a window of the past', async () => {
    expect(await get('/graph?at=1000000000000')).toEqual({
      data: { nodes: [], edges: [] },
      source: 'stored',
    });
  });
});

describe('job ledger routes', () => {
  const enqueue = async (payload: Record<string, unknown>) =>
    (await app.inject({ method: 'POST', url: '/api/v1/events/enqueue', payload })).json();

  it('queue the windows of a replay and list them', async () => {
    const answer = await enqueue({
      job: 'oo-agg',
      tenant_id: 'shop',
      from: '2026-11-20T12:00:30Z',
      to: '2026-11-20T12:03:00Z',
    });
    expect(answer.data).toMatchObject({ tenant: 'shop', windows: 3, queued: 3 });
    const { data } = await get('/etl/runs?job=oo-agg&state=queued');
    expect(data).toHaveLength(3);
    expect(data[0]).toMatchObject({
      job: 'oo-agg',
      tenant: 'shop',
      from: Date.UTC(2026, 10, 20, 12, 2),
      state: 'queued',
      attempts: 0,
    });
  });

  it('refuse what can not be replayed, naming the field', async () => {
    const good = { job: 'oo-agg', tenant_id: 'shop', from: 0, to: 60_000 };
    expect((await enqueue({ ...good, job: 'nope' })).error.message).toContain('known are oo-agg');
    expect((await enqueue({ ...good, tenant_id: 999 })).error.message).toContain('tenant_id');
    expect((await enqueue({ ...good, to: 0 })).error.message).toContain('later than from');
    expect((await enqueue({ ...good, from: 0, to: 1e12 })).error.message).toContain('10080');
    expect((await enqueue({ ...good, extra: 1 })).error.code).toBe('bad_request');
  });

  it('stand in the API document', () => {
    const paths = Object.keys(
      (app as unknown as { swagger(): { paths: Record<string, unknown> } }).swagger().paths,
    );
    expect(paths).toContain('/api/v1/events/enqueue');
  });
});
