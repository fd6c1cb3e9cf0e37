/** Prometheus remote write over HTTP: what is kept, as SQL sees it, and what is answered. */
import { zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { encodeFirst, encodeSecond, type Histogram, type Series, snappyOf } from '../support/remote-write.ts';
import {
  address,
  config,
  first,
  letters,
  makeServer,
  post,
  pretended,
  rows,
  sendFirst,
  sendSecond,
  useRemoteWrite,
  writtenOf,
} from './remote-write-harness.ts';

useRemoteWrite();

const now = Math.floor(Date.now() / 1000) * 1000;
const named = (name: string, ...labels: [string, string][]): [string, string][] => [
  ['__name__', name],
  ...labels,
];
const typed = (metric: string) =>
  rows('metric_series FINAL', metric, 'MetricType, Temporality, IsMonotonic, Unit, Description');

describe.each(['1.0', '2.0'])('remote write %s', (version) => {
  const v = version.slice(0, 1);
  const send = version === '1.0' ? (series: Series[]) => sendFirst(series) : sendSecond;

  it('keeps samples with their labels, service, instance and exact values; a stale marker is no value', async () => {
    const metric = `requests_total_${v}`;
    const labels = named(metric, ['code', '200'], ['empty', ''], ['instance', 'h:9'], ['job', 'shop']);
    const answer = await send([
      {
        labels,
        samples: [
          { value: 0.1, at: now - 2000 },
          { value: Number.POSITIVE_INFINITY, at: now - 1000 },
          { stale: true, at: now },
        ],
      },
    ]);
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(writtenOf(answer.headers)).toEqual(version === '2.0' ? ['3', '0', '0'] : [null, null, null]);
    const kept = await rows(
      'metric_samples',
      metric,
      'ServiceName, toUnixTimestamp64Milli(Timestamp) AS at, toString(Value) AS value, Flags',
    );
    expect(kept.map((row) => [row.ServiceName, Number(row.at), row.value, row.Flags])).toEqual([
      ['shop', now - 2000, '0.1', 0],
      ['shop', now - 1000, 'inf', 0],
      ['shop', now, 'nan', 1],
    ]);
    const series = await rows('metric_series', metric);
    expect(series).toHaveLength(1);
    expect(series[0]).toMatchObject({
      ServiceName: 'shop',
      Attributes: { code: '200', instance: 'h:9', job: 'shop' },
      ResourceAttributes: { 'service.name': 'shop', 'service.instance.id': 'h:9' },
    });
  });

  it.each([
    [
      [
        ['service_name', 'a'],
        ['service', 'b'],
        ['job', 'c'],
        ['app', 'd'],
      ],
      'a',
    ],
    [
      [
        ['app', 'd'],
        ['job', 'c'],
        ['service', 'b'],
      ],
      'b',
    ],
    [
      [
        ['app', 'd'],
        ['job', 'c'],
        ['service', ''],
      ],
      'c',
    ],
    [[['app', 'd']], 'd'],
    [[['other', 'e']], 'unknown_service'],
  ] as [[string, string][], string][])('names the service of %j', async (labels, service) => {
    const metric = `service_${v}_${service}`;
    await send([{ labels: named(metric, ...labels), samples: [{ value: 1, at: now }] }]);
    expect(await rows('metric_samples', metric, 'ServiceName')).toEqual([{ ServiceName: service }]);
  });

  it('gives a series one id whatever the order of its labels, and one row', async () => {
    const metric = `order_${v}`;
    const samples = [{ value: 1, at: now }];
    await send([
      { labels: named(metric, ['a', '1'], ['b', '2']), samples },
      { labels: [['b', '2'], ...named(metric), ['a', '1']], samples },
      { labels: named(metric, ['a', '2'], ['b', '1']), samples },
    ]);
    const kept = await rows('metric_samples', metric, 'toString(SeriesId) AS id');
    expect(new Set(kept.map(({ id }) => id)).size).toBe(2);
    expect(kept[0]).toEqual(kept[1]);
    expect(await rows('metric_series', metric, 'SeriesId')).toHaveLength(2);
  });

  it('keeps native histograms with every bucket from the first to the last', async () => {
    const metric = `duration_${v}`;
    const integer: Histogram = {
      at: now - 1000,
      count: 14,
      sum: 18.4,
      schema: 1,
      zeroThreshold: 0.001,
      zero: 2,
      positiveSpans: [
        [0, 2],
        [2, 2],
      ],
      positiveDeltas: [1, 1, -1, 0],
      negativeSpans: [[-3, 2]],
      negativeDeltas: [3, 1],
      resetHint: 1,
    };
    const float: Histogram = {
      at: now,
      floatCount: 5.6,
      sum: 2.5,
      schema: 2,
      floatZero: 1.4,
      positiveSpans: [[4, 2]],
      positiveCounts: [1.2, 3],
    };
    const answer = await send([
      { labels: named(metric), histograms: [integer, float, { at: now + 1, stale: true }] },
    ]);
    expect([answer.status, answer.text]).toEqual([204, '']);
    if (version === '2.0') expect(writtenOf(answer.headers)).toEqual(['0', '3', '0']);
    const kept = await rows(
      'metric_histograms',
      metric,
      `toUInt32(Count) AS count, Sum, Scale, toUInt32(ZeroCount) AS zero, ZeroThreshold, PositiveOffset, NegativeOffset,
       arrayMap(x -> toUInt32(x), PositiveBucketCounts) AS positive, arrayMap(x -> toUInt32(x), NegativeBucketCounts) AS negative,
       Flags, length(BucketCounts) + length(ExplicitBounds) AS explicit`,
    );
    expect(kept).toEqual([
      {
        count: 14,
        Sum: 18.4,
        Scale: 1,
        zero: 2,
        ZeroThreshold: 0.001,
        PositiveOffset: -1,
        NegativeOffset: -4,
        positive: [1, 2, 0, 0, 1, 1],
        negative: [3, 4],
        Flags: 0,
        explicit: expect.anything(),
      },
      expect.objectContaining({
        count: 6,
        Sum: 2.5,
        Scale: 2,
        zero: 1,
        PositiveOffset: 3,
        positive: [1, 3],
        negative: [],
        Flags: 0,
      }),
      expect.objectContaining({ count: 0, Sum: 0, positive: [], Flags: 1 }),
    ]);
    expect(kept.map(({ explicit }) => Number(explicit))).toEqual([0, 0, 0]);
    expect(await typed(metric)).toEqual([
      expect.objectContaining({
        MetricType: 'exponential_histogram',
        Temporality: 'cumulative',
        IsMonotonic: 0,
      }),
    ]);
  });

  it('keeps histograms with custom buckets as explicit bounds', async () => {
    const metric = `custom_${v}`;
    const histogram: Histogram = {
      at: now,
      count: 6,
      sum: 9,
      schema: -53,
      bounds: [0.5, 1, 2.5],
      positiveSpans: [
        [1, 1],
        [1, 1],
      ],
      positiveDeltas: [2, 2],
    };
    expect((await send([{ labels: named(metric), histograms: [histogram] }])).status).toBe(204);
    const columns =
      'toUInt32(Count) AS count, arrayMap(x -> toUInt32(x), BucketCounts) AS counts, ExplicitBounds, Scale, PositiveBucketCounts';
    expect(await rows('metric_histograms', metric, columns)).toEqual([
      { count: 6, counts: [0, 2, 0, 4], ExplicitBounds: [0.5, 1, 2.5], Scale: 0, PositiveBucketCounts: [] },
    ]);
    expect(await typed(metric)).toEqual([expect.objectContaining({ MetricType: 'histogram' })]);
  });

  it('keeps exemplars beside their series, with trace and span', async () => {
    const metric = `exemplar_${v}_total`;
    const answer = await send([
      {
        labels: named(metric, ['job', 'shop']),
        samples: [{ value: 3, at: now }],
        exemplars: [
          {
            labels: [
              ['trace_id', '0AF7651916CD43DD8448EB211C80319C'],
              ['span_id', 'b7ad6b7169203331'],
              ['user', 'u1'],
            ],
            value: 0.25,
            at: now,
          },
          { labels: [['trace_id', 'short']], value: 1, at: now },
        ],
      },
    ]);
    expect([answer.status, answer.text]).toEqual([204, '']);
    if (version === '2.0') expect(writtenOf(answer.headers)).toEqual(['1', '0', '2']);
    const columns =
      'toString(SeriesId) AS id, ServiceName, TraceId, SpanId, Value, FilteredAttributes, toUnixTimestamp64Milli(Timestamp) = toInt64({at:UInt64}) AS same';
    const kept = await rows('metric_exemplars', metric, columns.replace('{at:UInt64}', String(now)));
    const [sample] = await rows('metric_samples', metric, 'toString(SeriesId) AS id');
    expect(kept).toEqual([
      {
        id: sample?.id,
        ServiceName: 'shop',
        TraceId: '0af7651916cd43dd8448eb211c80319c',
        SpanId: 'b7ad6b7169203331',
        Value: 0.25,
        FilteredAttributes: { user: 'u1' },
        same: 1,
      },
      expect.objectContaining({ TraceId: '', SpanId: '', FilteredAttributes: { trace_id: 'short' } }),
    ]);
  });

  it('refuses what is wrong with 400, keeps the rest, and says how many and why', async () => {
    const before = (await letters()).length;
    const metric = `partly_${v}`;
    const answer = await send([
      { labels: named(metric), samples: [{ value: 1, at: now }] },
      {
        labels: [['job', 'x']],
        samples: [
          { value: 1, at: now },
          { value: 2, at: now },
        ],
      },
      { labels: named(metric, ['a', '1'], ['a', '2']), samples: [{ value: 1, at: now }] },
    ]);
    expect([answer.status, answer.text, answer.headers.get('content-type')]).toEqual([
      400,
      '3 of 4 samples, histograms and exemplars were not kept; first reason: a series: the label __name__ is missing. They are in the dead letters.\n',
      'text/plain; charset=utf-8',
    ]);
    if (version === '2.0') expect(writtenOf(answer.headers)).toEqual(['1', '0', '0']);
    expect(await rows('metric_samples', metric)).toHaveLength(1);
    const kept = (await letters()).slice(before);
    expect(kept.map(({ Source }) => Source)).toEqual(
      Array(version === '2.0' ? 1 : 2).fill('prometheus/remote-write'),
    );
  });
});

describe('types', () => {
  it('come from the name until metadata tells them, in requests of its own (1.0)', async () => {
    const samples = [{ value: 1, at: now }];
    const names = [
      'a_total',
      'a_seconds_bucket',
      'a_seconds_sum',
      'a_seconds_count',
      'a_bytes',
      'a_odd_count',
      'a_events',
    ];
    const series = names.map((name) => ({ labels: named(name), samples }));
    expect((await sendFirst(series)).status).toBe(204);
    const types = async () =>
      Promise.all(names.map(async (name) => (await typed(name)).map((row) => row.MetricType).join()));
    expect(await types()).toEqual(['sum', 'sum', 'sum', 'sum', 'gauge', 'sum', 'gauge']);
    const told = await sendFirst(
      [],
      [
        { name: 'a_total', type: 1, help: 'All of them.' },
        { name: 'a_seconds', type: 3, help: 'How long.', unit: 'seconds' },
        { name: 'a_odd_count', type: 2 },
        { name: 'a_events', type: 1 },
      ],
    );
    expect([told.status, told.text]).toEqual([204, '']);
    await sendFirst(series);
    expect(await types()).toEqual(['sum', 'sum', 'sum', 'sum', 'gauge', 'gauge', 'sum']);
    expect(await typed('a_seconds_bucket')).toEqual([
      {
        MetricType: 'sum',
        Temporality: 'cumulative',
        IsMonotonic: 1,
        Unit: 'seconds',
        Description: 'How long.',
      },
    ]);
  });

  it('stand beside the series in 2.0, and so does when a counter began', async () => {
    const answer = await sendSecond([
      {
        labels: named('b_events'),
        samples: [
          { value: 1, at: now },
          { value: 2, at: now + 1, start: now - 10 },
        ],
        metadata: { type: 1, help: 'Events.', unit: 'events' },
        created: now - 9_000,
      },
    ]);
    expect(answer.status).toBe(204);
    expect(await typed('b_events')).toEqual([
      {
        MetricType: 'sum',
        Temporality: 'cumulative',
        IsMonotonic: 1,
        Unit: 'events',
        Description: 'Events.',
      },
    ]);
    const kept = await rows('metric_samples', 'b_events', 'toUnixTimestamp64Milli(StartTimestamp) AS start');
    expect(kept.map(({ start }) => Number(start))).toEqual([now - 9_000, now - 10]);
  });
});

describe('vmagent', () => {
  const fromVmagent = {
    'user-agent': 'vmagent',
    'content-encoding': 'zstd',
    'x-victoriametrics-remote-write-version': '1',
  };

  it('sends zstd in place of snappy, and every sample is kept', async () => {
    const body = encodeFirst([{ labels: named('vm_up', ['job', 'a']), samples: [{ value: 1, at: now }] }]);
    const answer = await post(zstdCompressSync(body), first, fromVmagent);
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(await rows('metric_samples', 'vm_up', 'ServiceName, Value')).toEqual([
      { ServiceName: 'a', Value: 1 },
    ]);
  });

  it('asks before, in versions up to 1.11x, whether it may; the question leaves no dead letter', async () => {
    const before = (await letters()).length;
    const answer = await fetch(`${address()}/api/v1/write?get_vm_proto_version=1`, {
      method: 'POST',
      headers: {
        'content-type': first,
        'content-encoding': 'snappy',
        'x-prometheus-remote-write-version': '0.1.0',
      },
    });
    expect([answer.status, await answer.text()]).toEqual([200, '1']);
    expect(await letters()).toHaveLength(before);
  });
});

describe('requests that are refused as a whole', () => {
  const good = snappyOf(encodeFirst([{ labels: named('refused'), samples: [{ value: 1, at: now }] }]));
  const table: [string, Uint8Array, string, Record<string, string>, number, string][] = [
    ['another type', good, 'application/json', {}, 415, 'Content-Type "application/json" is not understood'],
    [
      'another message',
      good,
      'application/x-protobuf;proto=other.Request',
      {},
      415,
      'is not understood; send',
    ],
    ['another encoding', good, first, { 'content-encoding': 'br' }, 415, 'Content-Encoding "br"'],
    ['zstd that is none', good, first, { 'content-encoding': 'zstd' }, 400, 'The body is not valid zstd: '],
    [
      'zstd that becomes too much',
      zstdCompressSync(Buffer.alloc(300_000)),
      first,
      { 'content-encoding': 'zstd' },
      413,
      'The decompressed body is larger than 200000 bytes',
    ],
    ['no snappy', Buffer.from('not packed'), first, {}, 400, "The snappy block can't be read: "],
    [
      'nothing',
      Buffer.alloc(0),
      first,
      {},
      400,
      "The snappy block can't be read: it ends inside its length.",
    ],
    [
      'no protobuf',
      snappyOf(Uint8Array.from([0x0a, 0x7f, 1])),
      first,
      {},
      400,
      "The protobuf message can't be read near byte 2: a field of 127 bytes stands where 1 are left.",
    ],
    [
      'a body of 2.0 as 1.0',
      snappyOf(encodeSecond([])),
      first,
      {},
      400,
      'another version than Content-Type says',
    ],
    [
      'a large result',
      Buffer.from([0xff, 0xff, 0xff, 0x7f, 0]),
      first,
      {},
      413,
      'The decompressed body is larger than 200000 bytes, the limit of ingest.body_bytes_max. Send smaller batches.',
    ],
    ['a large body', Buffer.alloc(300_000), first, {}, 413, 'ingest.body_bytes_max'],
  ];
  it.each(table)('%s', async (_name, body, type, headers, status, text) => {
    const answer = await post(body, type, headers);
    expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(text)]);
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(answer.text.split('\n')).toHaveLength(2);
    expect(await rows('metric_samples', 'refused')).toEqual([]);
  });

  it('too much pending is 503 with Retry-After (429 Prometheus drops), and so is a store that refuses; the series get their rows later', async () => {
    const series = [{ labels: named('later'), samples: [{ value: 1, at: now }] }];
    pretended.pendingBytes = config.ingest.pendingBytesMax;
    const busy = await sendSecond(series);
    pretended.pendingBytes = 0;
    expect([busy.status, busy.headers.get('retry-after'), busy.text]).toEqual([
      503,
      '1',
      expect.stringContaining('ingest.pending_bytes_max'),
    ]);
    expect(writtenOf(busy.headers)).toEqual(['0', '0', '0']);
    pretended.broken = true;
    const broken = await sendSecond(series);
    pretended.broken = false;
    expect([broken.status, broken.text, writtenOf(broken.headers)]).toEqual([
      503,
      'the disk refuses\n',
      ['0', '0', '0'],
    ]);
    expect((await sendSecond(series)).status).toBe(204);
    expect(await rows('metric_series', 'later')).toHaveLength(1);
    expect(await rows('metric_samples', 'later')).toHaveLength(1);
  });

  it('the token is asked for, as Bearer or as the password of Basic; a wrong one is 401 in plain text', async () => {
    const guarded = await makeServer('secret');
    const base = await guarded.listen({ host: '127.0.0.1', port: 0 });
    const wrong = await post(good, first, { authorization: 'Bearer other' }, base);
    expect([wrong.status, wrong.text]).toEqual([401, expect.stringContaining('auth.token')]);
    const basic = `Basic ${Buffer.from('prometheus:secret').toString('base64')}`;
    for (const authorization of ['Bearer secret', basic]) {
      const right = await post(snappyOf(encodeFirst([])), first, { authorization }, base);
      expect([authorization, right.status]).toEqual([authorization, 204]);
    }
    expect((await post(good, first, {}, base)).status).toBe(401);
    await guarded.close();
  });

  it('unreadable bodies are kept as dead letters', async () => {
    const before = (await letters()).length;
    const body = Buffer.from([9, 0, 1]);
    expect((await post(body)).status).toBe(400);
    const [letter] = (await letters()).slice(before);
    expect(letter).toMatchObject({ Source: 'prometheus/remote-write', Payload: body.toString('base64') });
  });
});
