import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { type Clock, createLogger, systemClock } from '../../src/lib/index.ts';
import { loadSources, ooAgg } from '../../src/rollup/index.ts';
import { Scheduler } from '../../src/rollup/scheduler.ts';
import { folderOf, mockPerMinute } from '../../src/rollup/source/index.ts';
import { openSqlDetail, type SqlDetail } from '../support/detail.ts';
import { startObjectStore } from '../support/object-store.ts';

/**
 * Every source must give the same rollups for the same telemetry. The telemetry is one set of rows in OpenObserve's columns,
 * put into the detail store, into objects, and behind a server that answers as OpenObserve's documentation says (the
 * program itself is not among Debian's packages).
 */
const minute = 60_000;
const noon = Date.UTC(2026, 10, 20, 12);
const clock: Clock = { ...systemClock, now: () => noon + 2 * minute + 121_000 };
const directory = mkdtempSync(join(tmpdir(), 'clew-sources-'));

let detail: SqlDetail;
let ledger: Ledger;
let store: Awaited<ReturnType<typeof startObjectStore>>;
const searches: {
  type: string;
  query: { sql: string; start_time: number; end_time: number; from: number; size: number };
}[] = [];

type Row = Record<string, string | number>;
/** Two minutes; what stands outside them must not be counted. */
const logs: Row[] = Array.from({ length: 300 }, (_, i) => ({
  _timestamp: (noon - 10_000 + i * 500) * 1_000,
  service_name: i % 3 === 0 ? 'cart' : 'shop',
  severity: i % 10 === 0 ? 'ERROR' : 'info',
  body: i % 2 === 0 ? `user ${i} put ${i % 7} things` : `payment ${i} took ${i % 50} ms`,
}));
const hex = (n: number, digits: number) => n.toString(16).padStart(digits, '0');
const traces: Row[] = Array.from({ length: 120 }, (_, i) => {
  const at = noon - 5_000 + i * 1_100;
  const common = {
    _timestamp: at * 1_000,
    trace_id: hex(i + 1, 32),
    span_status: i % 9 === 0 ? 'ERROR' : 'UNSET',
  };
  const span = (n: number, more: Row): Row => ({
    ...common,
    span_id: hex(i * 10 + n, 16),
    start_time: at * 1e6 + n * 1_000_000,
    duration: 5_000 * n,
    operation_name: 'x',
    reference_parent_span_id: n === 1 ? '' : hex(i * 10 + n - 1, 16),
    ...more,
  });
  return [
    span(1, { service_name: 'shop', span_kind: '2' }),
    span(2, { service_name: 'shop', span_kind: '3', server_address: 'cart', server_port: '8080' }),
    span(3, { service_name: 'cart', span_kind: '2' }),
    span(4, {
      service_name: 'cart',
      span_kind: '3',
      db_system: 'postgresql',
      db_name: 'cart',
      server_address: 'db',
    }),
  ];
}).flat();
const metrics: Row[] = Array.from({ length: 60 }, (_, i) => ({
  _timestamp: (noon - 20_000 + i * 2_500) * 1_000,
  service_name: 'shop',
  pool: i % 2 === 0 ? 'a' : 'b',
  value: i,
}));

const quoted = (value: string | number) => (typeof value === 'number' ? String(value) : `'${value}'`);
const values = (rows: readonly Row[], columns: readonly string[]) =>
  rows.map((row) => `(${columns.map((column) => quoted(row[column] ?? '')).join(', ')})`).join(', ');

