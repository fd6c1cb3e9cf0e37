import { describe, expect, it } from 'vitest';
import {
  bytes,
  encodeFirst,
  encodeSecond,
  type Histogram,
  int,
  type Series,
  string,
} from '../../../test/support/remote-write.ts';
import type { Version } from './request.ts';
import { RemoteWriteTranscoder } from './transcoder.ts';

const limits = { bodyBytesMax: 200_000, attributeBytesMax: 200, clockSkewS: 60 };
const nowMs = Date.UTC(2026, 0, 2);
const encode = (version: Version, series: Series[]): Uint8Array =>
  version === 1 ? encodeFirst(series) : encodeSecond(series);
const up: [string, string] = ['__name__', 'up'];
const one = { value: 1, at: nowMs };
const many = Array.from({ length: 129 }, (_, i): [string, string] => [`l${String(i).padStart(3, '0')}`, 'v']);

describe.each([1, 2] as const)(
  'version %i: a series that breaks a rule is refused with its reason, the rest is kept',
  (version) => {
    const table: [string, Series, string, number][] = [
      [
        'no name',
        { labels: [['job', 'a']], samples: [one, one] },
        'a series: the label __name__ is missing',
        2,
      ],
      [
        'an empty name',
        { labels: [['__name__', '']], samples: [one] },
        'a series: the label __name__ is missing',
        1,
      ],
      [
        'a repeated label',
        { labels: [up, ['a', '1'], ['a', '2']], samples: [one] },
        'the series "up": the label "a" stands twice',
        1,
      ],
      [
        'a repeated label among unsorted ones',
        { labels: [['z', '1'], up, ['b', '3'], ['z', '2']], samples: [one] },
        'the series "up": the label "z" stands twice',
        1,
      ],
      [
        'a label without name',
        { labels: [up, ['', 'x']], samples: [one] },
        'the series "up": a label has no name',
        1,
      ],
      [
        'too many labels',
        { labels: [up, ...many], samples: [one] },
        'a series: it has 130 labels; at most 128 are taken',
        1,
      ],
      [
        'a long value',
        { labels: [up, ['a', 'x'.repeat(201)]], samples: [one] },
        'the series "up": the value of the label "a" has 201 bytes; the limit is 200 (ingest.attribute_bytes_max)',
        1,
      ],
      [
        'a time in the future',
        { labels: [up], samples: [one, { value: 1, at: nowMs + 60_001 }] },
        `the series "up": a sample lies more than 60 s in the future (timestamp ${nowMs + 60_001}; ingest.clock_skew_s)`,
        1,
      ],
      [
        'a time before 1970',
        { labels: [up], samples: [{ value: 1, at: -5 }] },
        'the series "up": a sample has a timestamp before 1970 (-5)',
        1,
      ],
      [
        'no time',
        { labels: [up], samples: [{ value: 1, at: 0 }] },
        'the series "up": a sample has no timestamp',
        1,
      ],
      [
        'an exemplar with a repeated label',
        {
          labels: [up],
          exemplars: [
            {
              labels: [
                ['a', '1'],
                ['a', '1'],
              ],
              value: 1,
              at: nowMs,
            },
          ],
        },
        'the series "up": in an exemplar, the label "a" stands twice',
        1,
      ],
    ];
    it.each(table)('%s', (_name, series, reason, rejected) => {
      const good = { labels: [['__name__', 'good'] as [string, string]], samples: [one] };
      const written = new RemoteWriteTranscoder(limits).transcode(
        't',
        encode(version, [series, good]),
        version,
        nowMs,
      );
      expect([written.rejections[0]?.reason, written.rejected]).toEqual([reason, rejected]);
      expect(written.samples).toBe(1 + (series.samples?.length ?? 0) - (series.samples ? rejected : 0));
    });

    const plain: Histogram = {
      at: nowMs,
      count: 6,
      sum: 3,
      schema: 0,
      positiveSpans: [[0, 2]],
      positiveDeltas: [3, 0],
    };
    const histograms: [string, Histogram, string][] = [
      ['an unknown schema', { ...plain, schema: 9 }, 'the histogram schema 9 is not known'],
      ['too few deltas', { ...plain, positiveDeltas: [3] }, 'a histogram has 1 bucket counts for spans of 2'],
      [
        'a negative bucket',
        { ...plain, positiveDeltas: [3, -4] },
        'a bucket count of a histogram is negative',
      ],
      [
        'more in buckets than counted',
        { ...plain, count: 5 },
        'a histogram counts 5 observations and has 6 in its buckets',
      ],
      [
        'a span of billions',
        {
          ...plain,
          positiveSpans: [
            [0, 1],
            [2_000_000_000, 1],
          ],
        },
        'a histogram spans more than 4096 buckets on one side',
      ],
      [
        'overlapping spans',
        {
          ...plain,
          positiveSpans: [
            [0, 1],
            [-1, 1],
          ],
        },
        'a span of a histogram starts before the end of the one before',
      ],
      [
        'a float that is no count',
        { at: nowMs, floatCount: 1, positiveSpans: [[0, 1]], positiveCounts: [Number.NaN] },
        'a bucket count of a histogram is negative or not a number',
      ],
      [
        'custom bounds that fall',
        { ...plain, schema: -53, bounds: [2, 1] },
        'the custom bounds of a histogram do not ascend',
      ],
      [
        'a bucket beyond the custom bounds',
        { ...plain, schema: -53, positiveSpans: [[1, 2]], bounds: [1] },
        'a histogram has a bucket beyond its 1 custom bounds',
      ],
      [
        'custom and negative buckets',
        { ...plain, schema: -53, bounds: [1], negativeSpans: [[0, 1]], negativeDeltas: [0] },
        'a histogram with custom buckets has negative ones',
      ],
    ];
    it.each(histograms)('%s', (_name, histogram, reason) => {
      const body = encode(version, [{ labels: [up], histograms: [histogram, plain] }]);
      const written = new RemoteWriteTranscoder(limits).transcode('t', body, version, nowMs);
      expect([written.rejections[0]?.reason, written.rejected, written.histograms]).toEqual([
        `the series "up": ${reason}`,
        1,
        1,
      ]);
    });
  },
);

