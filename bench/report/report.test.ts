import { expect, test } from 'vitest';
import type { IngestResult } from '../ingest.ts';
import type { RoundResult } from '../round.ts';
import { barChart, lineChart, short, ticksTo } from './charts.ts';
import { ingestMarkdown, ingestPage, ingestPicture, ratesOf } from './ingest-page.ts';
import { aligned, summarize, textTable } from './table.ts';

const tick = (second: number, records: number) => ({
  second,
  records,
  bytes: records * 236,
  refused: 0,
  p50: 10,
  p90: 20,
  p99: 30,
  max: 40,
});

function door(overrides: Partial<RoundResult> = {}): RoundResult {
  return {
    load: {
      seconds: 2,
      cpuMs: 100,
      requests: 500,
      bytes: 236_000_000,
      refused: 3,
      lost: 0,
      ack: { p50: 11, p90: 20, p99: 33, max: 44 },
      acknowledged: { logs: { count: 1_000_000, sum: '0', xor: 0 } },
      next: { logs: 1_000_001, spans: 1, samples: 1 },
      ticks: [tick(1, 400_000), tick(2, 600_000), tick(2.1, 0)],
    },
    records: 1_000_000,
    recordsPerSecond: 500_000,
    bytesPerSecond: 118_000_000,
    queryableMs: 812,
    exactness: [
      { signal: 'logs', acknowledged: 1_000_000, stored: 1_000_000, distinct: 1_000_000, exact: true },
    ],
    cpuUsPerRecord: 3.5,
    settleCpuUsPerRecord: 0.5,
    generatorCpuUsPerRecord: 0.1,
    residentPeakBytes: 900e6,
    residentMedianBytes: 800e6,
    residentOverTime: [
      { second: 0, residentBytes: 500e6 },
      { second: 2, residentBytes: 900e6 },
    ],
    disk: [{ table: 'otel_logs', rows: 1_000_000, bytesPerRow: 38.25, parts: 4 }],
    ...overrides,
  };
}

const ceiling = { recordsPerSecond: 800_000, cpuUsPerRecord: 2.2, residentPeakBytes: 500e6 };
const result = (rounds: IngestResult['workloads'][number]['rounds']): IngestResult => ({
  format: 'clew.bench.ingest.v1',
  at: '2026-11-20T13:00:00.000Z',
  machine: { cpu: 'A <fast> CPU', cores: 2, memoryBytes: 2 ** 34, node: 'v24.0.0' },
  seconds: 2,
  warmupSeconds: 1,
  workloads: [
    {
      workload: 'logs',
      shares: [{ signal: 'logs', weight: 1, records: 2_000 }],
      connections: 8,
      rounds,
      rateRatio: { min: 0.6, median: 0.625, max: 0.65 },
      cpuRatio: { min: 0.6, median: 0.63, max: 0.66 },
    },
  ],
});

test('a summary takes medians, and the worst round where a limit is meant', () => {
  const slow = door({
    recordsPerSecond: 300_000,
    residentPeakBytes: 950e6,
    load: { ...door().load, ack: { p50: 13, p90: 20, p99: 99, max: 120 } },
  });
  const [one] = result([
    { door: door(), ceiling },
    { door: slow, ceiling: undefined },
  ]).workloads;
  expect(one && summarize(one)).toMatchObject({
    records: 400_000,
    p50: 12,
    p99: 99,
    max: 120,
    residentPeak: 950e6,
    bytesPerRow: 38.25,
    refused: 6,
    ceiling: 800_000,
    exact: true,
  });
});

test('one record too few in one round is not exact in table, page and summary', () => {
  const inexact = door({
    exactness: [
      { signal: 'logs', acknowledged: 1_000_000, stored: 999_999, distinct: 999_999, exact: false },
    ],
  });
  const wrong = result([
    { door: door(), ceiling },
    { door: inexact, ceiling },
  ]);
  expect(textTable(wrong)).toMatch(/NO$/);
  expect(ingestPage(wrong)).toContain('<td class="no">NO</td>');
  expect(ingestMarkdown(wrong, { page: 'a.html', picture: 'a.svg' })).toContain('| NO |');
});