async function putOwn(): Promise<void> {
  const at = (row: Row) => `fromUnixTimestamp64Micro(${row._timestamp}, 'UTC')`;
  const level = (row: Row) => (row.severity === 'ERROR' ? 17 : 9);
  await detail.exec(
    `INSERT INTO otel_logs (Tenant, Timestamp, ServiceName, SeverityNumber, Body, Shape, EventId) VALUES ${logs
      .map(
        (row, i) =>
          `('own', ${at(row)}, '${row.service_name}', ${level(row)}, '${row.body}', ${1 + (i % 2)}, ${i})`,
      )
      .join(', ')}`,
  );
  const kinds: Record<string, string> = { '2': 'Server', '3': 'Client' };
  const attributes = (row: Row) =>
    `map(${['db.system', 'db.name', 'server.address', 'server.port']
      .flatMap((key) => {
        const value = row[key.replace('.', '_')];
        return value === undefined ? [] : [`'${key}', '${value}'`];
      })
      .join(', ')})::Map(String, String)`;
  await detail.exec(
    `INSERT INTO otel_traces (Tenant, Timestamp, TraceId, SpanId, ParentSpanId, SpanKind, ServiceName, SpanAttributes, Duration, StatusCode, EventId) VALUES ${traces
      .map(
        (row, i) =>
          `('own', fromUnixTimestamp64Nano(${row.start_time}, 'UTC'), '${row.trace_id}', '${row.span_id}', '${row.reference_parent_span_id}', '${kinds[String(row.span_kind)]}', '${row.service_name}', ${attributes(row)}, ${Number(row.duration) * 1_000}, '${row.span_status === 'ERROR' ? 'Error' : 'Unset'}', ${i})`,
      )
      .join(', ')}`,
  );
  await detail.exec(
    `INSERT INTO metric_series (Tenant, SeriesId, MetricName, MetricType, ServiceName, Attributes, LastSeen) VALUES ('own', 1, 'load', 'gauge', 'shop', map('pool', 'a'), now64(3)), ('own', 2, 'load', 'gauge', 'shop', map('pool', 'b'), now64(3))`,
  );
  await detail.exec(
    `INSERT INTO metric_samples (Tenant, SeriesId, MetricName, ServiceName, Timestamp, Value) VALUES ${metrics
      .map((row) => `('own', ${row.pool === 'a' ? 1 : 2}, 'load', 'shop', ${at(row)}, ${row.value})`)
      .join(', ')}`,
  );
}

/** Parquet objects, one folder a minute. */
async function putObjects(): Promise<void> {
  const write = async (
    dataset: 'logs' | 'traces' | 'metrics',
    rows: readonly Row[],
    columns: string[],
    select: string,
  ) => {
    const minutes = new Set(rows.map((row) => Math.floor(Number(row._timestamp) / 60e6) * minute));
    for (const at of minutes) {
      const inside = rows.filter((row) => Math.floor(Number(row._timestamp) / 60e6) * minute === at);
      const folder = join(
        directory,
        'objects',
        folderOf('{dataset}/yyyy={yyyy}/MM={MM}/dd={dd}/hh={hh}/mm={mm}/', dataset, at),
      );
      mkdirSync(folder, { recursive: true });
      const types = columns.map((column) => {
        const type =
          column === '_timestamp'
            ? 'Int64'
            : ['start_time', 'duration'].includes(column)
              ? 'UInt64'
              : column === 'value'
                ? 'Float64'
                : 'String';
        return `${column} ${type}`;
      });
      await detail.exec(
        `INSERT INTO FUNCTION file('${join(folder, 'part.parquet')}', 'Parquet') SELECT ${select} FROM values('${types.join(', ')}', ${values(inside, columns)})`,
      );
    }
  };
  await write('logs', logs, ['_timestamp', 'service_name', 'severity', 'body'], '*');
  const columns = [
    '_timestamp',
    'trace_id',
    'span_id',
    'reference_parent_span_id',
    'start_time',
    'duration',
    'operation_name',
    'service_name',
    'span_kind',
    'span_status',
    'server_address',
    'server_port',
    'db_system',
    'db_name',
  ];
  await write('traces', traces, columns, '*');
  await write(
    'metrics',
    metrics,
    ['_timestamp', 'service_name', 'pool', 'value'],
    "_timestamp, service_name, 'load' AS __name__, value, map('pool', pool) AS labels",
  );
}

