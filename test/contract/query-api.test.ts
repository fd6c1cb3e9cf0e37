import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ledger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { type Clock, createLogger, systemClock } from '../../src/lib/index.ts';
import type { ChangeEvent, RowFilter } from '../../src/model/index.ts';
import { changeRoutes } from '../../src/serve/changes.ts';
import { docsRoutes } from '../../src/serve/docs.ts';
import { evidenceRoutes } from '../../src/serve/evidence.ts';
import { exploreRoutes } from '../../src/serve/explore.ts';
import { createServer } from '../../src/serve/server.ts';
import { sqlRoutes, withoutPaths } from '../../src/serve/sql.ts';
import { openSqlDetail, type SqlDetail } from '../support/detail.ts';
import { putLogs, putSpans } from '../support/telemetry.ts';

const t0 = Date.parse('2026-03-01T12:00:00Z');
const now = t0 + 600_000;
const clock: Clock = { ...systemClock, now: () => now };
const dayMs = 86_400_000;
const told: { tenant: string; events: ChangeEvent[] }[] = [];
let detail: SqlDetail;
let ledger: Ledger;
let app: FastifyInstance;
let locatorId = '';
const evidenceIds: string[] = [];

const get = async (url: string) => {
  const answer = await app.inject({ method: 'GET', url: `/api/v1${url}` });
  return { status: answer.statusCode, body: answer.json() };
};
const post = async (url: string, payload: object | string) => {
  const answer = await app.inject({ method: 'POST', url: `/api/v1${url}`, payload });
  return { status: answer.statusCode, body: answer.json() };
};

async function storeEvidence(): Promise<void> {
  const tenantId = await ledger.tenantId('default');
  const filter: RowFilter = {
    dataset: 'otel_logs',
    window: { from: t0, to: now },
    equals: { ServiceName: 'cart', 'LogAttributes.user.id': '17' },
    only: 'errors',
  };
  const insertLocator = (key: string, hint: string | null) =>
    ledger.query<{ id: string }>(
      `INSERT INTO oo_locator (tenant_id, dataset, bucket, object_key, t_from, t_to, query_hint)
       VALUES ($1, 'otel_logs', 'detail', $2, now(), now(), $3) RETURNING id::text AS id`,
      [tenantId, key, hint],
    );
  const [good] = await insertLocator('good', JSON.stringify(filter));
  const [bad] = await insertLocator('bad', '{"dataset":"secrets"}');
  locatorId = good?.id ?? '';
  const [event] = await ledger.query<{ event_id: string }>(
    `INSERT INTO event_envelope (tenant_id, severity, kind) VALUES ($1, 'ERROR', 'anomaly') RETURNING event_id`,
    [tenantId],
  );
  const gone: RowFilter = { ...filter, window: { from: 1_000, to: 2_000 } };
  const [old] = await insertLocator('old', JSON.stringify(gone));
  for (const [dim, refPg, refOo] of [
    ['log', null, good?.id],
    ['metric', JSON.stringify({ table: 'metric_1m', keys: { metric: 'rps' } }), null],
    ['trace', null, bad?.id],
    ['event', null, old?.id],
  ]) {
    const [link] = await ledger.query<{ id: string }>(
      'INSERT INTO evidence_link (event_id, dim, ref_pg, ref_oo) VALUES ($1, $2, $3::jsonb, $4::bigint) RETURNING evidence_id::text AS id',
      [event?.event_id, dim, refPg, refOo],
    );
    evidenceIds.push(link?.id ?? '');
  }
}

