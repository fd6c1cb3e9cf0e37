import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClewError } from '../../lib/index.ts';
import { MalformedError } from '../otlp/wire.ts';
import { readAwsBody } from './aws.ts';
import { readAzure } from './azure.ts';
import { readFirehose, readFirehoseRecords } from './firehose.ts';
import { readHubble } from './hubble.ts';
import { CloudFlowSink } from './out.ts';

/** Set to repeat a run; fast-check prints the seed of a failure as well. */
const seed = 20_261_120;
const runs = { seed, numRuns: 1_500 };
const limit = 1_000_000;

type Decode = (body: Buffer, out: CloudFlowSink) => void;

const budget = () => ({ left: limit, limit });
const line = '2 1 eni-0a 10.0.0.5 192.0.2.9 49152 443 6 12 3400 1700000000 1700000060 ACCEPT OK';
const envelope = JSON.stringify({ messageType: 'DATA_MESSAGE', logEvents: [{ message: line }] });
const tuple2 = '1700000000,10.0.0.4,10.0.0.5,4567,53,U,O,D,B,1,2,3,4';
const tuple4 = '1700000000599,10.0.0.6,192.0.2.4,23956,443,6,O,B,NX,1,60,2,120';
const end = { namespace: 'n', pod_name: 'p', labels: ['a'], workloads: [{ name: 'w' }], identity: 1 };

const decoders: Record<string, { good: string[]; decode: Decode }> = {
  'aws-vpc': {
    good: [
      `${line}\n`,
      envelope,
      JSON.stringify({ message: line }),
      `srcaddr dstaddr bytes\n10.0.0.1 10.0.0.2 7\n`,
    ],
    decode: (body, out) => readAwsBody(body, undefined, out, budget()),
  },
  'aws-firehose': {
    good: [
      JSON.stringify({
        requestId: 'r',
        records: [line, gzipSync(envelope)].map((data) => ({ data: Buffer.from(data).toString('base64') })),
      }),
    ],
    decode: (body, out) => readFirehoseRecords(readFirehose(body).records, undefined, [], out, budget()),
  },
  azure: {
    good: [
      JSON.stringify({
        records: [
          {
            resourceId: '/SUBSCRIPTIONS/A',
            properties: { Version: 2, flows: [{ rule: 'r', flows: [{ mac: 'm', flowTuples: [tuple2] }] }] },
          },
        ],
      }),
      JSON.stringify({
        records: [
          { flowRecords: { flows: [{ aclID: 'a', flowGroups: [{ rule: 'r', flowTuples: [tuple4] }] }] } },
        ],
      }),
    ],
    decode: (body, out) => readAzure(body.toString(), out),
  },
  hubble: {
    good: [
      `${JSON.stringify({ flow: { time: '2026-01-01T00:00:00.1Z', verdict: 'FORWARDED', IP: { source: '10.0.0.1', destination: '10.0.0.2' }, l4: { TCP: { source_port: 1, destination_port: 2, flags: { SYN: true } } }, source: end, destination: end, l7: { http: {} } } })}\n{"lost_events":{"num_events_lost":3}}\n`,
    ],
    decode: (body, out) => readHubble(body.toString(), out),
  },
};

/** Words that break readers more often than noise does. */
const nasty = [
  'null',
  '{}',
  '[]',
  '"',
  '-1',
  '1e999',
  '99999999999999999999',
  '\u0000',
  '\ud800',
  '__proto__',
  ' ',
  '\n',
  ',',
  '-',
  '[['.repeat(3_000),
  '\u001f\u008b',
];

const spoilt = (good: readonly string[]): fc.Arbitrary<Buffer> =>
  fc
    .tuple(
      fc.constantFrom(...good),
      fc.array(
        fc.tuple(fc.nat(2_000), fc.nat(12), fc.oneof(fc.constantFrom(...nasty), fc.string({ maxLength: 4 }))),
        {
          maxLength: 5,
        },
      ),
    )
    .map(([text, changes]) => {
      let spoiled = text;
      for (const [place, out, put] of changes) {
        const at = place % (spoiled.length + 1);
        spoiled = spoiled.slice(0, at) + put + spoiled.slice(at + out);
      }
      return Buffer.from(spoiled);
    });

/** Typed errors only; what was not kept was counted; nothing of a request that failed is left for the next. */
function holds(decode: Decode, bodies: fc.Arbitrary<Buffer>, options: fc.Parameters<[Buffer]> = runs): void {
  const sink = new CloudFlowSink({ attributeBytesMax: 256, bodyFieldBytesMax: 256, clockSkewS: 60 });
  const property = fc.property(bodies, (body) => {
    try {
      const { records, rejected, blocks } = sink.collect('t', 0, () => decode(body, sink));
      expect([sink.report.accepted, sink.report.rejected]).toEqual([records, rejected]);
      expect(blocks.reduce((sum, block) => sum + block.rows, 0)).toBe(records);
      expect(records + rejected).toBeLessThanOrEqual(body.length);
      for (const { reason } of sink.report.errors) expect(reason.length).toBeLessThan(400);
    } catch (error) {
      const typed = error instanceof MalformedError || error instanceof ClewError;
      if (!typed) throw error;
      expect(error.message.length).toBeLessThan(600);
    }
  });
  fc.assert(property, options);
}

describe('decoders of flow logs survive anything', () => {
  it.each(Object.entries(decoders))('%s, spoilt', (_, { good, decode }) => {
    for (const text of good) {
      const sink = new CloudFlowSink({ attributeBytesMax: 256, bodyFieldBytesMax: 256, clockSkewS: 60 });
      const { records, rejected } = sink.collect('t', 0, () => decode(Buffer.from(text), sink));
      expect([records > 0, rejected]).toEqual([true, 0]);
    }
    holds(decode, spoilt(good));
  });

  it.each(Object.entries(decoders))('%s, noise', (_, { decode }) => {
    holds(
      decode,
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    );
    holds(
      decode,
      fc.json({ maxDepth: 6 }).map((text) => Buffer.from(text)),
    );
  });

  it('the same property catches a decoder that trusts the form of its input (canary)', () => {
    const trusting: Decode = (body, out) => {
      const { flow } = JSON.parse(body.toString().split('\n')[0] ?? '');
      if (flow.IP.source.length > 0) decoders.hubble?.decode(body, out);
    };
    expect(() => holds(trusting, spoilt(decoders.hubble?.good ?? []), { ...runs, numRuns: 300 })).toThrow(
      /seed/,
    );
  });
});
