import { describe, expect, it } from 'vitest';
import { type Attribute, type AttributeValue, SpanSink, takeStatus } from './span-sink.ts';

const limits = { attributeBytesMax: 100, bodyFieldBytesMax: 100, clockSkewS: 60 };
const nowMs = Date.UTC(2026, 0, 2);
const span = {
  traceId: new Uint8Array(16).fill(1),
  spanId: new Uint8Array(8).fill(2),
  parentId: new Uint8Array(0),
  traceState: '',
  name: 'x',
  kind: 1,
  startNs: BigInt(nowMs) * 1_000_000n,
  durationNs: 5n,
  scope: { name: '', version: '' },
  attributes: [],
  events: [],
  links: [],
  status: 0,
  statusMessage: '',
} as const;
const collect = (sink: SpanSink, fill: () => void) => sink.collect('t', nowMs, fill);
const bytesOf = (result: { blocks: { bytes: Uint8Array }[] }) =>
  result.blocks.map((block) => Buffer.from(block.bytes).toString('hex'));

describe('the sink of spans', () => {
  it('refuses a request whose process would be repeated until the memory is full, and is as new afterwards', () => {
    const tags = Array.from({ length: 10_000 }, (_, index): Attribute => [`t${index}`, 1n]);
    const sink = new SpanSink(limits);
    const fill = () => {
      sink.resource(tags);
      for (let count = 0; count < 1_000; count++) sink.record(span);
    };
    expect(() => collect(sink, fill)).toThrow(/more than 8000000 values/);
    const one = (target: SpanSink) =>
      collect(target, () => {
        target.resource([['service.name', 'shop']]);
        target.record(span);
      });
    expect(bytesOf(one(sink))).toEqual(bytesOf(one(new SpanSink(limits))));
  });

  it('refuses a million refused spans', () => {
    const sink = new SpanSink(limits);
    const fill = () => {
      for (let count = 0; count < 1_100_000; count++) sink.reject('bad', new Uint8Array(1));
    };
    expect(() => collect(sink, fill)).toThrow(/more than 8000000 values/);
  });

  it('takes times that no clock shows', () => {
    const sink = new SpanSink(limits);
    const fill = () => {
      sink.resource([]);
      for (const startNs of [-1n, 0n, 1n << 63n, 1n << 70n]) {
        sink.record({ ...span, startNs });
        sink.record({ ...span, durationNs: startNs });
      }
    };
    expect(collect(sink, fill)).toMatchObject({ records: 8, rejected: 0 });
  });
});

describe('the status of a span', () => {
  const table: [Record<string, AttributeValue>, number, string, string[]][] = [
    [{}, 0, '', []],
    [{ error: 'false' }, 0, '', []],
    [{ error: false }, 0, '', []],
    [{ error: true }, 2, '', []],
    [{ error: 'TRUE' }, 2, '', []],
    [{ error: '' }, 2, '', []],
    [{ error: 'boom' }, 2, 'boom', []],
    [{ error: true, 'otel.status_description': 'why' }, 2, 'why', []],
    [{ 'otel.status_code': 'ERROR' }, 2, '', []],
    [{ 'otel.status_code': 'ERROR', error: 'boom' }, 2, 'boom', []],
    [{ 'otel.status_code': 'OK' }, 1, '', []],
    [{ 'otel.status_code': 'OK', error: 'x' }, 1, '', ['error']],
    [{ 'otel.status_code': 'UNSET', a: 'b' }, 0, '', ['a']],
  ];
  it.each(table)('of %o', (tags, status, statusMessage, left) => {
    const map = new Map(Object.entries(tags));
    expect(takeStatus(map)).toEqual({ status, statusMessage });
    expect([...map.keys()]).toEqual(left);
  });
});
