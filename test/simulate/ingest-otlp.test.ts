import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { SpanStatusCode } from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as JsonTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { tracing } from '@opentelemetry/sdk-node';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAdmission } from '../../src/admit/index.ts';
import { configSchema } from '../../src/config/index.ts';
import { type DetailStore, openDetailStore } from '../../src/detail/index.ts';
import { createLogger, systemClock } from '../../src/lib/index.ts';
import { createOtlpServer } from '../../src/receive/index.ts';
import { jsonToWire } from '../../src/receive/otlp/json.ts';

const config = configSchema.parse({
  ingest: { bodyBytesMax: 200_000, attributeBytesMax: 100, bodyFieldBytesMax: 200, clockSkewS: 60 },
});
const log = createLogger({ level: 'silent' });
let dir = '';
let store: DetailStore;
let server: FastifyInstance;
let url = '';
let pending = 0;

function makeServer(token = '') {
  const settings = { ...config, auth: { token } };
  const door = createAdmission({
    config: settings,
    clock: systemClock,
    log,
    append: (block) => store.append(block),
    pendingBytes: () => pending + store.health().pendingBytes,
  });
  return createOtlpServer({ door, config: config.ingest, clock: systemClock, log });
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'clew-otlp-'));
  store = await openDetailStore({ dir, config, clock: systemClock, log });
  server = makeServer();
  url = await server.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await server.close();
  await store.close();
  await rm(dir, { recursive: true, force: true });
});

