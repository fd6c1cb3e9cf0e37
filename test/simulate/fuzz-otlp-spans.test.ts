/** Broken bytes for the decoders of OTLP (as HTTP and gRPC share them), Zipkin and Jaeger. */
import { expect, it } from 'vitest';
import { configSchema } from '../../src/config/index.ts';
import { systemClock } from '../../src/lib/index.ts';
import type { Delivery, Letter } from '../../src/receive/door.ts';
import { jaegerReader } from '../../src/receive/jaeger/routes.ts';
import type { Signal } from '../../src/receive/otlp/answer.ts';
import { createOtlpIntake } from '../../src/receive/otlp/intake.ts';
import { jsonToWire } from '../../src/receive/otlp/json.ts';
import { MalformedError } from '../../src/receive/otlp/wire.ts';
import { zipkinReader } from '../../src/receive/zipkin/routes.ts';
import { type Decode, type Decoder, describeDecoders, ofBytes, ofJson, ofPacked } from '../support/fuzz.ts';
import { testSeed } from '../support/seed.ts';
import { jaegerBatch } from '../support/thrift.ts';
import { zipkinProtobuf } from '../support/zipkin.ts';

process.stdout.write(`fuzz-otlp-spans seed ${testSeed}\n`);

const { ingest } = configSchema.parse({
  ingest: { bodyBytesMax: 100_000, attributeBytesMax: 100, bodyFieldBytesMax: 100, clockSkewS: 60 },
});
const deps = { clock: systemClock, config: ingest };
const sizeOf = (blocks: readonly { bytes: Uint8Array }[]) =>
  blocks.reduce((sum, block) => sum + block.bytes.length, 0);

/** What came through, as the room behind the receivers would have got it. */
function collecting() {
  const got = { deliveries: [] as Delivery[], letters: [] as Letter[] };
  const door = {
    tenantOf: () => 't',
    enter: () => () => undefined,
    deliver: async (delivery: Delivery) => void got.deliveries.push(delivery),
    answerLost: () => undefined,
    storedLately: () => undefined,
    repeated: () => undefined,
    deadLetters: async (letters: readonly Letter[]) => void got.letters.push(...letters),
  };
  return { got, door };
}

function otlp(signal: Signal, encoding: 'protobuf' | 'json', contentEncoding = ''): Decode {
  const { got, door } = collecting();
  const intake = createOtlpIntake({ ...deps, door });
  return async (bytes) => {
    got.deliveries = [];
    got.letters = [];
    try {
      const answer = await intake({
        tenant: 't',
        signal,
        encoding,
        contentEncoding,
        raw: Buffer.from(bytes),
      });
      return answer.length + sizeOf(got.deliveries.flatMap((delivery) => delivery.blocks));
    } catch (error) {
      // What nobody can read is never lost without a trace.
      if (error instanceof MalformedError && got.letters.length !== 1) throw new Error('no dead letter');
      throw error;
    }
  };
}

const at = `${Date.now()}000000`;
const ids = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const attributes = [
  { key: 'text', value: { stringValue: 'ü' } },
  { key: 'list', value: { arrayValue: { values: [{ intValue: '-5' }, { kvlistValue: { values: [] } }] } } },
];
const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] };
const point = {
  timeUnixNano: at,
  asDouble: 1.5,
  attributes,
  exemplars: [{ timeUnixNano: at, asInt: '3', ...ids }],
};
const requests: Record<Signal, unknown> = {
  logs: {
    resourceLogs: [
      {
        resource,
        scopeLogs: [
          {
            scope: { name: 'lib', attributes },
            logRecords: [{ timeUnixNano: at, body: { stringValue: 'x 1' }, attributes, ...ids }],
          },
        ],
      },
    ],
  },
  traces: {
    resourceSpans: [
      {
        resource,
        scopeSpans: [
          {
            scope: { name: 'lib' },
            spans: [
              {
                ...ids,
                name: 'GET',
                kind: 2,
                startTimeUnixNano: at,
                endTimeUnixNano: at,
                attributes,
                events: [{ timeUnixNano: at, name: 'e', attributes }],
                links: [{ ...ids, attributes }],
                status: { code: 2, message: 'm' },
              },
            ],
          },
        ],
      },
    ],
  },
  metrics: {
    resourceMetrics: [
      {
        resource,
        scopeMetrics: [
          {
            metrics: [
              { name: 's', sum: { dataPoints: [point], aggregationTemporality: 2, isMonotonic: true } },
              {
                name: 'h',
                histogram: {
                  dataPoints: [{ timeUnixNano: at, count: 1, bucketCounts: [1, 0], explicitBounds: [2] }],
                },
              },
              {
                name: 'e',
                exponentialHistogram: {
                  dataPoints: [{ timeUnixNano: at, positive: { offset: 1, bucketCounts: [3, 4] } }],
                },
              },
              {
                name: 'q',
                summary: { dataPoints: [{ timeUnixNano: at, quantileValues: [{ quantile: 1, value: 2 }] }] },
              },
            ],
          },
        ],
      },
    ],
  },
};
const wireOf = (signal: Signal) => jsonToWire(signal, JSON.stringify(requests[signal]));

