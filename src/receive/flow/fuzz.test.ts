import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlowSink } from '../flow-sink.ts';
import { Collector } from './collector.ts';
import { recordsMax } from './out.ts';
import {
  bytesOf,
  exporter,
  flowSample,
  ipfix,
  ipfixOptions,
  netflow5,
  netflow9,
  netflow9Options,
  nowMs,
  part,
  plain,
  rawHeader,
  record,
  set,
  sflow,
  tcpFrame,
  template,
} from './testing.ts';

/** Set to repeat a run; fast-check prints the seed of a failure as well. */
const seed = 20_261_120;
const runs = { seed, numRuns: 1_000 };

const valid: Record<string, Buffer[]> = {
  netflow5: [netflow5({ records: [{}, {}] })],
  netflow9: [
    netflow9(1, set(0, template(300, plain)), set(300, record())),
    netflow9(
      2,
      set(
        1,
        netflow9Options(
          400,
          [[1, 4]],
          [
            [48, 1],
            [50, 4],
          ],
        ),
        true,
      ),
      set(400, Buffer.alloc(9), true),
    ),
  ],
  ipfix: [
    ipfix(
      0,
      set(2, template(256, [...plain, [82, 0xffff], [5, 4, 9], [154, 8]])),
      set(256, Buffer.alloc(60, 1)),
    ),
    ipfix(
      1,
      set(
        3,
        ipfixOptions(257, 1, [
          [149, 4],
          [160, 8],
          [305, 4],
        ]),
      ),
      set(257, Buffer.alloc(16, 1)),
    ),
  ],
  sflow: [
    sflow(1, flowSample(64, rawHeader(tcpFrame), part(1_003, Buffer.alloc(44)))),
    sflow(2, part(3, bytesOf(Buffer.alloc(40), [1, 4], rawHeader(tcpFrame)))),
  ],
};

/** Some bytes of a good datagram changed, taken out, put in or cut off. */
const spoilt = (good: readonly Buffer[]): fc.Arbitrary<Buffer> =>
  fc
    .tuple(
      fc.constantFrom(...good),
      fc.array(
        fc.tuple(fc.nat(200), fc.constantFrom('set', 'cut', 'put', 'end'), fc.integer({ min: 0, max: 255 })),
        {
          maxLength: 8,
        },
      ),
    )
    .map(([datagram, changes]) => {
      let bytes = Buffer.from(datagram);
      for (const [place, what, value] of changes) {
        const at = bytes.length === 0 ? 0 : place % bytes.length;
        if (what === 'set' && bytes.length > 0) bytes[at] = value;
        else if (what === 'cut') bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
        else if (what === 'put')
          bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([value]), bytes.subarray(at)]);
        else if (what === 'end') bytes = Buffer.from(bytes.subarray(0, Math.max(at, 2)));
      }
      return bytes;
    });

type Decode = (datagrams: readonly Buffer[]) => { flows: number; rejected: string[] };

/** What holds for all bytes: nothing is thrown, every flow can be stored, and there are never more than bytes allow. */
function holds(
  decode: Decode,
  datagrams: fc.Arbitrary<Buffer>,
  options: fc.Parameters<[Buffer[]]> = runs,
): void {
  const property = fc.property(fc.array(datagrams, { minLength: 1, maxLength: 4 }), (sent) => {
    const { flows, rejected } = decode(sent);
    const bytes = sent.reduce((sum, datagram) => sum + datagram.length, 0);
    expect(flows).toBeLessThanOrEqual(Math.min(bytes, recordsMax * sent.length));
    expect(rejected.length).toBeLessThanOrEqual(bytes / 4 + sent.length);
    for (const reason of rejected) expect(reason.length).toBeLessThan(300);
  });
  fc.assert(property, options);
}

const decode: Decode = (datagrams) => {
  const sink = new FlowSink({ attributeBytesMax: 256, clockSkewS: 60 });
  const rejected: string[] = [];
  sink.receivedAt(nowMs);
  const collector = new Collector({
    flow: (flow) => sink.row('t', flow),
    reject: (_, reason) => void rejected.push(reason),
  });
  for (const datagram of datagrams) collector.datagram(datagram, exporter, nowMs);
  collector.expire(Number.POSITIVE_INFINITY);
  const { records, blocks } = sink.take();
  expect(blocks.reduce((sum, block) => sum + block.rows, 0)).toBe(records);
  return { flows: records, rejected };
};

describe('flow decoders survive anything', () => {
  it.each(Object.keys(valid))('%s, spoilt', (name) => {
    // What is spoilt must have been good, or nothing deep is ever reached.
    expect(decode(valid[name] ?? []).rejected).toEqual([]);
    holds(decode, spoilt(valid[name] ?? []));
  });

  it('noise under each header', () => {
    const header = fc.constantFrom([0, 5], [0, 9], [0, 10], [0, 0, 0, 5], []);
    const noise = fc
      .tuple(header, fc.uint8Array({ maxLength: 400 }))
      .map(([head, tail]) => Buffer.from([...head, ...tail]));
    holds(decode, noise);
  });

  it('the same property catches a decoder that trusts a length it was sent (canary)', () => {
    const trusting: Decode = (datagrams) => {
      for (const datagram of datagrams) {
        const length = datagram.length >= 24 ? datagram.readUInt16BE(22) : 4;
        if (20 + length <= datagram.length + 8) continue;
        throw new RangeError('read beyond the end');
      }
      return decode(datagrams);
    };
    expect(() => holds(trusting, spoilt(valid.netflow9 ?? []), { ...runs, numRuns: 500 })).toThrow(/seed/);
  });
});
