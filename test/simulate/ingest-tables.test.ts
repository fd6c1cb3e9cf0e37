import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAdmission, createMasker, loadMasking } from '../../src/admit/index.ts';
import { configSchema } from '../../src/config/index.ts';
import { type DetailStore, openDetailStore } from '../../src/detail/index.ts';
import type { Ledger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { ClewError, createLogger, systemClock } from '../../src/lib/index.ts';
import { dynamicRoutes } from '../../src/receive/index.ts';
import { createServer } from '../../src/serve/index.ts';

const config = configSchema.parse({ ingest: { bodyBytesMax: 200_000 } });
const log = createLogger({ level: 'silent' });
let dir = '';
let store: DetailStore;
let ledger: Ledger;
let server: FastifyInstance;
let url = '';
/** The store refuses what comes. */
let isDown = false;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'clew-tables-'));
  store = await openDetailStore({ dir, config, clock: systemClock, log });
  ledger = await openTestLedger();
  const door = createAdmission({
    config: { ...config, auth: { token: '' } },
    clock: systemClock,
    log,
    append: async (block) => {
      if (isDown) throw new ClewError('unavailable', 'The disk refuses.');
      await store.append(block);
    },
    pendingBytes: () => store.health().pendingBytes,
  });
  server = await createServer({ log, bodyBytesMax: config.ingest.bodyBytesMax });
  const ready = () => ({ ready: true, reason: 'ok' });
  const masker = createMasker(await loadMasking(['catalog'], systemClock), config.masking);
  const refined = { ...config.ingest, refinery: { masker } };
  const deps = { door, config: refined, clock: systemClock, log, ready, registry: ledger };
  for (const prefix of ['', '/api/v1']) await server.register(dynamicRoutes(deps), { prefix });
  url = await server.listen({ host: '127.0.0.1', port: 0 });
}, 120_000);
afterAll(async () => {
  await server.close();
  await store.close();
  await ledger.close();
  await rm(dir, { recursive: true, force: true });
});

const post = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
  const answer = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return [answer.status, await answer.json()] as const;
};
const sql = async (text: string) => {
  await store.flush();
  const { columns, rows } = await store.userSql('default', text);
  return rows.map((row) => Object.fromEntries(columns.map(({ name }, index) => [name, row[index]])));
};
const letters = (source: string) =>
  sql(
    `SELECT Reason, ContentType, base64Decode(Payload) AS payload FROM dead_letters WHERE Source = '${source}' ORDER BY EventId`,
  );
const at = Math.floor(Date.now() / 1_000) - 10;
const shown = (seconds: number) => new Date(seconds * 1_000).toISOString().slice(0, 19).replace('T', ' ');

describe('without a registration', () => {
  it('the record of metrics as the source has it becomes a sample, its trace an exemplar', async () => {
    const record = {
      time: shown(at),
      app: 'src-metrics',
      host: 'h1',
      labels: { __name__: 'queue_depth', zone: 'a' },
      value: 1.5,
      trace_id: 'ab'.repeat(16),
      level: 'info',
    };
    expect(await post('/write/metrics', [record])).toEqual([200, { accepted: 1, rejected: 0, errors: [] }]);
    expect(
      await sql("SELECT MetricName, Value, Timestamp FROM metric_samples WHERE ServiceName = 'src-metrics'"),
    ).toEqual([{ MetricName: 'queue_depth', Value: 1.5, Timestamp: `${shown(at)}.000` }]);
    expect(
      await sql(
        "SELECT MetricType, ResourceAttributes, Attributes FROM metric_series WHERE ServiceName = 'src-metrics'",
      ),
    ).toEqual([
      {
        MetricType: 'gauge',
        ResourceAttributes: { 'service.name': 'src-metrics', 'host.name': 'h1' },
        Attributes: { 'clew.table': 'metrics_events', level: 'info', zone: 'a' },
      },
    ]);
    expect(
      await sql("SELECT TraceId, Value FROM metric_exemplars WHERE ServiceName = 'src-metrics'"),
    ).toEqual([{ TraceId: 'ab'.repeat(16), Value: 1.5 }]);
  });

  it('the record of logs as the source has it becomes a log record', async () => {
    const record = {
      timestamp: at * 1_000,
      app: 'src-logs',
      host: 'h1',
      trace_id: 'cd'.repeat(16),
      message: 'paid',
      labels: { level: 'warn', user: 7 },
    };
    expect(await post('/api/v1/write/logs', record)).toEqual([200, { accepted: 1, rejected: 0, errors: [] }]);
    expect(
      await sql(
        "SELECT Body, TraceId, SeverityText, Timestamp, ResourceAttributes, LogAttributes FROM otel_logs WHERE ServiceName = 'src-logs'",
      ),
    ).toEqual([
      {
        Body: 'paid',
        TraceId: 'cd'.repeat(16),
        SeverityText: 'warn',
        Timestamp: `${shown(at)}.000000000`,
        ResourceAttributes: { 'service.name': 'src-logs', 'host.name': 'h1' },
        LogAttributes: { 'clew.table': 'logs_events', user: '7' },
      },
    ]);
  });
});

