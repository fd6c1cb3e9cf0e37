import { describe, expect, it } from 'vitest';
import { jsonToWire } from './json.ts';
import { LogsTranscoder } from './logs.ts';
import { MetricsTranscoder } from './metrics.ts';
import { TracesTranscoder } from './traces.ts';
import type { Transcoder } from './transcoder.ts';
import { MalformedError } from './wire.ts';

const limits = { attributeBytesMax: 100, bodyFieldBytesMax: 100, clockSkewS: 60 };
const nowMs = Date.UTC(2026, 0, 2);
const at = `${nowMs}000000`;
const attributes = [
  { key: 'text', value: { stringValue: 'value ü' } },
  { key: 'int', value: { intValue: '-5' } },
  { key: 'list', value: { arrayValue: { values: [{ doubleValue: 1.5 }, { kvlistValue: { values: [] } }] } } },
];
const ids = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] };
const scope = { name: 'lib', version: '1', attributes };
const number = {
  timeUnixNano: at,
  asDouble: 1.5,
  attributes,
  exemplars: [{ timeUnixNano: at, asInt: '3', ...ids }],
};

const requests: { signal: 'logs' | 'traces' | 'metrics'; make: () => Transcoder; json: unknown }[] = [
  {
    signal: 'logs',
    make: () => new LogsTranscoder(limits),
    json: {
      resourceLogs: [
        {
          resource,
          scopeLogs: [
            { scope, logRecords: [{ timeUnixNano: at, body: { stringValue: 'x 1' }, attributes, ...ids }] },
          ],
        },
      ],
    },
  },
  {
    signal: 'traces',
    make: () => new TracesTranscoder(limits),
    json: {
      resourceSpans: [
        {
          resource,
          scopeSpans: [
            {
              scope,
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
  },
  {
    signal: 'metrics',
    make: () => new MetricsTranscoder(limits),
    json: {
      resourceMetrics: [
        {
          resource,
          scopeMetrics: [
            {
              scope,
              metrics: [
                { name: 'g', unit: '1', gauge: { dataPoints: [number] } },
                { name: 's', sum: { dataPoints: [number], aggregationTemporality: 2, isMonotonic: true } },
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
                  summary: {
                    dataPoints: [{ timeUnixNano: at, quantileValues: [{ quantile: 1, value: 2 }] }],
                  },
                },
              ],
            },
          ],
        },
      ],
    },
  },
];

/** A linear congruential generator: the same bytes are broken in every run. */
function makeRandom(): (below: number) => number {
  let state = 42;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 4_294_967_296) * below);
  };
}

describe.each(requests)('the reader of $signal', ({ signal, make, json }) => {
  const valid = jsonToWire(signal, JSON.stringify(json));
  const first = () =>
    make()
      .transcode('t', valid, nowMs)
      .blocks.map((block) => Buffer.from(block.bytes).toString('hex'));

  it('refuses or reads any broken bytes, and is unharmed by them', () => {
    const next = makeRandom();
    const transcoder = make();
    let refused = 0;
    for (let round = 0; round < 4000; round++) {
      const bytes = Uint8Array.from(valid);
      for (let flips = 1 + next(4); flips > 0; flips--) bytes[next(bytes.length)] = next(256);
      const broken = round % 3 === 0 ? bytes.subarray(0, next(bytes.length)) : bytes;
      try {
        transcoder.transcode('t', broken, nowMs);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedError);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(500);
    // Its buffers and dictionaries are as new: the same request gives the same bytes as in a fresh one.
    if (signal === 'metrics' && transcoder instanceof MetricsTranscoder) transcoder.forget();
    const again = transcoder
      .transcode('t', valid, nowMs)
      .blocks.map((block) => Buffer.from(block.bytes).toString('hex'));
    expect(again).toEqual(first());
  });

  it('refuses every truncation that ends inside a field, without reading past the end', () => {
    const transcoder = make();
    for (let length = 1; length < valid.length; length++) {
      expect(() => transcoder.transcode('t', valid.subarray(0, length), nowMs)).toThrow(MalformedError);
    }
    expect(transcoder.transcode('t', valid.subarray(0, 0), nowMs)).toMatchObject({ blocks: [], records: 0 });
  });

  it('ignores fields that it does not know', () => {
    const unknown = Buffer.concat([Buffer.from([0xfa, 0x7f, 3, 1, 2, 3, 0xf8, 0x7f, 1]), valid]);
    const blocks = make().transcode('t', unknown, nowMs).blocks;
    expect(blocks.map((block) => Buffer.from(block.bytes).toString('hex'))).toEqual(first());
  });
});

describe('nesting', () => {
  it('beyond the bound is refused, not a stack overflow', () => {
    const wrap = (tag: number, inner: Buffer): Buffer => {
      const length: number[] = [];
      for (let rest = inner.length; ; rest >>>= 7) {
        length.push(rest >= 0x80 ? (rest & 0x7f) | 0x80 : rest);
        if (rest < 0x80) break;
      }
      return Buffer.concat([Buffer.from([tag, ...length]), inner]);
    };
    let value: Buffer = Buffer.from([0x10, 1]);
    for (let depth = 0; depth < 5000; depth++) value = wrap(0x2a, wrap(0x0a, value));
    const record = wrap(0x2a, value);
    const request = wrap(0x0a, wrap(0x12, wrap(0x12, record)));
    expect(() => new LogsTranscoder(limits).transcode('t', request, nowMs)).toThrow(/nested deeper than 64/);
    let json = '1';
    for (let depth = 0; depth < 5000; depth++) json = `{"arrayValue":{"values":[${json}]}}`;
    const text = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":${json}}]}]}]}`;
    expect(() => jsonToWire('logs', text)).toThrow(MalformedError);
  });
});
