import { connect, type IncomingHttpHeaders } from 'node:http2';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { credentials, Metadata } from '@grpc/grpc-js';
import { SpanStatusCode } from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { ExportResultCode } from '@opentelemetry/core';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as HttpLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { OTLPMetricExporter as HttpMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as HttpTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { tracing } from '@opentelemetry/sdk-node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ClewError } from '../../src/lib/index.ts';
import { jsonToWire } from '../../src/receive/otlp/json.ts';
import { exportPath, type GrpcAnswer, grpcClient } from '../support/grpc.ts';
import {
  address,
  config,
  letters,
  logsOf,
  makeGrpcServer,
  pretended,
  type Row,
  rows,
  spansOf,
  text,
  useIngest,
} from './ingest-harness.ts';

useIngest();
const servers: ReturnType<typeof makeGrpcServer>[] = [];
const clients: ReturnType<typeof grpcClient>[] = [];
let open = '';
let guarded = '';

beforeAll(async () => {
  for (const token of ['', 'secret']) servers.push(makeGrpcServer(token));
  const [first, second] = await Promise.all(servers.map((one) => one.listen({ host: '127.0.0.1', port: 0 })));
  open = first ?? '';
  guarded = second ?? '';
});
afterEach(() => {
  pretended.pendingBytes = 0;
  pretended.beforeAppend = async () => undefined;
});
afterAll(async () => {
  for (const client of clients) client.close();
  await Promise.all(servers.map((one) => one.close()));
});

const clientOf = (to: string, algorithm = 0) => {
  const client = grpcClient(to, algorithm);
  clients.push(client);
  return client;
};
/** What an exporter makes of its answer. */
const sent = <Batch>(
  exporter: { export(batch: Batch, done: (result: { code: number; error?: Error }) => void): void },
  batch: Batch,
) =>
  new Promise<string>((resolve) =>
    exporter.export(batch, ({ code, error }) =>
      resolve(code === ExportResultCode.SUCCESS ? 'success' : (error?.message ?? 'failed')),
    ),
  );
const url = () => `http://${open}`;
/** Rows without what is different for every row: number and times of receipt. */
const comparable = (all: Row[]) =>
  all.map(({ EventId: _, ObservedTimestamp: __, LastSeen: ___, ...rest }) => rest);
const resource = (service: string) =>
  resourceFromAttributes({ 'service.name': service, 'service.version': '1.2.3' });

describe('OpenTelemetry SDK over gRPC', () => {
  it.each(['none', 'gzip'] as const)('logs (%s) become the same rows as over HTTP', async (compression) => {
    const service = `grpc-logs-${compression}`;
    const memory = new InMemoryLogRecordExporter();
    const processors = [new SimpleLogRecordProcessor({ exporter: memory })];
    const provider = new LoggerProvider({ resource: resource(service), processors });
    const attributes = { count: 3, ratio: 0.5, ok: true, list: ['a', 'b'], nested: { deep: [1, null] } };
    const body = 'payment 17 declined – ü';
    provider
      .getLogger('lib', '0.1')
      .emit({ severityNumber: SeverityNumber.WARN, severityText: 'WARN', body, attributes });
    await provider.forceFlush();
    const records = memory.getFinishedLogRecords();
    const over = new OTLPLogExporter({ url: url(), compression: compression as never });
    expect(await sent(over, records)).toBe('success');
    expect(await sent(new HttpLogExporter({ url: `${address()}/v1/logs` }), records)).toBe('success');
    const [grpc, http, ...more] = comparable(await rows('otel_logs', service));
    expect(more).toEqual([]);
    expect(grpc).toMatchObject({
      Body: body,
      ScopeName: 'lib',
      LogAttributes: { nested: '{"deep":[1,null]}' },
    });
    expect(grpc).toEqual(http);
    await over.shutdown();
  });

  it('traces become the same rows as over HTTP', async () => {
    const memory = new tracing.InMemorySpanExporter();
    const provider = new tracing.BasicTracerProvider({
      resource: resource('grpc-traces'),
      spanProcessors: [new tracing.SimpleSpanProcessor(memory)],
    });
    const tracer = provider.getTracer('lib');
    const other = tracer.startSpan('other');
    const links = [{ context: other.spanContext(), attributes: { why: 'x' } }];
    const span = tracer.startSpan('GET /cart', { kind: 1, links, attributes: { a: 1 } });
    span.addEvent('exception', { 'exception.message': 'boom' });
    span.setStatus({ code: SpanStatusCode.ERROR, message: 'boom' });
    span.end();
    await provider.forceFlush();
    const spans = memory.getFinishedSpans();
    const over = new OTLPTraceExporter({ url: url() });
    expect(await sent(over, spans)).toBe('success');
    expect(await sent(new HttpTraceExporter({ url: `${address()}/v1/traces` }), spans)).toBe('success');
    const [grpc, http, ...more] = comparable(await rows('otel_traces', 'grpc-traces'));
    expect(more).toEqual([]);
    expect(grpc).toMatchObject({ SpanName: 'GET /cart', SpanKind: 'Server', 'Events.Name': ['exception'] });
    expect(grpc).toEqual(http);
    await over.shutdown();
  });

  it('metrics become the same rows as over HTTP', async () => {
    const memory = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter: memory, exportIntervalMillis: 3_600_000 });
    const provider = new MeterProvider({ resource: resource('grpc-metrics'), readers: [reader] });
    const meter = provider.getMeter('lib');
    meter.createCounter('requests', { unit: '1' }).add(5, { route: '/cart' });
    meter.createHistogram('duration', { unit: 'ms' }).record(12, { route: '/cart' });
    await provider.forceFlush();
    const [batch] = memory.getMetrics();
    if (batch === undefined) throw new Error('no metrics');
    const over = new OTLPMetricExporter({ url: url() });
    expect(await sent(over, batch)).toBe('success');
    expect(await sent(new HttpMetricExporter({ url: `${address()}/v1/metrics` }), batch)).toBe('success');
    for (const table of ['metric_series', 'metric_samples', 'metric_histograms']) {
      const all = comparable(await rows(table, 'grpc-metrics'));
      const half = all.length / 2;
      expect([table, all.slice(0, half)]).toEqual([table, all.slice(half)]);
      expect(half).toBeGreaterThanOrEqual(1);
    }
    await over.shutdown();
    await provider.shutdown();
  });

  it('with a token is let in, with a wrong one is told so', async () => {
    const memory = new tracing.InMemorySpanExporter();
    const provider = new tracing.BasicTracerProvider({
      resource: resource('grpc-token'),
      spanProcessors: [new tracing.SimpleSpanProcessor(memory)],
    });
    provider.getTracer('lib').startSpan('only').end();
    await provider.forceFlush();
    for (const [token, expected] of [
      ['secret', 'success'],
      ['wrong', expect.stringContaining('UNAUTHENTICATED')],
    ]) {
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${token}`);
      const options = { url: `http://${guarded}`, metadata, credentials: credentials.createInsecure() };
      const exporter = new OTLPTraceExporter(options);
      expect(await sent(exporter, memory.getFinishedSpans())).toEqual(expected);
      await exporter.shutdown();
    }
    expect(await rows('otel_traces', 'grpc-token')).toHaveLength(1);
  });
});