const orders = {
  table: 'orders',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'app', type: 'text', required: true },
    { name: 'message', type: 'text' },
    { name: 'amount', type: 'double', unit: 'EUR' },
    { name: 'items', type: 'bigint' },
    { name: 'paid', type: 'boolean' },
    { name: 'labels', type: 'jsonb' },
  ],
};

describe('a registered table', () => {
  it('is made once, changes by columns that are added, and refuses what contradicts', async () => {
    expect(await post('/schema/register', orders)).toMatchObject([
      201,
      { data: { table: 'orders', version: 1, outcome: 'created' } },
    ]);
    expect(await post('/api/v1/schema/register', orders)).toMatchObject([
      200,
      { data: { version: 1, outcome: 'unchanged' } },
    ]);
    const more = { ...orders, columns: [...orders.columns, { name: 'zone', type: 'text' }] };
    expect(await post('/schema/register', more)).toMatchObject([
      201,
      { data: { version: 2, outcome: 'changed' } },
    ]);
    expect(await post('/schema/register', orders)).toMatchObject([
      409,
      {
        error: {
          code: 'schema_conflict',
          retryable: false,
          message: 'The column zone of the table orders is missing; a registered column stays.',
          details: { field: 'zone' },
        },
      },
    ]);
    const [row] = await ledger.query<{ version: number; schema: { columns: unknown[] } }>(
      "SELECT version, schema FROM table_registry WHERE table_name = 'orders'",
    );
    expect(row).toMatchObject({
      version: 2,
      schema: { columns: expect.arrayContaining([expect.objectContaining({ name: 'zone' })]) },
    });
    // As the source writes it, with the table in the address.
    const source = {
      columns: [
        { name: 'time', type: 'timestamp' },
        { name: 'value', type: 'double' },
        { name: 'labels', type: 'jsonb' },
      ],
    };
    expect((await post('/schema/register?table=from_source', source))[0]).toBe(201);
    expect((await post('/schema/register', source))[0]).toBe(400);
    const list = (await (await fetch(`${url}/schema`)).json()) as {
      data: { table: string; builtin: boolean }[];
    };
    expect(list.data.map(({ table, builtin }) => [table, builtin])).toEqual([
      ['from_source', false],
      ['logs_events', true],
      ['metrics_events', true],
      ['orders', false],
    ]);
    expect((await fetch(`${url}/schema/none`)).status).toBe(404);
  });

  it('takes records that fit and names the others, which are dead letters', async () => {
    const good = (n: number) => ({
      time: at,
      app: 'reg-logs',
      message: `order ${n}`,
      amount: 9.5,
      items: n,
      paid: true,
      labels: { shop: 'x' },
      zone: 'eu',
    });
    const lines = [good(1), { ...good(2), amount: 'many' }, { ...good(3), surprise: 1 }, good(4)]
      .map((record) => JSON.stringify(record))
      .join('\n');
    expect(
      await post('/write/logs/orders', `${lines}\n{"broken"`, { 'content-type': 'application/x-ndjson' }),
    ).toEqual([
      200,
      {
        accepted: 2,
        rejected: 3,
        errors: [
          { index: 1, reason: 'amount is "many", a double (a number, "NaN", "+Inf" or "-Inf") is needed' },
          { index: 2, reason: 'surprise is no column of orders (version 2)' },
          { index: 4, reason: expect.stringContaining('The line is not JSON') },
        ],
      },
    ]);
    const kept = await letters('write/logs');
    expect(kept).toHaveLength(3);
    expect(kept[0]).toEqual({
      Reason: 'record 1: amount is "many", a double (a number, "NaN", "+Inf" or "-Inf") is needed',
      ContentType: 'application/x-ndjson; table=orders; part=record',
      payload: JSON.stringify({ ...good(2), amount: 'many' }),
    });
  });

  it('is read back with its own columns by the statement that GET /schema shows', async () => {
    const { data } = (await (await fetch(`${url}/schema/orders`)).json()) as {
      data: { read: { logs: string; metrics: string } };
    };
    expect(await sql(data.read.logs)).toEqual(
      [1, 4].map((n) =>
        expect.objectContaining({
          time: `${shown(at)}.000000000`,
          app: 'reg-logs',
          message: `order ${n}`,
          amount: 9.5,
          items: String(n),
          paid: 1,
          zone: 'eu',
        }),
      ),
    );
    const record = { time: at, app: 'reg-metrics', amount: 2.5, items: 3, zone: 'eu', labels: { shop: 'x' } };
    expect(await post('/write/metrics?table=orders', { records: [record] })).toEqual([
      200,
      { accepted: 1, rejected: 0, errors: [] },
    ]);
    expect((await sql(data.read.metrics)).sort((a, b) => Number(a.value) - Number(b.value))).toMatchObject([
      { time: `${shown(at)}.000`, app: 'reg-metrics', metric: 'orders.amount', value: 2.5, zone: 'eu' },
      { metric: 'orders.items', value: 3, labels: { shop: 'x' } },
    ]);
    expect(await sql("SELECT Unit FROM metric_series WHERE MetricName = 'orders.amount'")).toEqual([
      { Unit: 'EUR' },
    ]);
  });
});