test('the table has a row a workload with figures and dashes for what is not known', () => {
  const elsewhere = door({
    cpuUsPerRecord: undefined,
    settleCpuUsPerRecord: undefined,
    residentPeakBytes: undefined,
    residentMedianBytes: undefined,
    disk: [],
  });
  const [, row = ''] = textTable(result([{ door: elsewhere, ceiling: undefined }])).split('\n');
  expect(row.split(/\s{2,}/)).toEqual([
    ...[
      'logs',
      '500,000',
      '118.0',
      '–',
      '–',
      '0.10',
      '11.0',
      '33.0',
      '44',
      '–',
      '–',
      '–',
      '812',
      '3',
      '–',
      '–',
    ],
    '0.60/0.63/0.65',
    'yes',
  ]);
});

test('the page needs nothing from elsewhere, has no figure that is not a number, and escapes what it did not write', () => {
  const page = ingestPage(result([{ door: door(), ceiling }]));
  expect(page).not.toMatch(/NaN|Infinity|undefined/);
  expect(page.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|<script|@import|url\(/);
  expect(page).toContain('A &lt;fast&gt; CPU');
  expect(page.match(/<svg/g)).toHaveLength(5);
  expect(page).toContain('prefers-color-scheme:dark');
});

test('the picture carries its own colours and a ground as large as itself', () => {
  const picture = ingestPicture(result([{ door: door(), ceiling }]));
  expect(picture).toMatch(
    /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" viewBox="0 0 (\d+) (\d+)".*<rect width="\1" height="\2"/s,
  );
  expect(picture).toContain('prefers-color-scheme:dark');
});

test('a rate is over the time since the tick before; the rest of a second at the end is left out', () => {
  expect(ratesOf(door())).toEqual([
    [1, 400_000],
    [2, 600_000],
  ]);
});

test.each([
  [0, [0, 1]],
  [Number.NaN, [0, 1]],
  [9, [0, 2.5, 5, 7.5, 10]],
  [100, [0, 25, 50, 75, 100]],
  [480_000, [0, 200_000, 400_000, 600_000]],
])('an axis to %d has the steps %j', (max, steps) => {
  expect(ticksTo(max)).toEqual(steps);
});

test('numbers are short and keep three digits', () => {
  expect([0, 7.25, 1234, 45_600, 1_234_567, 2.5e9].map(short)).toEqual([
    '0',
    '7.25',
    '1230',
    '45.6 k',
    '1.23 M',
    '2.5 G',
  ]);
});

test('charts of nothing are still charts', () => {
  expect(lineChart({ title: 'a', unit: 'b', lines: [] })).not.toMatch(/NaN|Infinity/);
  expect(barChart({ title: 'a', unit: 'b', digits: 1, groups: [] })).not.toMatch(/NaN|Infinity/);
});

test('columns of a table stand under each other', () => {
  expect(
    aligned([
      ['a', 'long'],
      ['name', '1'],
    ]),
  ).toBe('a     long\nname     1');
});

test('a report made of several runs tells how long the rounds of each workload were', () => {
  const files = { page: 'p.html', picture: 'p.svg' };
  const short = result([{ door: door(), ceiling }]);
  expect(ingestMarkdown(short, files)).toContain('2 s a round');
  const long = door();
  long.load.seconds = 60.2;
  const [logs] = short.workloads;
  if (logs === undefined) throw new Error('made above');
  const workloads = [logs, { ...logs, workload: 'spans', rounds: [{ door: long, ceiling }] }];
  expect(ingestMarkdown({ ...short, workloads }, files)).toContain('2 s (logs) and 60 s (spans) a round');
});