beforeAll(async () => {
  detail = await openSqlDetail();
  ledger = await openTestLedger();
  await putLogs(detail, [
    {
      at: t0 + 1_000,
      service: 'cart',
      severity: 17,
      body: 'cart 17 failed',
      eventId: 1,
      shape: '7',
      traceId: 'ab12',
      attributes: { 'user.id': '17' },
    },
    { at: t0 + 2_000, service: 'gateway', body: 'ok', eventId: 2, shape: '8' },
  ]);
  await putSpans(detail, [
    {
      at: t0 + 900,
      traceId: 'ab12',
      spanId: 's1',
      service: 'cart',
      name: 'GET /cart',
      durationMs: 200,
      status: 'Error',
      eventId: 1,
    },
  ]);
  await storeEvidence();
  app = await createServer({ log: createLogger({ level: 'silent' }), bodyBytesMax: 1_000_000 });
  const common = { detail, clock, tenantOf: () => 'default', windowMsMax: 31 * dayMs };
  await app.register(docsRoutes());
  await app.register(
    exploreRoutes({
      ...common,
      templatesOf: async () => new Map([['7', { id: '1', template: 'cart <*> failed' }]]),
      shapesOf: async (_tenant, id) => (id === '1' ? ['7'] : []),
    }),
    { prefix: '/api/v1' },
  );
  await app.register(
    changeRoutes({
      ...common,
      newId: () => 'generated',
      clockSkewMsMax: dayMs,
      appendChanges: async (tenant, events) => {
        told.push({ tenant, events });
      },
    }),
    { prefix: '/api/v1' },
  );
  await app.register(
    evidenceRoutes({
      detail,
      ledger,
      tenantOf: () => 'default',
      frozenRows: async (_tenant, id) => (id === evidenceIds[3] ? [{ Body: 'kept' }] : []),
    }),
    { prefix: '/api/v1' },
  );
  await app.register(sqlRoutes({ detail, tenantOf: () => 'default' }), { prefix: '/api/v1' });
  await app.ready();
});

afterAll(async () => {
  await app.close();
  await ledger.close();
  await detail.close();
});

