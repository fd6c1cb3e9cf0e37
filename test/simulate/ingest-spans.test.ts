import { gzipSync } from 'node:zlib';
import { SpanStatusCode } from '@opentelemetry/api';
import { ExportResultCode } from '@opentelemetry/core';
import { ZipkinExporter } from '@opentelemetry/exporter-zipkin';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { tracing } from '@opentelemetry/sdk-node';
import { afterEach, describe, expect, it } from 'vitest';
import { ClewError } from '../../src/lib/index.ts';
import { field, jaegerBatch, struct } from '../support/thrift.ts';
import { zipkinProtobuf } from '../support/zipkin.ts';
import { config, pretended, useFronts } from './ingest-fronts.ts';

const fronts = useFronts();
afterEach(() => {
  pretended.pendingBytes = 0;
  pretended.beforeAppend = async () => undefined;
});

const send = (path: string, body: string | Uint8Array, headers: Record<string, string>, to = fronts.url) =>
  fetch(to + path, { method: 'POST', headers, body: typeof body === 'string' ? body : Buffer.from(body) });
const zipkinPath = '/api/v2/spans';
const json = { 'content-type': 'application/json' };
const protobuf = { 'content-type': 'application/x-protobuf' };
const zipkin = (spans: unknown) => send(zipkinPath, JSON.stringify(spans), json);
const jaegerPath = '/api/traces?format=jaeger.thrift';
const thriftType = { 'content-type': 'application/x-thrift' };

const traceId = '0af7651916cd43dd8448eb211c80319c';
const id = 'b7ad6b7169203331';
const nowUs = () => Date.now() * 1000;
const oneSpan = { traceIdLow: 1n, spanId: 2n, operationName: 'x', startTime: BigInt(nowUs()), duration: 1n };