const logs = (service: string) => jsonToWire('logs', logsOf(service, [{ body: text('hello') }]));
const retryInfo = Buffer.from('type.googleapis.com/google.rpc.RetryInfo');
/** RetryInfo.retry_delay of one second, at the end of the details. */
const oneSecond = [0x12, 4, 0x0a, 2, 0x08, 1];

describe('an export over gRPC', () => {
  const garbage = Buffer.from([0x0a, 0x7f, 0x01]);
  const bomb = Buffer.alloc(5_000_000);
  const tooLarge = /larger than 200000 bytes, the limit of ingest\.body_bytes_max/;
  const table: [string, string, Uint8Array, number, number, RegExp][] = [
    ['garbage', exportPath.logs, garbage, 0, 3, /a field of 127 bytes stands where 1 are left/],
    ['garbage as traces', exportPath.traces, garbage, 0, 3, /near byte 2/],
    ['garbage as metrics', exportPath.metrics, garbage, 2, 3, /near byte 2/],
    ['too large', exportPath.logs, Buffer.alloc(300_000), 0, 3, tooLarge],
    ['a gzip bomb', exportPath.logs, bomb, 2, 3, tooLarge],
    ['a deflate bomb', exportPath.logs, bomb, 1, 3, tooLarge],
    [
      'another service',
      '/opentelemetry.proto.collector.profiles.v1.ProfilesService/Export',
      garbage,
      0,
      12,
      /./,
    ],
    ['another method', '/opentelemetry.proto.collector.logs.v1.LogsService/Import', garbage, 0, 12, /./],
  ];
  it.each(table)('refuses %s for good', async (_name, path, bytes, algorithm, code, message) => {
    const answer = await clientOf(open, algorithm).call(path, bytes);
    expect([answer.code, answer.message]).toEqual([code, expect.stringMatching(message)]);
    expect(answer.details).toHaveLength(0);
  });

  it('that can not be read is kept as a dead letter', async () => {
    const before = (await letters()).length;
    await clientOf(open).call(exportPath.traces, garbage);
    const kept = await letters();
    expect(kept).toHaveLength(before + 1);
    expect(kept.at(-1)).toMatchObject({ Source: 'otlp/traces', Payload: garbage.toString('base64') });
  });

  it('of an empty message is accepted', async () => {
    expect(await clientOf(open).call(exportPath.logs, Buffer.alloc(0))).toMatchObject({ code: 0 });
  });

  it('of which a part is refused is answered with partial success', async () => {
    const good = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', name: 'good' };
    const bad = { ...good, spanId: 'b7', name: 'short' };
    const wire = jsonToWire('traces', spansOf('grpc-partial', [good, bad]));
    const answer = await clientOf(open).call(exportPath.traces, wire);
    expect([answer.code, answer.bytes[0], ...answer.bytes.subarray(3, 5)]).toEqual([0, 0x0a, 0x08, 1]);
    expect(answer.bytes.toString()).toContain('span_id has 1 bytes');
    expect(await rows('otel_traces', 'grpc-partial')).toHaveLength(1);
  });

  it('without the token is refused before its message is read', async () => {
    const before = (await letters()).length;
    const client = clientOf(guarded);
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: 'nonsense' }]) {
      const answer = await client.call(exportPath.logs, garbage, headers as Record<string, string>);
      expect([answer.code, answer.message]).toEqual([16, expect.stringContaining('auth.token')]);
    }
    expect(await letters()).toHaveLength(before);
    const accepted = { authorization: 'Bearer secret' };
    expect((await client.call(exportPath.logs, logs('grpc-let-in'), accepted)).code).toBe(0);
  });

  const busy: [string, () => void, number, RegExp][] = [
    [
      'too much is pending',
      () => (pretended.pendingBytes = config.ingest.pendingBytesMax),
      8,
      /pending_bytes_max/,
    ],
    ['the disk refuses', () => (pretended.beforeAppend = refuse), 14, /could not be written/],
  ];
  it.each(busy)(
    'is to be repeated in a second while %s, and taken afterwards',
    async (_name, make, code, message) => {
      const service = `grpc-busy-${code}`;
      const client = clientOf(open);
      make();
      const refused = await client.call(exportPath.logs, logs(service));
      expect([refused.code, refused.message]).toEqual([code, expect.stringMatching(message)]);
      expect(refused.details.subarray(0, 2)).toEqual(Buffer.from([0x08, code]));
      expect(refused.details.includes(retryInfo)).toBe(true);
      expect([...refused.details.subarray(-6)]).toEqual(oneSecond);
      expect(await rows('otel_logs', service)).toHaveLength(0);
      pretended.pendingBytes = 0;
      pretended.beforeAppend = async () => undefined;
      expect((await client.call(exportPath.logs, logs(service))).code).toBe(0);
      expect(await rows('otel_logs', service)).toHaveLength(1);
    },
  );

  it('is answered only when its rows are on disk', async () => {
    let release = () => {};
    pretended.beforeAppend = () => new Promise<void>((resolve) => (release = resolve));
    let answer: GrpcAnswer | undefined;
    const pending = clientOf(open)
      .call(exportPath.logs, logs('grpc-durable'))
      .then((given) => (answer = given));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(answer).toBeUndefined();
    release();
    expect((await pending).code).toBe(0);
  });

  it('takes room in memory for what is under way and gives it back', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    pretended.beforeAppend = () => held;
    // Four of the largest bodies have room; the fifth of 180 kB has none.
    const big = jsonToWire(
      'logs',
      logsOf(
        'grpc-room',
        Array.from({ length: 900 }, () => ({ body: text('x'.repeat(190)) })),
      ),
    );
    const leaver = grpcClient(open);
    const calls = [0, 1, 2, 3].map(() => leaver.call(exportPath.logs, big));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const client = clientOf(open);
    const fifth = await client.call(exportPath.logs, big);
    expect([fifth.code, fifth.message]).toEqual([
      8,
      expect.stringContaining('Too many large requests at once'),
    ]);
    release();
    expect((await Promise.all(calls)).map((answer) => answer.code)).toEqual([0, 0, 0, 0]);
    leaver.close();
    expect((await client.call(exportPath.logs, big)).code).toBe(0);
  });

  it('cut off in the middle of its message leaves nothing behind', async () => {
    for (let round = 0; round < 8; round++) {
      const session = connect(`http://${open}`);
      const stream = session.request({
        ':method': 'POST',
        ':path': exportPath.logs,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      stream.on('error', () => undefined);
      session.on('error', () => undefined);
      stream.write(Buffer.from([0, 0, 0, 0x40, 0, ...logs('grpc-cut')]));
      await new Promise((resolve) => setTimeout(resolve, 20));
      session.destroy();
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await clientOf(open).call(exportPath.logs, logs('grpc-after-cut'))).code).toBe(0);
    expect(await rows('otel_logs', 'grpc-cut')).toHaveLength(0);
  });

  /** A call with a grpc-encoding of our choice around bytes of our choice. */
  const packedCall = (encoding: string, packed: Uint8Array): Promise<string> =>
    new Promise((resolve, reject) => {
      const session = connect(`http://${open}`);
      session.on('error', reject);
      const headers = { ':method': 'POST', ':path': exportPath.logs, 'content-type': 'application/grpc' };
      const stream = session.request({ ...headers, 'grpc-encoding': encoding, te: 'trailers' });
      const told: IncomingHttpHeaders = {};
      stream.on('response', (given) => Object.assign(told, given));
      stream.on('trailers', (given) => Object.assign(told, given));
      stream.on('close', () => {
        resolve(`${told['grpc-status']} ${decodeURI(String(told['grpc-message']))}`);
        session.close();
      });
      const head = Buffer.alloc(5, 1);
      head.writeUInt32BE(packed.length, 1);
      stream.resume();
      stream.end(Buffer.concat([head, packed]));
    });

  it('whose gzip is broken is refused for good and kept as it came', async () => {
    const packed = gzipSync(logs('x')).subarray(0, 40).fill(7, 12);
    expect(await packedCall('gzip', packed)).toMatch(/^3 The body is not valid gzip: /);
    expect((await letters()).at(-1)).toMatchObject({
      Source: 'otlp/logs',
      Payload: packed.toString('base64'),
    });
  });

  it('in zstd is taken, one in an encoding that nobody knows is told so', async () => {
    expect(await packedCall('zstd', zstdCompressSync(logs('grpc-zstd')))).toBe('0 OK');
    expect(await rows('otel_logs', 'grpc-zstd')).toHaveLength(1);
    expect(await packedCall('br', logs('x'))).toBe(
      '12 grpc-encoding "br" is not understood; send gzip, deflate, zstd or none.',
    );
  });
});

it('the health service says that exports are taken', async () => {
  const answer = await clientOf(guarded).call('/grpc.health.v1.Health/Check', Buffer.alloc(0));
  expect([answer.code, ...answer.bytes]).toEqual([0, 0x08, 1]);
});

it('a port that is taken is told by its code', async () => {
  const server = makeGrpcServer();
  const port = Number(open.split(':')[1]);
  await expect(server.listen({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await server.close();
});

async function refuse(): Promise<void> {
  throw new ClewError('unavailable', 'The write-ahead segment could not be written; try again.');
}
