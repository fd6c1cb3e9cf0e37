import { describe, expect, it } from 'vitest';
import { jsonToWire } from '../../src/receive/otlp/json.ts';
import {
  attribute,
  logsOf,
  metricsOf,
  nowNs,
  post,
  type Row,
  rows,
  text,
  useIngest,
} from './ingest-harness.ts';

useIngest();

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
