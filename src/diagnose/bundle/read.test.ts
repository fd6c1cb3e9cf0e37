import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { fullDiagnosis, readBundle, rowsOfReference } from './index.ts';

const answerOf = (incident: Parameters<typeof fullDiagnosis>[0]) => fullDiagnosis(incident, []).answer;

const root = mkdtempSync(join(tmpdir(), 'clew-bundle-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const meta = { incident_at: '2026-03-03T10:20:00Z', symptom: { service: 'shop', metric: 'error_ratio' } };
let count = 0;
function bundle(files: Record<string, string | Buffer>, about: object | string = meta): string {
  const dir = mkdtempSync(join(root, `${count++}-`));
  writeFileSync(join(dir, 'meta.json'), typeof about === 'string' ? about : JSON.stringify(about));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, name), content);
  return dir;
}

/** A minute's values of one service; errors from minute 15 on. */
function metrics(options: { failing?: string; from?: number } = {}): string {
  const rows = ['ts,service,metric,value'];
  for (let minute = 0; minute < 25; minute++)
    for (const service of ['shop', 'cart']) {
      const ts = new Date(Date.UTC(2026, 2, 3, 10, minute)).toISOString();
      const bad =
        minute >= (options.from ?? 15) &&
        (service === options.failing || service === 'shop') &&
        options.failing;
      rows.push(
        `${ts},${service},error_ratio,${bad ? 0.4 : 0.001}`,
        `${ts},${service},requests_per_second,${20 + (minute % 3)}`,
      );
    }
  return `${rows.join('\n')}\n`;
}
const topology = 'src,dst,relation\nshop,cart,CALLS\n';

describe('every file but meta.json is optional', () => {
  it('answers without any telemetry, and says what is missing', async () => {
    const answer = answerOf(await readBundle(bundle({})));
    expect(answer.verdict).toBe('inconclusive');
    expect(answer.causes).toEqual([]);
    expect(answer.checks.every((check) => check.status === 'no_data')).toBe(true);
    expect(answer.missing.length).toBeGreaterThan(2);
  });
  it('reads gzipped files as it reads plain ones', async () => {
    const text = metrics({ failing: 'cart' });
    const plain = answerOf(await readBundle(bundle({ 'metrics.csv': text, 'topology.csv': topology })));
    const zipped = answerOf(
      await readBundle(bundle({ 'metrics.csv.gz': gzipSync(text), 'topology.csv.gz': gzipSync(topology) })),
    );
    expect(plain.verdict).toBe('root_cause');
    expect(plain.causes[0]?.resource).toBe('cart');
    expect(zipped.causes.map((cause) => [cause.resource, cause.score])).toEqual(
      plain.causes.map((cause) => [cause.resource, cause.score]),
    );
  });
});

