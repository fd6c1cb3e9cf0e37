/** Broken bytes for the decoders of what Prometheus, Loki's agents and Elasticsearch's shippers push. */
import { snappyDecompress } from '../../src/lib/index.ts';
import { readBulk } from '../../src/receive/elastic/bulk.ts';
import { LogSink } from '../../src/receive/log-sink.ts';
import { readPushJson } from '../../src/receive/loki/json.ts';
import { readPushProtobuf } from '../../src/receive/loki/protobuf.ts';
import { StreamWriter } from '../../src/receive/loki/streams.ts';
import type { Version } from '../../src/receive/remote-write/request.ts';
import { RemoteWriteTranscoder } from '../../src/receive/remote-write/transcoder.ts';
import { type Decode, type Decoder, describeDecoders, ofBytes, ofJson, ofPacked } from '../support/fuzz.ts';
import {
  bytes,
  encodeFirst,
  encodeSecond,
  int,
  type Series,
  snappyOf,
  string,
} from '../support/remote-write.ts';
import { testSeed } from '../support/seed.ts';

process.stdout.write(`fuzz-push seed ${testSeed}\n`);

const nowMs = Date.UTC(2026, 0, 2);
const limits = { bodyBytesMax: 200_000, attributeBytesMax: 100, bodyFieldBytesMax: 100, clockSkewS: 60 };
const sizeOf = (blocks: readonly { bytes: Uint8Array }[]) =>
  blocks.reduce((sum, block) => sum + block.bytes.length, 0);

function remoteWrite(version: Version): Decode {
  const transcoder = new RemoteWriteTranscoder(limits);
  return (body) => {
    const { blocks, samples, histograms, rejected } = transcoder.transcode('t', body, version, nowMs);
    if (!Number.isSafeInteger(samples + histograms + rejected)) throw new Error('a count is no number');
    return sizeOf(blocks);
  };
}

const up: [string, string] = ['__name__', 'up'];
const series: Series[] = [
  {
    labels: [up, ['instance', 'a:1'], ['job', 'j']],
    samples: [
      { value: 1, at: nowMs },
      { at: nowMs, stale: true },
    ],
    exemplars: [{ labels: [['trace_id', 'ab'.repeat(16)]], value: 1, at: nowMs }],
    metadata: { type: 1, help: 'h', unit: 's' },
    created: nowMs - 5,
  },
  {
    labels: [['__name__', 'h']],
    histograms: [
      {
        at: nowMs,
        count: 3,
        positiveSpans: [
          [0, 1],
          [2, 1],
        ],
        positiveDeltas: [1, 0],
        negativeSpans: [[1, 1]],
        negativeDeltas: [1],
      },
      {
        at: nowMs,
        floatCount: 3,
        schema: -53,
        bounds: [1, 2],
        positiveSpans: [[0, 3]],
        positiveCounts: [1, 1, 1],
      },
    ],
  },
];

/** Everything through one sink, as a server has it: what a broken message leaves behind would be found in the next. */
function logs(read: (bytes: Uint8Array, sink: LogSink, out: StreamWriter) => void): Decode {
  const sink = new LogSink(limits);
  const out = new StreamWriter(sink);
  return (body) => sizeOf(sink.collect('t', nowMs, () => read(body, sink, out)).blocks);
}

const lokiEntry = (line: string) => [
  ...bytes(1, [...int(1, nowMs / 1000), ...int(2, 5)]),
  ...string(2, line),
  ...bytes(3, [...string(1, 'trace_id'), ...string(2, 'abc')]),
];
const lokiPush = Uint8Array.from(
  bytes(1, [
    ...string(1, '{app="shop", env="prod"}'),
    ...bytes(2, lokiEntry('level=warn x=1')),
    ...bytes(2, lokiEntry('two')),
  ]),
);
const lokiJson = {
  streams: [
    {
      stream: { app: 'shop', env: 'prod' },
      values: [
        [`${nowMs}000000`, 'level=warn x=1', { trace_id: 'abc' }],
        [`${nowMs}000001`, 'two'],
      ],
    },
  ],
};
const bulk = Buffer.from(
  [
    '{"create":{"_index":"a","_id":"1"}}',
    '{"@timestamp":"2026-01-01T00:00:00Z","message":"m","log":{"level":"warn"},"labels":{"a":[1,null]}}',
    '{"index":{"_index":"b"}}',
    '{"@timestamp":1767225600000,"message":"two","service":{"name":"shop"}}',
    '',
  ].join('\n'),
);

const packedWrite: Decode = (body) => remoteWrite(1)(snappyDecompress(body, limits.bodyBytesMax));
const decoders: [string, Decoder][] = [
  ['remote write 1.0', ofBytes(remoteWrite(1), encodeFirst(series))],
  ['remote write 2.0', ofBytes(remoteWrite(2), encodeSecond(series))],
  ['remote write in snappy', ofPacked(packedWrite, encodeFirst(series), snappyOf)],
  [
    'Loki, protobuf',
    ofBytes(
      logs((body, _sink, out) => readPushProtobuf(body, out)),
      lokiPush,
    ),
  ],
  [
    'Loki, JSON',
    ofJson(
      logs((body, _sink, out) => readPushJson(Buffer.from(body).toString(), out)),
      lokiJson,
    ),
  ],
  [
    'Elasticsearch bulk',
    ofBytes(
      logs((body, sink) => void readBulk(Buffer.from(body), '', sink, () => 'made')),
      bulk,
    ),
  ],
];

describeDecoders(decoders, testSeed);