const zipkinSpan = {
  ...{ traceId: ids.traceId, id: ids.spanId, parentId: '17', kind: 'CLIENT', name: 'query' },
  timestamp: Date.now() * 1000,
  duration: 1500,
  localEndpoint: { serviceName: 'shop', ipv4: '10.0.0.1', port: 8080 },
  remoteEndpoint: { serviceName: 'db', ipv6: '::1', port: 5432 },
  annotations: [{ timestamp: Date.now() * 1000, value: '"retry": {"attempt": 2}' }],
  tags: { a: 'b', error: 'x', 'service.version': '1' },
};
const jaegerSpan = {
  ...{ traceIdLow: 1n, traceIdHigh: 2n, spanId: 3n, operationName: 'x' },
  startTime: BigInt(Date.now()) * 1000n,
  duration: 5n,
  references: [{ refType: 1, traceIdLow: 5n, spanId: 6n }],
  tags: { a: 'b', n: 1n, d: 0.5, b: true, raw: Buffer.from([1]), error: true },
  logs: [{ timestamp: 5n, fields: { event: 'e' } }],
};
function spans(make: typeof zipkinReader, contentType: string): Decode {
  const reader = make(deps);
  return (bytes) => {
    const { blocks, records, rejected } = reader.transcode('t', bytes, contentType);
    if (!Number.isSafeInteger(records + rejected)) throw new Error('a count is no number');
    return sizeOf(blocks);
  };
}

const zipkinMessage = zipkinProtobuf({ ...zipkinSpan, remoteEndpoint: { ipv4: '10.0.0.2' } });
const jaegerMessage = jaegerBatch({ serviceName: 's', tags: { hostname: 'h' } }, [jaegerSpan, jaegerSpan]);
const cases: [string, Decoder][] = [
  ...(['logs', 'traces', 'metrics'] as const).flatMap((signal): [string, Decoder][] => [
    [`OTLP ${signal}, protobuf`, ofBytes(otlp(signal, 'protobuf'), wireOf(signal))],
    [`OTLP ${signal}, JSON`, ofJson(otlp(signal, 'json'), requests[signal])],
    [`OTLP ${signal}, gzip`, ofPacked(otlp(signal, 'protobuf', 'gzip'), wireOf(signal))],
  ]),
  ['Zipkin, JSON', ofJson(spans(zipkinReader, 'application/json'), [zipkinSpan, zipkinSpan])],
  ['Zipkin, protobuf', ofBytes(spans(zipkinReader, 'application/x-protobuf'), zipkinMessage)],
  ['Jaeger, Thrift', ofBytes(spans(jaegerReader, 'application/x-thrift'), jaegerMessage)],
];

describeDecoders(cases, testSeed);

it('an annotation of ten million characters is cut, whatever it looks like', async () => {
  for (const value of [`"${'a'.repeat(10_000_000)}`, `"a": {"b": "${'c'.repeat(10_000_000)}"}`]) {
    const annotations = [{ timestamp: zipkinSpan.timestamp, value }];
    const body = Buffer.from(JSON.stringify([{ ...zipkinSpan, annotations }]));
    expect(await spans(zipkinReader, 'application/json')(body)).toBeLessThan(10_000);
  }
});