/** Answers `_search` as https://openobserve.ai/docs/api/search/search/ describes it. */
const peer = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://x');
  const type = url.searchParams.get('type') ?? '';
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const expected = `Basic ${Buffer.from('root@example.test:s3cret').toString('base64')}`;
    if (request.headers.authorization !== expected || url.pathname !== '/api/default/_search') {
      response.writeHead(401).end('Unauthorized Access');
      return;
    }
    const { query } = JSON.parse(Buffer.concat(chunks).toString());
    searches.push({ type, query });
    const rows = { logs, traces, metrics }[type] ?? [];
    const found = rows.filter(
      (row) => Number(row._timestamp) >= query.start_time && Number(row._timestamp) < query.end_time,
    );
    const hits = found.slice(query.from, query.from + query.size);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({
        took: 5,
        hits,
        total: found.length,
        from: query.from,
        size: hits.length,
        scan_size: 1,
      }),
    );
  });
});

beforeAll(async () => {
  detail = await openSqlDetail();
  ledger = await openTestLedger();
  await putOwn();
  await putObjects();
  store = await startObjectStore(join(directory, 'objects'), 'reader');
  await new Promise<void>((resolve) => peer.listen(0, '127.0.0.1', resolve));
  writeFileSync(join(directory, 'id'), 'reader\n');
  writeFileSync(join(directory, 'secret'), 'hush\n');
  writeFileSync(join(directory, 'password'), 's3cret\n');
});
afterAll(async () => {
  await store.close();
  await new Promise((resolve) => peer.close(resolve));
  await ledger.close();
  await detail.close();
  rmSync(directory, { recursive: true, force: true });
});

const sourcesFile = (text: string) => {
  const file = join(directory, `sources-${Math.abs(text.length)}.yaml`);
  writeFileSync(file, text);
  return file;
};
const files = () =>
  sourcesFile(`tenants:
  own: { kind: own }
  folder: { kind: s3, url: "file://${join(directory, 'objects')}" }
  bucket:
    kind: s3
    url: ${store.url}
    access_key_id_file: ${join(directory, 'id')}
    secret_access_key_file: ${join(directory, 'secret')}
  peer:
    kind: openobserve
    url: http://127.0.0.1:${(peer.address() as AddressInfo).port}
    user: root@example.test
    password_file: ${join(directory, 'password')}
    streams: { metrics: [load] }
`);

async function rollup(tenant: string, options: { file: string; mock: boolean }): Promise<void> {
  const sources = await loadSources(detail, options);
  const config = { delayS: 120, alignS: 60, initialLookbackS: 120 };
  const jobs = [ooAgg({ ledger, detail, clock, config, sources })];
  const log = createLogger({ level: 'silent' });
  await new Scheduler({ ledger, jobs, tenants: async () => [tenant], clock, log, worker: 'a' }).tick();
}

async function rollups(tenant: string) {
  const id = await ledger.tenantId(tenant);
  const ask = (sql: string) => ledger.query<Record<string, unknown>>(sql, [id]);
  return {
    runs: await ask(
      `SELECT state, error, rows_read, left_out FROM etl_job_run WHERE tenant_id = $1 ORDER BY window_from`,
    ),
    calls: await ask(
      `SELECT bucket, s.urn AS src, d.urn AS dst, rps, err_rate, p50_ms, p95_ms FROM service_call_5m c
         JOIN dim_resource s ON s.resource_id = c.src_resource_id JOIN dim_resource d ON d.resource_id = c.dst_resource_id
        WHERE c.tenant_id = $1 ORDER BY 1, 2, 3`,
    ),
    metrics: await ask(
      `SELECT bucket, r.urn, metric, m.labels, avg_val, max_val, p95_val FROM metric_1m m JOIN dim_resource r USING (resource_id)
        WHERE m.tenant_id = $1 ORDER BY 1, 2, 3, 4`,
    ),
    patterns: await ask(
      `SELECT bucket, r.urn, p.pattern, count_total, count_error FROM log_pattern_5m c JOIN log_pattern p USING (fingerprint_id)
         JOIN dim_resource r USING (resource_id) WHERE c.tenant_id = $1 ORDER BY 1, 2, 3`,
    ),
  };
}