describe('references of version 2 that lead nowhere are refused', () => {
  const bodyOf = (refs: number[]) =>
    Uint8Array.from([
      ...['', '__name__', 'up'].flatMap((text) => string(4, text)),
      ...bytes(5, [...bytes(1, refs), ...bytes(2, int(2, nowMs))]),
    ]);
  it.each([
    [[1, 2, 1], 'a series: labels_refs has an odd number of entries'],
    [[1, 9], 'a series: labels_refs names the symbol 9; there are 3'],
  ])('%j', (refs, reason) => {
    const written = new RemoteWriteTranscoder(limits).transcode('t', bodyOf(refs), 2, nowMs);
    expect([written.rejections[0]?.reason, written.rejected, written.samples]).toEqual([reason, 1, 0]);
  });

  it('a few bytes that stand for gigabytes of labels are refused', () => {
    const long: [string, string][] = many.slice(0, 100).map(([name]) => [name, 'x'.repeat(150)]);
    const series = Array.from({ length: 100 }, () => ({ labels: [up, ...long], samples: [one] }));
    const body = encodeSecond(series);
    expect(body.length).toBeLessThan(40_000);
    const refused = () => new RemoteWriteTranscoder(limits).transcode('t', body, 2, nowMs);
    expect(refused).toThrow('labels of the request are larger than 200000 bytes');
  });
});

it('a body of the other version is recognized', () => {
  const series = [{ labels: [up], samples: [one] }];
  const transcoder = new RemoteWriteTranscoder(limits);
  expect(() => transcoder.transcode('t', encodeFirst(series), 2, nowMs)).toThrow('another version');
  expect(() => transcoder.transcode('t', encodeSecond(series), 1, nowMs)).toThrow('another version');
});

it('empty buckets between spans are bounded for the whole request', () => {
  const histogram: Histogram = {
    at: nowMs,
    count: 2,
    positiveSpans: [
      [0, 1],
      [4_000, 1],
    ],
    positiveDeltas: [1, 0],
  };
  const histograms = Array.from({ length: 300 }, () => histogram);
  const written = new RemoteWriteTranscoder(limits).transcode(
    't',
    encodeFirst([{ labels: [up], histograms }]),
    1,
    nowMs,
  );
  expect([written.histograms, written.rejected]).toEqual([262, 38]);
  expect(written.rejections[0]?.reason).toContain('more than 1048576 empty buckets');
});