describe('exploring', () => {
  test('every list answers with data and what it cost', async () => {
    for (const url of [
      '/logs',
      '/logs/histogram',
      '/logs/facets',
      '/logs/patterns',
      '/traces',
      '/services',
      '/changes',
      '/traces/ab12',
    ]) {
      const { status, body } = await get(url);
      expect([url, status]).toEqual([url, 200]);
      expect(body.statistics, url).toMatchObject({
        rows_read: expect.any(Number),
        elapsed_ms: expect.any(Number),
      });
      expect(body.data, url).toBeDefined();
    }
  });

  test('logs carry the pattern they belong to, a pattern selects its logs', async () => {
    const { body } = await get('/logs?severity=error&severity=FATAL&attr=user.id=17&q=%22cart%2017%22');
    expect(body.data).toHaveLength(1);
    expect(body.data[0]).toMatchObject({
      pattern_id: '1',
      at: t0 + 1_000,
      severity: 'ERROR',
      trace_id: 'ab12',
    });
    expect(body.cursor).toBeNull();
    expect((await get('/logs?pattern=1')).body.data).toHaveLength(1);
    expect((await get('/logs?pattern=s8')).body.data).toMatchObject([{ body: 'ok', pattern_id: 's8' }]);
    expect((await get('/logs?service=!cart&severity=!ERROR')).body.data).toMatchObject([
      { service: 'gateway' },
    ]);
  });

  test('a trace is found by its id in any case and brings its logs', async () => {
    const { body } = await get('/traces/AB12');
    expect(body.data).toMatchObject({ trace_id: 'ab12', duration_ms: 200 });
    expect(body.data.spans[0]).toMatchObject({ critical: true, at_us_offset: 0, status: 'error' });
    expect(body.data.logs[0].body).toBe('cart 17 failed');
  });

  test.each<[string, number, RegExp]>([
    ['/logs?from=5&to=5', 400, /from \(5\) must be before to \(5\)/],
    [`/logs?from=0&to=${40 * dayMs}`, 400, /limit is 31 days \(query\.window_s_max\)/],
    ['/logs?from=yesterday', 400, /from/],
    ['/logs?limit=1001', 400, /limit/],
    ['/logs?sevrity=ERROR', 400, /sevrity/],
    ['/logs?severity=loud', 400, /severity is "loud"; it is one of TRACE/],
    ['/logs?cursor=zzz', 400, /cursor is not one of ours/],
    ['/logs?attr=nokey', 400, /attr is "nokey"; write key=value/],
    ['/logs?q=%22open', 400, /never closed/],
    ['/logs?pattern=99', 404, /no log pattern "99"/],
    ['/logs/histogram?buckets=501', 400, /buckets/],
    ['/traces?status=maybe', 400, /status/],
    ['/traces?min_ms=5&max_ms=1', 400, /min_ms \(5\) is greater than max_ms \(1\)/],
    ['/traces/ffff', 404, /no trace "ffff"/],
    ['/evidence/999/rows', 404, /no evidence 999/],
    ['/evidence/x/rows', 400, /evidence_id/],
    ['/locator/999/rows', 404, /no locator 999/],
  ])('%s is answered %i with a reason', async (url, status, reason) => {
    const answer = await get(url);
    expect(answer.status).toBe(status);
    expect(answer.body.error.message).toMatch(reason);
    expect(answer.body.error.trace_id).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('changes', () => {
  test('one event is answered with its id after it was written, with defaults filled in', async () => {
    const { status, body } = await post('/changes', {
      kind: 'Deploy',
      service: 'cart',
      title: 'cart v2',
      labels: { version: 2 },
    });
    expect([status, body]).toEqual([202, { data: { id: 'generated' } }]);
    expect(told.at(-1)).toEqual({
      tenant: 'default',
      events: [
        {
          id: 'generated',
          at: now,
          kind: 'deploy',
          service: 'cart',
          title: 'cart v2',
          actor: '',
          labels: { version: '2' },
        },
      ],
    });
  });

  test('a list is one write, and times may be RFC 3339', async () => {
    const { status, body } = await post('/changes', [
      { id: 'a', at: '2026-03-01T12:00:00Z', kind: 'flag', service: 'cart', title: 'on' },
      { id: 'b', at: t0, kind: 'flag', service: 'cart', title: 'off', actor: 'eve' },
    ]);
    expect([status, body]).toEqual([202, { data: [{ id: 'a' }, { id: 'b' }] }]);
    expect(told.at(-1)?.events.map((event) => event.at)).toEqual([t0, t0]);
  });

  test('a commit may name no service and carry its diff', async () => {
    const diff = `- LIMIT 50${'\n+ line'.repeat(4_000)}`;
    const { status } = await post('/changes', { kind: 'commit', title: 'sort by score', labels: { diff } });
    expect(status).toBe(202);
    expect(told.at(-1)?.events).toEqual([expect.objectContaining({ service: '', labels: { diff } })]);
  });

  test.each<[object, RegExp]>([
    [{ service: 'cart', title: 'x' }, /kind/],
    [{ kind: 'commit', title: 'x', labels: { diff: 'x'.repeat(32_769) } }, /labels/],
    [{ kind: 'deploy', service: 'cart', title: '' }, /title/],
    [{ kind: 'deploy', service: 'cart', title: 'x'.repeat(1_001) }, /title/],
    [
      { kind: 'deploy', service: 'cart', title: 'x', at: now + 2 * dayMs },
      /in the future; the limit is 86400 s \(ingest\.clock_skew_s\)/,
    ],
    [{ kind: 'deploy', service: 'cart', title: 'x', colour: 'red' }, /colour/],
    [[], /./],
    [[{ kind: 'deploy' }], /title/],
  ])('%j is refused and nothing is written', async (payload, reason) => {
    const before = told.length;
    const { status, body } = await post('/changes', payload);
    expect(status).toBe(400);
    expect(body.error.message).toMatch(reason);
    expect(told).toHaveLength(before);
  });
});

describe('evidence', () => {
  test('leads back to the raw rows, by itself and by its locator', async () => {
    const [first] = evidenceIds;
    for (const url of [`/evidence/${first}/rows`, `/locator/${locatorId}/rows`]) {
      const { status, body } = await get(url);
      expect([url, status]).toEqual([url, 200]);
      expect(body.data).toHaveLength(1);
      expect(body.data[0]).toMatchObject({ Body: 'cart 17 failed', ServiceName: 'cart', at: t0 + 1_000 });
      expect(body.filter.dataset).toBe('otel_logs');
    }
  });

  test('that rests on the ledger says which row', async () => {
    const { body } = await get(`/evidence/${evidenceIds[1]}/rows`);
    expect(body).toMatchObject({ data: [], filter: null, ledger: { table: 'metric_1m' } });
  });

  test('past retention is answered with the rows that its case kept', async () => {
    const { body } = await get(`/evidence/${evidenceIds[3]}/rows`);
    expect(body).toMatchObject({ data: [{ Body: 'kept' }], frozen: true });
  });

  test('whose filter cannot be run says why', async () => {
    const { status, body } = await get(`/evidence/${evidenceIds[2]}/rows`);
    expect(status).toBe(422);
    expect(body.error.message).toMatch(/query_hint.*dataset/);
  });
});

describe('sql', () => {
  test('answers columns, rows and statistics, plain', async () => {
    const { status, body } = await post('/sql', {
      sql: 'SELECT ServiceName, count() AS n FROM otel_logs GROUP BY ServiceName ORDER BY 1',
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      columns: [{ name: 'ServiceName' }, { name: 'n', type: 'UInt64' }],
      rows: [
        ['cart', '1'],
        ['gateway', '1'],
      ],
      statistics: { rows_read: 2 },
    });
  });

  test('a wrong statement is answered with what the engine says, without paths of the host', async () => {
    const { status, body } = await post('/sql', { sql: 'SELECT nothing FROM otel_logs' });
    expect(status).toBe(400);
    expect(body.error.message).toMatch(/nothing/);
    expect(body.error.message).not.toMatch(/\/tmp\//);
    expect((await post('/sql', {})).body.error.message).toMatch(/sql/);
  });

  test('paths are cut, those of the statement itself stay', () => {
    expect(withoutPaths('File /var/lib/clew/engine/store/a.bin is gone', 'SELECT 1')).toBe('File … is gone');
    expect(withoutPaths("no column '/api/v1/x' in 'a/b/c'", "SELECT '/api/v1/x'")).toBe(
      "no column '/api/v1/x' in 'a/b/c'",
    );
    expect(withoutPaths('in /data: 5/7', '', '/data')).toBe('in …: 5/7');
  });
});

describe('the API document', () => {
  test('describes every route with its parameters and answers', async () => {
    const document = (await app.inject({ url: '/api/openapi.json' })).json();
    const logs = document.paths['/api/v1/logs'].get;
    expect(logs.parameters.map((parameter: { name: string }) => parameter.name)).toEqual(
      expect.arrayContaining(['from', 'to', 'service', 'severity', 'q', 'limit', 'cursor']),
    );
    expect(
      logs.responses['200'].content['application/json'].schema.properties.data.items.properties.at_ns,
    ).toBeDefined();
    for (const path of [
      '/services',
      '/logs/histogram',
      '/logs/facets',
      '/logs/patterns',
      '/traces',
      '/traces/{trace_id}',
      '/changes',
      '/evidence/{evidence_id}/rows',
      '/locator/{id}/rows',
      '/sql',
    ])
      expect(Object.keys(document.paths)).toContain(`/api/v1${path}`);
  });

  test('is shown by a page that may load nothing from elsewhere', async () => {
    const page = await app.inject({ url: '/api/docs/' });
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-security-policy']).toMatch(/default-src 'self'.*connect-src 'self'/);
    expect(page.body).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    const script = await app.inject({ url: '/api/docs/js/scalar.js' });
    expect([script.statusCode, script.headers['content-type']]).toEqual([
      200,
      'application/javascript; charset=utf-8',
    ]);
  });
});