describe('every source', () => {
  it('gives the same rollups for the same telemetry', { timeout: 300_000 }, async () => {
    for (const tenant of ['own', 'folder', 'bucket', 'peer'])
      await rollup(tenant, { file: files(), mock: false });
    const own = await rollups('own');
    expect(own.runs.map((run) => [run.state, run.error])).toEqual([
      ['success', null],
      ['success', null],
    ]);
    expect(own.calls.map((row) => `${row.src} ${row.dst}`)).toEqual([
      'urn:ext:unknown urn:svc:shop',
      'urn:svc:cart urn:db:postgres:db/cart',
      'urn:svc:shop urn:svc:cart',
    ]);
    expect(own.patterns).toHaveLength(4);
    expect(await rollups('folder')).toEqual(own);
    expect(await rollups('bucket')).toEqual(own);
    expect(await rollups('peer')).toEqual(own);
  });

  it('reads objects of its minutes and their neighbours only, by their names', () => {
    const listed = store.requests
      .filter((request) => request.includes('list-type=2'))
      .map(decodeURIComponent);
    expect(
      listed.some((request) => request.includes('prefix=traces/yyyy=2026/MM=11/dd=20/hh=12/mm=00/')),
    ).toBe(true);
    expect(listed.some((request) => request.includes('hh=12/mm=05'))).toBe(false);
  });

  it('asks OpenObserve for its window in microseconds, page by page', () => {
    const [first] = searches;
    expect(first?.query).toMatchObject({
      from: 0,
      size: 10_000,
      sql: 'SELECT * FROM "default" ORDER BY _timestamp',
    });
    expect(first?.query.start_time).toBe((noon - 5 * minute) * 1_000);
  });
});

describe('a made-up source', () => {
  it('has the same distribution for the same minute, whoever asks', { timeout: 300_000 }, async () => {
    await rollup('mock-a', { file: '', mock: true });
    await rollup('mock-b', { file: '', mock: true });
    const first = await rollups('mock-a');
    const { logs: l, points, spans } = mockPerMinute;
    expect(first.runs.map((run) => [run.state, Number(run.rows_read)])).toEqual([
      ['success', l + points + spans],
      ['success', l + points + spans],
    ]);
    expect(first.patterns.reduce((sum, row) => sum + Number(row.count_total), 0)).toBe(2 * l);
    expect(first.calls.length).toBeGreaterThan(8);
    expect(await rollups('mock-b')).toEqual(first);
  });
});

describe('a source that can not be', () => {
  it.each([
    ['tenants: { a: { kind: ftp } }', /tenants\.a\.kind/],
    ['tenants: { a: { kind: s3 } }', /tenants\.a\.url/],
    ['tenants: { a: { kind: s3, url: "ftp://x" } }', /must begin with http/],
    ['tenants: { a: { kind: s3, url: "http://x/b", layout: "{dataset}/{week}" } }', /\{week\} is unknown/],
    ['tenants: { a: { kind: openobserve, url: "http://x", user: u } }', /password_file/],
    ['tenants: { a: { kind: openobserve, url: "http://x", user: u, password_file: /nowhere } }', /\/nowhere/],
    ['tenants: { a: { kind: own, speed: 9 } }', /speed/],
    ['tenants: [', /can't be read/],
  ])('is refused with the field that is wrong: %s', async (text, message) => {
    await expect(loadSources(detail, { file: sourcesFile(text), mock: false })).rejects.toThrow(message);
  });

  it('fails its window with what the store answered, and the next attempt may succeed', {
    timeout: 120_000,
  }, async () => {
    const file = sourcesFile(`tenants:
  refused: { kind: openobserve, url: "http://127.0.0.1:${(peer.address() as AddressInfo).port}", user: nobody, password_file: "${join(directory, 'password')}" }
  away: { kind: s3, url: "http://127.0.0.1:1/bucket" }
`);
    await rollup('refused', { file, mock: false });
    const [run] = (await rollups('refused')).runs;
    expect(run).toMatchObject({ state: 'queued', error: expect.stringContaining('401 Unauthorized Access') });
  });
});