type Row = Record<string, unknown>;
async function rows(table: string, service: string): Promise<Row[]> {
  await store.flush();
  const answer = await store.query<Row>({
    name: 'test.rows',
    tenant: 'default',
    window: { from: 0, to: Date.now() + 1000 },
    sql: `SELECT * FROM ${table} WHERE Tenant = {tenant:String} AND ServiceName = {service:String} ORDER BY EventId`,
    params: { service },
  });
  return answer.rows;
}
async function letters(): Promise<Row[]> {
  await store.flush();
  const window = { from: 0, to: Date.now() + 1000 };
  const sql = 'SELECT * FROM dead_letters WHERE Tenant = {tenant:String} ORDER BY EventId';
  return (await store.query<Row>({ name: 'test.letters', tenant: 'default', window, sql })).rows;
}
const post = (signal: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  fetch(`${url}/v1/${signal}`, {
    method: 'POST',
    headers: {
      'content-type': typeof body === 'string' ? 'application/json' : 'application/x-protobuf',
      ...headers,
    },
    body: typeof body === 'string' ? body : Buffer.from(body),
  });
const text = (value: string) => ({ stringValue: value });
const attribute = (key: string, value: unknown) => ({ key, value });
const nowNs = () => `${Date.now()}000000`;
const resourceOf = (service: string) => ({ attributes: [attribute('service.name', text(service))] });
const logsOf = (service: string, records: Row[]) =>
  JSON.stringify({
    resourceLogs: [{ resource: resourceOf(service), scopeLogs: [{ logRecords: records }] }],
  });
const metricsOf = (service: string, metrics: Row[]) =>
  JSON.stringify({ resourceMetrics: [{ resource: resourceOf(service), scopeMetrics: [{ metrics }] }] });
const spansOf = (service: string, spans: Row[]) =>
  JSON.stringify({ resourceSpans: [{ resource: resourceOf(service), scopeSpans: [{ spans }] }] });

describe('OpenTelemetry SDK', () => {
  it('logs over protobuf arrive whole', async () => {
    const provider = new LoggerProvider({
      resource: resourceFromAttributes({ 'service.name': 'sdk-logs', 'service.version': '1.2.3' }),
      processors: [
        new SimpleLogRecordProcessor({ exporter: new OTLPLogExporter({ url: `${url}/v1/logs` }) }),
      ],
    });
    provider.getLogger('lib', '0.1').emit({
      severityNumber: SeverityNumber.WARN,
      severityText: 'WARN',
      body: 'payment 17 declined – ü',
      attributes: { count: 3, ratio: 0.5, ok: true, list: ['a', 'b'], nested: { deep: [1, null] } },
    });
    await provider.forceFlush();
    await provider.shutdown();
    const [row] = await rows('otel_logs', 'sdk-logs');
    expect(row).toMatchObject({
      Body: 'payment 17 declined – ü',
      SeverityText: 'WARN',
      SeverityNumber: 13,
      ScopeName: 'lib',
      ScopeVersion: '0.1',
      ResourceAttributes: { 'service.name': 'sdk-logs', 'service.version': '1.2.3' },
      LogAttributes: { count: '3', ratio: '0.5', ok: 'true', list: '["a","b"]', nested: '{"deep":[1,null]}' },
    });
  });

  it.each([
    ['protobuf', OTLPTraceExporter],
    ['JSON', JsonTraceExporter],
  ])('traces over %s arrive with events, links and status', async (name, Exporter) => {
    const service = `sdk-traces-${name}`;
    const provider = new tracing.BasicTracerProvider({
      resource: resourceFromAttributes({ 'service.name': service }),
      spanProcessors: [new tracing.SimpleSpanProcessor(new Exporter({ url: `${url}/v1/traces` }))],
    });
    const tracer = provider.getTracer('lib');
    const other = tracer.startSpan('other');
    const span = tracer.startSpan('GET /cart', {
      kind: 1,
      links: [{ context: other.spanContext(), attributes: { why: 'x' } }],
    });
    span.setAttributes({ 'http.response.status_code': 500 });
    span.addEvent('exception', { 'exception.message': 'boom' });
    span.setStatus({ code: SpanStatusCode.ERROR, message: 'boom' });
    span.end();
    await provider.forceFlush();
    await provider.shutdown();
    const [row] = await rows('otel_traces', service);
    expect(row).toMatchObject({
      TraceId: span.spanContext().traceId,
      SpanId: span.spanContext().spanId,
      ParentSpanId: '',
      SpanName: 'GET /cart',
      SpanKind: 'Server',
      StatusCode: 'Error',
      StatusMessage: 'boom',
      SpanAttributes: { 'http.response.status_code': '500' },
      'Events.Name': ['exception'],
      'Events.Attributes': [{ 'exception.message': 'boom' }],
      'Links.TraceId': [other.spanContext().traceId],
      'Links.Attributes': [{ why: 'x' }],
    });
    expect(Number(row?.Duration)).toBeGreaterThan(0);
  });

  it('metrics over protobuf arrive as series, samples and histograms; a series gets one row', async () => {
    const provider = new MeterProvider({
      resource: resourceFromAttributes({ 'service.name': 'sdk-metrics' }),
      readers: [
        new PeriodicExportingMetricReader({
          exporter: new OTLPMetricExporter({ url: `${url}/v1/metrics` }),
          exportIntervalMillis: 3_600_000,
        }),
      ],
    });
    const meter = provider.getMeter('lib');
    meter
      .createCounter('requests', { unit: '1', description: 'Requests.' })
      .add(5, { route: '/cart', method: 'GET' });
    meter.createHistogram('duration', { unit: 'ms' }).record(12, { route: '/cart' });
    meter.createGauge('pool').record(0.25);
    await provider.forceFlush();
    await provider.forceFlush();
    await provider.shutdown();
    const series = await rows('metric_series', 'sdk-metrics');
    expect(series.map((row) => [row.MetricName, row.MetricType, row.Temporality, row.IsMonotonic])).toEqual([
      ['requests', 'sum', 'cumulative', 1],
      ['duration', 'histogram', 'cumulative', 0],
      ['pool', 'gauge', '', 0],
    ]);
    expect(series[0]).toMatchObject({ Unit: '1', Attributes: { route: '/cart', method: 'GET' } });
    const samples = await rows('metric_samples', 'sdk-metrics');
    expect(samples.filter((row) => row.MetricName === 'requests').map((row) => row.Value)).toContain(5);
    expect(samples.every((row) => series.some((one) => one.SeriesId === row.SeriesId))).toBe(true);
    const [histogram] = await rows('metric_histograms', 'sdk-metrics');
    expect(histogram).toMatchObject({ Count: '1', Sum: 12, Min: 12, Max: 12 });
    expect([histogram?.BucketCounts].flat(2)).toHaveLength([histogram?.ExplicitBounds].flat(2).length + 1);
  });
});

describe('OTLP/HTTP', () => {
  const examples = '../shared/data/otlp/examples';
  it.skipIf(!existsSync(examples))('takes the examples of the specification', async () => {
    for (const [file, signal] of [
      ['logs', 'logs'],
      ['events', 'logs'],
      ['trace', 'traces'],
      ['metrics', 'metrics'],
    ]) {
      const response = await post(signal ?? '', await readFile(join(examples, `${file}.json`), 'utf8'));
      expect([file, response.status, await response.json()]).toEqual([file, 200, {}]);
    }
    expect((await rows('metric_histograms', 'my.service')).length).toBe(2);
  });

  it.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
    ['deflate', deflateSync],
  ])('takes bodies in %s, bounded after decompression', async (encoding, compress) => {
    const headers = { 'content-encoding': encoding };
    const body = jsonToWire('logs', logsOf(`packed-${encoding}`, [{ body: text('hello') }]));
    const response = await post('logs', compress(body), headers);
    expect([response.status, (await response.arrayBuffer()).byteLength]).toEqual([200, 0]);
    expect(await rows('otel_logs', `packed-${encoding}`)).toHaveLength(1);
    const bomb = await post('logs', compress(Buffer.alloc(5_000_000)), headers);
    expect([bomb.status, await bomb.text()]).toEqual([413, expect.stringContaining('ingest.body_bytes_max')]);
    const broken = await post('logs', Buffer.from('not packed at all'), headers);
    expect([broken.status, await broken.text()]).toEqual([400, expect.stringContaining(encoding)]);
  });

  it.each([
    ['text/plain', {}, 415, 'content-type'],
    ['application/x-protobuf', { 'content-encoding': 'br' }, 415, 'content-encoding'],
  ])('refuses %s %o with %i', async (type, headers, status, named) => {
    const response = await fetch(`${url}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': type, ...headers },
      body: 'x',
    });
    expect([response.status, (await response.text()).toLowerCase()]).toEqual([
      status,
      expect.stringContaining(named),
    ]);
  });

  it('refuses a body beyond the limit with 413 and an unknown path with 404', async () => {
    const big = await post('logs', Buffer.alloc(300_000));
    expect([big.status, await big.text()]).toEqual([413, expect.stringContaining('ingest.body_bytes_max')]);
    expect((await post('nothing', '{}')).status).toBe(404);
    expect((await fetch(`${url}/v1/logs`)).status).toBe(404);
  });

  it('answers malformed protobuf with 400 and google.rpc.Status in protobuf, and keeps the bytes', async () => {
    const before = (await letters()).length;
    const body = Buffer.from([0x0a, 0x7f, 0x01]);
    const response = await post('traces', body);
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toBe('application/x-protobuf');
    const answer = Buffer.from(await response.arrayBuffer());
    expect([...answer.subarray(0, 3)]).toEqual([0x08, 3, 0x12]);
    expect(answer.toString()).toContain('a field of 127 bytes stands where 1 are left');
    const kept = await letters();
    expect(kept).toHaveLength(before + 1);
    expect(kept.at(-1)).toMatchObject({ Source: 'otlp/traces', Payload: body.toString('base64') });
  });

  it('answers malformed JSON with 400, a status in JSON, and the path of the fault', async () => {
    const response = await post('logs', logsOf('x', [{ timeUnixNano: 'soon' }]));
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({
      code: 3,
      message: 'resourceLogs[0].scopeLogs[0].logRecords[0].timeUnixNano is "soon", an integer is needed.',
    });
    expect((await post('logs', '{"resourceLogs": [')).status).toBe(400);
    expect((await post('logs', '{"unknownField": [1], "resourceLogs": null}')).status).toBe(200);
  });

  it('keeps good spans beside bad ones and says how many were rejected, in both encodings', async () => {
    const good = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', name: 'good' };
    const bad = { traceId: '00000000000000000000000000000000', spanId: 'b7ad6b7169203331', name: 'bad' };
    const short = { ...good, spanId: 'b7', name: 'short' };
    const before = (await letters()).length;
    const json = await post('traces', spansOf('partial', [good, bad, short]));
    expect([json.status, await json.json()]).toEqual([
      200,
      { partialSuccess: { rejectedSpans: '2', errorMessage: expect.stringContaining('trace_id') } },
    ]);
    const wire = await post('traces', jsonToWire('traces', spansOf('partial', [good, bad])));
    const answer = Buffer.from(await wire.arrayBuffer());
    expect(answer[0]).toBe(0x0a);
    // A length of two bytes, then rejected_spans = 1.
    expect([...answer.subarray(3, 5)]).toEqual([0x08, 1]);
    expect((await rows('otel_traces', 'partial')).map((row) => row.SpanName)).toEqual(['good', 'good']);
    expect((await letters()).length).toBe(before + 3);
  });

  it('asks for the token where one is set', async () => {
    const guarded = makeServer('secret');
    const inject = (authorization: string) =>
      guarded.inject({
        method: 'POST',
        url: '/v1/logs',
        headers: { 'content-type': 'application/json', authorization },
        payload: '{}',
      });
    expect((await inject('')).statusCode).toBe(401);
    expect((await inject('Bearer wrong')).statusCode).toBe(401);
    expect((await inject('Bearer secret')).statusCode).toBe(200);
    await guarded.close();
  });
});

describe('back-pressure', () => {
  beforeEach(() => {
    pending = 0;
  });
  it('answers 429 with Retry-After while too much is pending, and takes the request afterwards', async () => {
    pending = config.ingest.pendingBytesMax;
    const refused = await post('logs', logsOf('pressed', [{ body: text('a') }]));
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
    expect(await refused.json()).toMatchObject({
      code: 8,
      message: expect.stringContaining('pending_bytes_max'),
    });
    pending = 0;
    expect((await post('logs', logsOf('pressed', [{ body: text('a') }]))).status).toBe(200);
    expect(await rows('otel_logs', 'pressed')).toHaveLength(1);
  });
});

describe('values', () => {
  it('replaces times of zero and beyond the allowed skew by the time of receipt, and marks them', async () => {
    const future = String(BigInt(Date.now() + 3_600_000) * 1_000_000n);
    const observed = nowNs();
    const records = [
      { body: text('none') },
      { body: text('future'), timeUnixNano: future },
      { body: text('observed'), observedTimeUnixNano: observed },
      { body: text('fine'), timeUnixNano: observed },
      { body: text('negative'), timeUnixNano: '18446744073709551615' },
    ];
    const before = Date.now();
    await post('logs', logsOf('times', records));
    const found = await rows('otel_logs', 'times');
    expect(found.map((row) => row.LogAttributes)).toEqual([
      { 'clew.time': 'received' },
      { 'clew.time_sent': future },
      {},
      {},
      { 'clew.time_sent': '18446744073709551615' },
    ]);
    for (const row of found) {
      const ms = Date.parse(`${String(row.Timestamp).replace(' ', 'T')}Z`);
      expect(ms).toBeGreaterThanOrEqual(before - 1);
      expect(ms).toBeLessThanOrEqual(Date.now());
    }
  });

  it('cuts long bodies and attributes between characters and marks them', async () => {
    const long = 'ü'.repeat(150);
    const record = {
      timeUnixNano: nowNs(),
      body: text(`x${long}`),
      attributes: [attribute('long', text(long)), attribute('short', text('s'))],
    };
    await post('logs', logsOf('cut', [record]));
    const [row] = await rows('otel_logs', 'cut');
    expect(row?.Body).toBe(`x${'ü'.repeat(99)}`);
    expect(row?.LogAttributes).toEqual({ long: 'ü'.repeat(50), short: 's', 'clew.truncated': 'long,body' });
  });

  it('renders every kind of value', async () => {
    const attributes = [
      attribute('int', { intValue: '-9223372036854775808' }),
      attribute('int2', { intValue: 42 }),
      attribute('double', { doubleValue: 1e300 }),
      attribute('nan', { doubleValue: 'NaN' }),
      attribute('no', { boolValue: false }),
      attribute('bytes', { bytesValue: 'AQID' }),
      attribute('empty', {}),
      attribute('blank', text('')),
      attribute('array', {
        arrayValue: {
          values: [text('a"b'), { intValue: 1 }, { boolValue: true }, {}, { bytesValue: 'AQID' }],
        },
      }),
      attribute('map', { kvlistValue: { values: [attribute('k', { arrayValue: { values: [] } })] } }),
    ];
    await post(
      'logs',
      logsOf('values', [{ attributes, body: { kvlistValue: { values: [attribute('a', text('b'))] } } }]),
    );
    const [row] = await rows('otel_logs', 'values');
    expect(row?.Body).toBe('{"a":"b"}');
    expect(row?.LogAttributes).toMatchObject({
      int: '-9223372036854775808',
      int2: '42',
      double: '1e+300',
      nan: 'NaN',
      no: 'false',
      bytes: 'AQID',
      empty: '',
      blank: '',
      array: '["a\\"b",1,true,null,"AQID"]',
      map: '{"k":[]}',
    });
  });

  it('keeps NaN, infinities, integers, absent values and exemplars of metrics; rejects what has no value', async () => {
    const at = nowNs();
    const point = (more: Row) => ({ timeUnixNano: at, ...more });
    const exemplar = {
      timeUnixNano: at,
      asDouble: 7,
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      filteredAttributes: [attribute('user', text('17'))],
    };
    const dataPoints = [
      point({ asDouble: 'NaN' }),
      point({ asDouble: '-Infinity' }),
      point({ asInt: '-5', exemplars: [exemplar] }),
      point({ flags: 1 }),
      point({}),
    ];
    const histogram = point({ count: 3, sum: 4, bucketCounts: [1, 2], explicitBounds: [1, 2] });
    const exponential = point({
      count: '5',
      scale: -1,
      zeroCount: 1,
      positive: { offset: -2, bucketCounts: ['1', '300'] },
      negative: { offset: 3, bucketCounts: [3] },
    });
    const summary = point({
      count: 2,
      sum: 3,
      quantileValues: [
        { quantile: 0.5, value: 1 },
        { quantile: 1, value: 2 },
      ],
    });
    const response = await post(
      'metrics',
      metricsOf('numbers', [
        { name: 'g', gauge: { dataPoints } },
        {
          name: 'h',
          histogram: { dataPoints: [histogram], aggregationTemporality: 'AGGREGATION_TEMPORALITY_DELTA' },
        },
        { name: 'e', exponentialHistogram: { dataPoints: [exponential], aggregationTemporality: 2 } },
        { name: 's', summary: { dataPoints: [summary] } },
        { name: '', gauge: { dataPoints: [point({ asInt: 1 })] } },
      ]),
    );
    expect(await response.json()).toMatchObject({ partialSuccess: { rejectedDataPoints: '3' } });
    const samples = await rows('metric_samples', 'numbers');
    expect(samples.map((row) => [row.Value, row.Flags])).toEqual([
      ['nan', 0],
      ['-inf', 0],
      [-5, 0],
      ['nan', 1],
    ]);
    const [first, second] = await rows('metric_histograms', 'numbers');
    expect(first).toMatchObject({
      MetricName: 'e',
      Count: '5',
      Scale: -1,
      ZeroCount: '1',
      PositiveOffset: -2,
      PositiveBucketCounts: ['1', '300'],
      NegativeOffset: 3,
      NegativeBucketCounts: ['3'],
    });
    expect(second).toMatchObject({
      MetricName: 's',
      Count: '2',
      Quantiles: [0.5, 1],
      QuantileValues: [1, 2],
    });
    expect(await rows('metric_exemplars', 'numbers')).toMatchObject([
      { MetricName: 'g', Value: 7, TraceId: exemplar.traceId, FilteredAttributes: { user: '17' } },
    ]);
  });

  it('gives a series the same id whatever the order of its attributes and the encoding', async () => {
    const pair = [attribute('a', text('1')), attribute('b', { intValue: '2' })];
    const request = (attributes: unknown[]) =>
      metricsOf('order', [
        { name: 'm', gauge: { dataPoints: [{ timeUnixNano: nowNs(), asInt: 1, attributes }] } },
      ]);
    await post('metrics', request(pair));
    await post('metrics', jsonToWire('metrics', request(pair.toReversed())));
    await post('metrics', request([attribute('a', text('1')), attribute('b', { intValue: '3' })]));
    const samples = await rows('metric_samples', 'order');
    expect(new Set(samples.map((row) => row.SeriesId)).size).toBe(2);
    expect(samples[0]?.SeriesId).toBe(samples[1]?.SeriesId);
    expect(await rows('metric_series', 'order')).toHaveLength(2);
  });

  it('names a resource without service.name unknown_service', async () => {
    await post(
      'logs',
      JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: text('who') }] }] }] }),
    );
    expect((await rows('otel_logs', 'unknown_service')).length).toBeGreaterThan(0);
  });
});