describe('Zipkin', () => {
  it('spans of the OpenTelemetry exporter arrive with kind, status, events and resource', async () => {
    const memory = new tracing.InMemorySpanExporter();
    const provider = new tracing.BasicTracerProvider({
      resource: resourceFromAttributes({
        'service.name': 'zipkin-sdk',
        'service.version': '1.2.3',
        'host.name': 'h',
      }),
      spanProcessors: [new tracing.SimpleSpanProcessor(memory)],
    });
    const tracer = provider.getTracer('lib');
    const server = tracer.startSpan('GET /cart', { kind: 1, attributes: { 'http.route': '/cart' } });
    server.addEvent('exception');
    server.setStatus({ code: SpanStatusCode.ERROR, message: 'boom' });
    server.end();
    const local = tracer.startSpan('work', { kind: 0 });
    local.setStatus({ code: SpanStatusCode.OK });
    local.end();
    tracer.startSpan('call', { kind: 2 }).end();
    const exporter = new ZipkinExporter({ url: fronts.url + zipkinPath });
    const code = await new Promise((resolve) =>
      exporter.export(memory.getFinishedSpans(), (result) => resolve(result.code)),
    );
    expect(code).toBe(ExportResultCode.SUCCESS);
    const rows = await fronts.spans('zipkin-sdk');
    expect(rows.map((row) => [row.SpanName, row.SpanKind, row.StatusCode, row.StatusMessage])).toEqual([
      ['GET /cart', 'Server', 'Error', 'boom'],
      ['work', 'Internal', 'Ok', ''],
      ['call', 'Client', 'Unset', ''],
    ]);
    expect(rows[0]).toMatchObject({
      TraceId: server.spanContext().traceId,
      SpanId: server.spanContext().spanId,
      ParentSpanId: '',
      SpanAttributes: { 'http.route': '/cart' },
      'Events.Name': ['exception'],
    });
    expect(rows[0]?.ResourceAttributes).toMatchObject({
      'service.name': 'zipkin-sdk',
      'service.version': '1.2.3',
      'host.name': 'h',
    });
    await exporter.shutdown();
  });

  const us = nowUs();
  const whole = {
    traceId: '8448eb211c80319c',
    id: '17',
    parentId: id,
    kind: 'CLIENT',
    name: 'query',
    timestamp: us,
    duration: 1500,
    localEndpoint: { serviceName: 'zipkin-whole', ipv4: '10.0.0.1', port: 8080 },
    remoteEndpoint: { serviceName: 'db', ipv4: '10.0.0.2', port: 5432 },
    annotations: [
      { timestamp: us + 1, value: 'ws' },
      { timestamp: us + 2, value: '"retry": { "attempt": 2, "why": "slow" }' },
    ],
    tags: {
      'db.system': 'postgresql',
      error: 'timeout',
      'otel.scope.name': 'brave',
      'otel.scope.version': '6',
    },
    debug: true,
    shared: false,
  };
  const expected = {
    TraceId: '00000000000000008448eb211c80319c',
    SpanId: '0000000000000017',
    ParentSpanId: id,
    SpanName: 'query',
    SpanKind: 'Client',
    ServiceName: 'zipkin-whole',
    ResourceAttributes: { 'service.name': 'zipkin-whole' },
    ScopeName: 'brave',
    ScopeVersion: '6',
    Duration: '1500000',
    StatusCode: 'Error',
    StatusMessage: 'timeout',
    SpanAttributes: {
      'db.system': 'postgresql',
      'network.local.address': '10.0.0.1',
      'network.local.port': '8080',
      'peer.service': 'db',
      'network.peer.address': '10.0.0.2',
      'network.peer.port': '5432',
      'server.address': '10.0.0.2',
      'server.port': '5432',
    },
    'Events.Name': ['ws', 'retry'],
    'Events.Attributes': [{}, { attempt: '2', why: 'slow' }],
  };

  it('every field of the model has its column, in JSON and protobuf, plain and gzip', async () => {
    const packed = gzipSync(JSON.stringify([whole]));
    const plain = await zipkin([whole]);
    expect([plain.status, await plain.text()]).toEqual([202, '']);
    expect((await send(zipkinPath, packed, { ...json, 'content-encoding': 'gzip' })).status).toBe(202);
    expect((await send(zipkinPath, zipkinProtobuf(whole), protobuf)).status).toBe(202);
    const rows = await fronts.spans('zipkin-whole');
    expect(rows).toHaveLength(3);
    for (const row of rows) {
      expect(row).toMatchObject(expected);
      expect(String(row.Timestamp)).toContain(new Date(us / 1000).toISOString().slice(11, 23));
    }
  });

  it('good spans of a batch are kept beside bad ones, which become dead letters', async () => {
    const good = {
      traceId,
      id,
      name: 'good',
      timestamp: nowUs(),
      localEndpoint: { serviceName: 'zipkin-part' },
    };
    const before = (await fronts.letters('zipkin/spans')).length;
    const response = await zipkin([{ ...good, traceId: 'xyz' }, good, { ...good, tags: { a: [] } }, null]);
    expect([response.status, await response.text()]).toEqual([
      400,
      '[0]: traceId "xyz" is not 16 or 32 hexadecimal digits, not all 0; 3 of 4 spans were not kept, they are in the dead letters\n',
    ]);
    expect((await fronts.spans('zipkin-part')).map((row) => row.SpanName)).toEqual(['good']);
    const letters = (await fronts.letters('zipkin/spans')).slice(before);
    expect(letters.map((letter) => letter.Reason)).toEqual([
      '[0]: traceId "xyz" is not 16 or 32 hexadecimal digits, not all 0',
      '[2].tags.a is a list, a string is needed',
      '[3] is null, an object is needed',
    ]);
    expect(JSON.parse(Buffer.from(String(letters[0]?.Payload), 'base64').toString())).toMatchObject({
      traceId: 'xyz',
    });
  });

  const span = { traceId, id };
  const table: [string, string, Record<string, string>, number, RegExp][] = [
    ['no JSON', '[{', json, 400, /^The body is not JSON: /],
    ['no list', '{}', json, 400, /^The body is an object, a list of spans is needed\.$/],
    ['nothing', '', json, 400, /^The body is not JSON: /],
    ['protobuf cut off', '\n\x7f\x01', protobuf, 400, /a field of 127 bytes stands where 1 are left/],
    [
      'an id that is too long',
      JSON.stringify([{ ...span, id: `${id}0` }]),
      json,
      400,
      /^\[0\]: id "b7ad6b71692033310" is not 16/,
    ],
    ['an id of zeros', JSON.stringify([{ ...span, id: '0000' }]), json, 400, /not all 0/],
    ['no id', JSON.stringify([{ traceId }]), json, 400, /^\[0\]: id "" is not 16/],
    [
      'a parent that is none',
      JSON.stringify([{ ...span, parentId: 'x' }]),
      json,
      400,
      /parentId "x" is not 16/,
    ],
    [
      'a name that is no text',
      JSON.stringify([{ ...span, name: 5 }]),
      json,
      400,
      /^\[0\]\.name is a number, a string is needed/,
    ],
    [
      'a time that is no number',
      JSON.stringify([{ ...span, timestamp: 'now' }]),
      json,
      400,
      /^\[0\]\.timestamp is a string, a whole number/,
    ],
    [
      'annotations that are no list',
      JSON.stringify([{ ...span, annotations: {} }]),
      json,
      400,
      /^\[0\]\.annotations is an object, a list/,
    ],
    [
      'an endpoint that is no object',
      JSON.stringify([{ ...span, localEndpoint: 'x' }]),
      json,
      400,
      /^\[0\]\.localEndpoint is a string, an object/,
    ],
    ['another type', '[]', { 'content-type': 'text/plain' }, 415, /send application\/json or/],
    ['another encoding', '[]', { ...json, 'content-encoding': 'br' }, 415, /send gzip/],
    ['a body beyond the limit', `[${' '.repeat(300_000)}]`, json, 413, /ingest\.body_bytes_max/],
  ];
  it.each(table)('%s is refused', async (_name, body, headers, status, message) => {
    const response = await send(zipkinPath, body, headers);
    expect([response.status, (await response.text()).trim()]).toEqual([
      status,
      expect.stringMatching(message),
    ]);
  });

  it('JSON that is nested very deeply is refused and harms nothing', async () => {
    const deep = `${'['.repeat(90_000)}${']'.repeat(90_000)}`;
    const response = await send(
      zipkinPath,
      `[{"traceId":"${traceId}","id":"${id}","tags":{"a":${deep}}}]`,
      json,
    );
    expect([response.status, await response.text()]).toEqual([
      400,
      expect.stringContaining('[0].tags.a is a list'),
    ]);
    expect((await zipkin([])).status).toBe(202);
  });
});