it('neither samples nor records of tables hold a secret', async () => {
  const labels = { dsn: 'postgres://app:hunter2@db/x', password: 'hunter2', zone: 'a' };
  expect((await post('/write/metrics', { app: 'masked', value: 1, labels }))[0]).toBe(200);
  expect((await post('/write/logs', { app: 'masked', message: 'password=hunter2', labels }))[0]).toBe(200);
  const kept = [
    ...(await sql("SELECT Attributes FROM metric_series WHERE ServiceName = 'masked'")),
    ...(await sql("SELECT Body, LogAttributes FROM otel_logs WHERE ServiceName = 'masked'")),
  ];
  expect(kept).toMatchObject([
    { Attributes: { zone: 'a', password: '[masked:key]' } },
    { Body: 'password=[masked:password]' },
  ]);
  expect(JSON.stringify(kept)).not.toContain('hunter2');
});

describe('when the store refuses', () => {
  it('nothing is acknowledged, and the repetition brings the series as well as the sample', async () => {
    const record = { app: 'lost', value: 7, labels: { run: 'once' } };
    isDown = true;
    try {
      expect((await post('/write/metrics', record))[0]).toBe(503);
    } finally {
      isDown = false;
    }
    expect(await post('/write/metrics', record)).toMatchObject([200, { accepted: 1 }]);
    expect(await sql("SELECT Value FROM metric_samples WHERE ServiceName = 'lost'")).toEqual([{ Value: 7 }]);
    expect(
      await sql("SELECT Attributes['run'] AS run FROM metric_series WHERE ServiceName = 'lost'"),
    ).toEqual([{ run: 'once' }]);
  });
});

it('a tenant has at most 500 tables, and a refused one leaves nothing behind', async () => {
  const tenant = await ledger.tenantId('default');
  await ledger.query(
    `INSERT INTO table_registry (tenant_id, table_name, schema)
     SELECT $1, 'many_' || n, '{"columns": []}' FROM generate_series(1, 500 - (SELECT count(*) FROM table_registry WHERE tenant_id = $1)::int) AS n`,
    [tenant],
  );
  const one = { table: 'one_more', columns: [{ name: 'a', type: 'text' }] };
  expect(await post('/schema/register', one)).toMatchObject([
    422,
    { error: { message: '500 tables are registered; the limit is 500.' } },
  ]);
  expect(
    await post('/schema/register', {
      ...orders,
      columns: [...orders.columns, { name: 'zone', type: 'text' }],
    }),
  ).toMatchObject([200, {}]);
  await ledger.query("DELETE FROM table_registry WHERE tenant_id = $1 AND table_name LIKE 'many_%'", [
    tenant,
  ]);
  expect((await post('/schema/register', one))[0]).toBe(201);
});

describe('what can not be written is answered so that it is not sent again', () => {
  const table: [string, string, unknown, Record<string, string>, number, string][] = [
    [
      'an unknown table',
      '/write/logs/nobody',
      [{}],
      {},
      404,
      'No table is registered as "nobody"; register it by POST /schema/register.',
    ],
    [
      'a table of logs as metrics',
      '/write/metrics/logs_events',
      [{}],
      {},
      422,
      'The table logs_events has no column of type double or bigint, so its records are no metrics.',
    ],
    ['no JSON', '/write/logs', '{', {}, 400, 'The body is not JSON: '],
    [
      'only bad records',
      '/write/metrics',
      [{}],
      {},
      400,
      'None of 1 records could be kept; record 0: value is missing. They are in the dead letters.',
    ],
    [
      'plain text',
      '/write/logs',
      'x',
      { 'content-type': 'text/plain' },
      415,
      'Content-Type "text/plain" is not understood; send application/json or application/x-ndjson.',
    ],
    [
      'an unknown packing',
      '/write/logs',
      '{}',
      { 'content-encoding': 'br' },
      415,
      'Content-Encoding "br" is not understood',
    ],
    ['too much', '/write/logs', `"${'x'.repeat(200_001)}"`, {}, 413, 'ingest.body_bytes_max'],
  ];
  it.each(table)('%s', async (_name, path, body, headers, status, message) => {
    const [code, answer] = await post(path, body, headers);
    expect([code, (answer as { error: { message: string } }).error.message]).toEqual([
      status,
      expect.stringContaining(message),
    ]);
  });
  it('and is kept as a dead letter with the table that it was for', async () => {
    expect(await letters('write/logs')).toContainEqual({
      Reason: 'No table is registered as "nobody"; register it by POST /schema/register.',
      ContentType: 'application/json; table=nobody',
      payload: '[{}]',
    });
  });
});