describe('bad input gets a verdict with its caveat, or an error that names file, line and field', () => {
  const errors: [string, Record<string, string | Buffer>, object | string, string | RegExp][] = [
    ['no directory', {}, meta, 'is not a directory'],
    ['meta.json is no JSON', {}, '{', 'meta.json, line 1: it is not JSON.'],
    ['no time', {}, {}, /meta\.json, line 1, field "incident_at": it is missing/],
    ['a window without end', {}, { ...meta, window: { from: 1 } }, /field "window.to"/],
    [
      'an empty window',
      {},
      { ...meta, window: { from: 5e9, to: 5e9 } },
      /field "window": "from" and "to" are the same/,
    ],
    [
      'no column',
      { 'metrics.csv': 'ts,service,value\n1,a,2\n' },
      meta,
      'metrics.csv, line 1: column "metric" is missing',
    ],
    [
      'rows without numbers',
      { 'metrics.csv': `ts,service,metric,value\n${'2026-03-03T10:00:00Z,a,m,abc\n'.repeat(9)}` },
      meta,
      'metrics.csv, line 2, field "value": "abc" is not a number.',
    ],
    [
      'spans without time',
      { 'spans.ndjson': '{"service":"a"}\n{"service":"b"}\n' },
      meta,
      'spans.ndjson, line 1, field "start": it is missing or empty',
    ],
    [
      'logs that are lists',
      { 'logs.ndjson': '[1]\n[2]\n[3]\n' },
      meta,
      'logs.ndjson, line 1: it is not a JSON object.',
    ],
    ['nonsense in gzip', { 'logs.ndjson.gz': Buffer.from('not gzip') }, meta, 'logs.ndjson.gz:'],
  ];
  it.each(errors)('%s', async (name, files, about, message) => {
    const dir = name === 'no directory' ? join(root, 'nowhere') : bundle(files, about);
    await expect(readBundle(dir)).rejects.toThrow(message);
  });

  it('meta.json.gz that is no gzip', async () => {
    const dir = bundle({ 'meta.json.gz': 'x' });
    rmSync(join(dir, 'meta.json'));
    await expect(readBundle(dir)).rejects.toThrow(/^meta\.json\.gz: /);
  });

  const good = metrics({ failing: 'cart' });
  const lines = good.trimEnd().split('\n');
  const at = '2026-03-03T10:00:00Z';
  const logLine = JSON.stringify({ ts: at, service: 'shop', severity: 'INFO', body: 'sold' });
  const eventLine = JSON.stringify({ ts: at, kind: 'deploy', id: 'd1', service: 'shop', title: 'shop 2' });
  const spanRow = { trace_id: 't', span_id: 's', service: 'shop', name: 'buy', start: at, duration_ms: 20 };
  const caveats: [string, Record<string, string | Buffer>, object, RegExp][] = [
    [
      'one bad row',
      { 'metrics.csv': `${good}2026-03-03T10:00:00Z,a,m,abc\n` },
      meta,
      /1 of 102 rows skipped; the first: line 102, field value: "abc" is not a number/,
    ],
    [
      'half a gzip file',
      { 'metrics.csv.gz': gzipSync(good.repeat(40)).subarray(0, 900) },
      meta,
      /reading ended after line/,
    ],
    ['an empty file', { 'metrics.csv': good, 'logs.ndjson': '' }, meta, /it is empty/],
    [
      'rows given twice',
      { 'metrics.csv': `${good}${lines.slice(1).join('\n')}\n` },
      meta,
      /100 values are given twice; each counts once/,
    ],
    [
      'rows that contradict',
      { 'metrics.csv': `${good}2026-03-03T10:00:00Z,cart,error_ratio,0.5\n` },
      meta,
      /1 values are given twice and differ/,
    ],
    [
      'a window that ends first',
      { 'metrics.csv': good },
      {
        ...meta,
        window: { from: '2026-03-03T10:25:00Z', to: '2026-03-03T10:14:00Z' },
        baseline: { from: '2026-03-03T10:00:00Z', to: '2026-03-03T10:14:00Z' },
      },
      /window ends before it begins/,
    ],
    [
      'a notice outside the window',
      { 'metrics.csv': good },
      {
        ...meta,
        incident_at: '2026-03-04T00:00:00Z',
        window: { from: '2026-03-03T10:15:00Z', to: '2026-03-03T10:25:00Z' },
        baseline: { from: '2026-03-03T10:00:00Z', to: '2026-03-03T10:14:00Z' },
      },
      /lies outside the window/,
    ],
    [
      'no baseline',
      { 'metrics.csv': metrics({ failing: 'cart', from: 0 }) },
      { ...meta, incident_at: '2026-03-03T09:00:00Z' },
      /there is no baseline/,
    ],
    ['a header alone', { 'metrics.csv': 'ts,service,metric,value\n' }, meta, /it is empty/],
    [
      'rows without numbers',
      { 'metrics.csv': `${good}2026-03-03T10:00:00Z,a,m,NaN\n` },
      meta,
      /1 rows have no number/,
    ],
    [
      'rows in the wrong order',
      { 'metrics.csv': [lines[0], ...lines.slice(1).reverse()].join('\n') },
      meta,
      /rows come after a later one/,
    ],
    [
      'records said twice',
      { 'logs.ndjson': `${logLine}\n${logLine}\n` },
      meta,
      /1 records say the same as another one of the same instant/,
    ],
    [
      'events given twice',
      { 'events.ndjson': `${eventLine}\n${eventLine}\n` },
      meta,
      /1 events are given twice/,
    ],
    [
      'spans that end before they begin',
      { 'spans.ndjson': JSON.stringify({ ...spanRow, duration_ms: -5 }) },
      meta,
      /1 spans end before they begin/,
    ],
    [
      'a window with nothing in it',
      { 'metrics.csv': good },
      { ...meta, window: { from: '2040-01-01T00:00:00Z', to: '2040-01-01T01:00:00Z' } },
      /no row lies in the window; the data is from 2026-03-03T10:00:00Z/,
    ],
    [
      'a baseline inside the window',
      { 'metrics.csv': good },
      {
        ...meta,
        window: { from: '2026-03-03T10:10:00Z', to: '2026-03-03T10:20:00Z' },
        baseline: { from: '2026-03-03T10:00:00Z', to: '2026-03-03T10:15:00Z' },
      },
      /the baseline and the window share 300 s/,
    ],
    [
      'clocks that disagree',
      {
        'spans.ndjson': Array.from({ length: 6 }, (_, i) => {
          const start = Date.parse('2026-03-03T10:00:00Z') + i * 1_000;
          const caller = { ...spanRow, trace_id: `t${i}`, start, span_id: 'a' };
          const callee = { ...caller, service: 'cart', span_id: 'b', parent_id: 'a', start: start - 90_000 };
          return `${JSON.stringify(caller)}\n${JSON.stringify(callee)}`;
        }).join('\n'),
      },
      meta,
      /the clock of cart differs from that of its callers by about -90 s/,
    ],
  ];
  it.each(caveats)('%s', async (_, files, about, message) => {
    const answer = answerOf(await readBundle(bundle({ 'topology.csv': topology, ...files }, about)));
    expect(answer.caveats.map((caveat) => caveat.text).join('\n')).toMatch(message);
  });

  it('order does not matter', async () => {
    const shuffled = [lines[0], ...lines.slice(1).reverse()].join('\n');
    const [a, b] = await Promise.all(
      [good, shuffled].map(async (text) =>
        answerOf(await readBundle(bundle({ 'metrics.csv': text, 'topology.csv': topology }))),
      ),
    );
    expect(b?.causes).toEqual(a?.causes);
  });
});