describe('Jaeger', () => {
  const startTime = BigInt(nowUs());
  const spanIds = {
    traceIdLow: 0x8448eb211c80319cn,
    traceIdHigh: 0x0af7651916cd43ddn,
    spanId: 0xb7ad6b7169203331n,
  };

  it('every field of a Thrift batch has its column', async () => {
    const body = jaegerBatch(
      {
        serviceName: 'jaeger-whole',
        tags: { hostname: 'node-1', 'jaeger.version': 'Go-2.30', 'process.pid': 7n },
      },
      [
        {
          ...spanIds,
          parentSpanId: 0x11n,
          operationName: 'GET /cart',
          references: [
            { refType: 0, traceIdLow: spanIds.traceIdLow, traceIdHigh: spanIds.traceIdHigh, spanId: 0x11n },
            { refType: 1, traceIdLow: 0x22n, spanId: 0x33n },
          ],
          startTime,
          duration: 2500n,
          tags: {
            'span.kind': 'server',
            'http.status_code': 500n,
            ratio: 0.5,
            cached: false,
            raw: Buffer.from([1, 2]),
            error: true,
            'otel.status_description': 'boom',
            'otel.library.name': 'lib',
            'w3c.tracestate': 'a=b',
          },
          logs: [
            { timestamp: startTime + 5n, fields: { event: 'exception', 'exception.message': 'boom', n: 3n } },
          ],
        },
        {
          ...spanIds,
          spanId: 0x44n,
          operationName: 'work',
          references: [{ refType: 0, ...spanIds }],
          startTime,
          duration: 1n,
        },
      ],
    );
    const response = await send(jaegerPath, body, thriftType);
    expect([response.status, await response.text()]).toEqual([202, '']);
    const [first, second] = await fronts.spans('jaeger-whole');
    expect(first).toMatchObject({
      TraceId: traceId,
      SpanId: id,
      ParentSpanId: '0000000000000011',
      TraceState: 'a=b',
      SpanName: 'GET /cart',
      SpanKind: 'Server',
      ResourceAttributes: {
        'service.name': 'jaeger-whole',
        'host.name': 'node-1',
        'jaeger.version': 'Go-2.30',
        'process.pid': '7',
      },
      ScopeName: 'lib',
      SpanAttributes: { 'http.status_code': '500', ratio: '0.5', cached: 'false', raw: 'AQI=' },
      Duration: '2500000',
      StatusCode: 'Error',
      StatusMessage: 'boom',
      'Events.Name': ['exception'],
      'Events.Attributes': [{ 'exception.message': 'boom', n: '3' }],
      'Links.TraceId': ['00000000000000000000000000000022'],
      'Links.SpanId': ['0000000000000033'],
      'Links.Attributes': [{ 'opentracing.ref_type': 'follows_from' }],
    });
    expect(second).toMatchObject({
      ParentSpanId: id,
      SpanKind: 'Internal',
      StatusCode: 'Unset',
      'Links.TraceId': [],
    });
  });

  it('spans without ids are dead letters that name their process; the others are kept', async () => {
    const span = { ...spanIds, operationName: 'x', startTime, duration: 1n };
    const body = jaegerBatch({ serviceName: 'jaeger-part' }, [{ ...span, spanId: 0n }, span]);
    const type = { 'content-type': 'application/vnd.apache.thrift.binary' };
    const response = await send(jaegerPath, body, type);
    expect([response.status, await response.text()]).toEqual([
      400,
      'spans[0]: spanId is 0; 1 of 2 spans were not kept, they are in the dead letters\n',
    ]);
    expect(await fronts.spans('jaeger-part')).toHaveLength(1);
    const letter = (await fronts.letters('jaeger/spans')).at(-1);
    expect(Buffer.from(String(letter?.Payload), 'base64').toString('latin1')).toContain('jaeger-part');
  });

  const valid = jaegerBatch({ serviceName: 's' }, []);
  const many = Buffer.from([15, 0, 2, 12, 0x7f, 0xff, 0xff, 0xff]);
  const table: [string, Uint8Array, Record<string, string>, number, RegExp][] = [
    ['nothing', Buffer.alloc(0), thriftType, 400, /1 bytes are needed where 0 are left/],
    ['an empty batch', struct(), thriftType, 400, /the batch has no process/],
    ['a batch without spans', struct(field(12, 1, struct())), thriftType, 400, /the batch has no spans/],
    ['a cut batch', valid.subarray(0, 9), thriftType, 400, /can't be read near byte/],
    [
      'a list of more than can follow',
      many,
      thriftType,
      400,
      /2147483647 elements stand where 0 bytes are left/,
    ],
    [
      'a length below zero',
      Buffer.from([11, 0, 9, 255, 255, 255, 255]),
      thriftType,
      400,
      /a length is below 0/,
    ],
    ['an unknown type', Buffer.from([77, 0, 9]), thriftType, 400, /type 77 is not known/],
    [
      'endless nesting',
      Buffer.alloc(100_000, Buffer.from([12, 0, 9])),
      thriftType,
      400,
      /nested deeper than 32/,
    ],
    ['another type', valid, json, 415, /send application\/x-thrift or/],
  ];
  it.each(table)('%s is refused', async (_name, body, headers, status, message) => {
    const response = await send(jaegerPath, body, headers);
    expect([response.status, await response.text()]).toEqual([status, expect.stringMatching(message)]);
  });

  it('another format is refused by its name', async () => {
    const response = await send('/api/traces?format=zipkin.thrift', valid, thriftType);
    expect([response.status, await response.text()]).toEqual([
      400,
      'format "zipkin.thrift" is not understood; send format=jaeger.thrift.\n',
    ]);
  });
});

describe.each([
  ['Zipkin', zipkinPath, json, JSON.stringify([{ traceId, id }])],
  ['Jaeger', jaegerPath, thriftType, jaegerBatch({ serviceName: 's' }, [oneSpan])],
])('the receiver of %s', (_name, path, headers, body) => {
  it('asks for the token where one is set, also as password', async () => {
    for (const [authorization, status] of [
      ['', 401],
      ['Bearer wrong', 401],
      ['Bearer secret', 202],
      [`Basic ${Buffer.from('any:secret').toString('base64')}`, 202],
    ] as const) {
      const response = await send(path, body, { ...headers, authorization }, fronts.guardedUrl);
      expect([authorization, response.status]).toEqual([authorization, status]);
    }
  });

  it('answers 429 while too much is pending and 503 while the disk refuses, with Retry-After', async () => {
    pretended.pendingBytes = config.ingest.pendingBytesMax;
    const full = await send(path, body, headers);
    expect([full.status, full.headers.get('retry-after')]).toEqual([429, '1']);
    pretended.pendingBytes = 0;
    pretended.beforeAppend = async () => {
      throw new ClewError('unavailable', 'The write-ahead segment could not be written; try again.');
    };
    const refused = await send(path, body, headers);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  });
});