describe('an answer can be checked', () => {
  it('is the same to the byte, and each of its references finds rows', async () => {
    const at = (minute: number, second: number) =>
      new Date(Date.UTC(2026, 2, 3, 10, minute, second)).toISOString();
    const logs = Array.from({ length: 40 }, (_, i) =>
      JSON.stringify(
        i < 20
          ? { ts: at(i >> 1, i), service: 'cart', severity: 'INFO', body: `cart ${i} saved` }
          : {
              ts: at(16, i),
              service: 'cart',
              severity: 'ERROR',
              body: `cart ${i} lost: no such field [title]`,
            },
      ),
    );
    const events = [
      {
        ts: at(1, 0),
        kind: 'commit',
        id: 'aaaaaaa1',
        service: null,
        title: 'docs: tidy',
        labels: { files: ['docs/a.md'] },
      },
      {
        ts: at(14, 0),
        kind: 'deploy',
        id: 'bbbbbbb2',
        service: 'cart',
        title: 'Release 7',
        labels: { diff: '-  "title": 1,\n+  "name": 1,', files: ['cart/map.ts'] },
      },
    ].map((event) => JSON.stringify(event));
    const dir = bundle({
      'metrics.csv': metrics({ failing: 'cart' }),
      'topology.csv': topology,
      'logs.ndjson': `${logs.join('\n')}\n`,
      'events.ndjson': `${events.join('\n')}\n`,
    });
    const answer = answerOf(await readBundle(dir));
    expect(answer.verdict).toBe('root_cause');
    expect(answer.causes[0]).toMatchObject({ resource: 'cart', change: 'bbbbbbb2' });
    const refs = [...answer.causes, ...answer.checks].flatMap((one) =>
      one.evidence.map((evidence) => evidence.ref),
    );
    expect(new Set(refs).size).toBeGreaterThan(3);
    for (const ref of new Set(refs)) expect((await rowsOfReference(dir, ref)).length, ref).toBeGreaterThan(0);
    expect(JSON.stringify(answerOf(await readBundle(dir)))).toBe(JSON.stringify(answer));
  });
  it('is inconclusive where nothing is wrong', async () => {
    const answer = answerOf(await readBundle(bundle({ 'metrics.csv': metrics(), 'topology.csv': topology })));
    expect(answer.verdict).toBe('inconclusive');
    expect(answer.causes.every((cause) => cause.score < 0.4)).toBe(true);
  });
  it('does not lead outside its directory', async () => {
    await expect(rowsOfReference(root, '../../etc/passwd?x=1')).rejects.toThrow('is not a file of');
  });
});
