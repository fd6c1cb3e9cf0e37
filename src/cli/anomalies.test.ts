import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anomalies } from './anomalies.ts';
import { parseTime } from './series-csv.ts';

async function run(
  text: string | Buffer,
  flags: Record<string, string> = { json: 'true' },
  files: string[] = [],
): Promise<string> {
  let out = '';
  const write = async (piece: string) => {
    out += piece;
  };
  const bytes = Buffer.from(text);
  const half = Math.ceil(bytes.length / 2);
  const input = Readable.from([bytes.subarray(0, half), bytes.subarray(half)]);
  await anomalies(files, flags, { input, write });
  return out;
}

describe('clew anomalies --json', () => {
  const rows = Array.from(
    { length: 300 },
    (_, i) =>
      `2026-01-05 ${String(Math.floor(i / 60)).padStart(2, '0')}:${String(i % 60).padStart(2, '0')}:00,${i === 280 ? 900 : 20 + (i % 7)}`,
  );
  const csv = `timestamp,value\n${rows.join('\n')}\n`;

  it('answers one object a row, in order, with the timestamp as it was written', async () => {
    const answers = (await run(csv))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(answers.map(({ timestamp, value }) => `${timestamp},${value}`)).toEqual(rows);
    for (const { score } of answers) expect(score >= 0 && score <= 1).toBe(true);
    expect(answers[280].score).toBeGreaterThan(0.99);
  });

  it('gives the same bytes for gzip, CRLF, a byte order mark, quoted fields and no header', async () => {
    const plain = await run(csv);
    expect(await run(gzipSync(csv))).toBe(plain);
    expect(await run(csv.replaceAll('\n', '\r\n'))).toBe(plain);
    expect(await run(`\uFEFF${csv}`)).toBe(plain);
    expect(await run(csv.replace(/^([^,\n]*),/gm, '"$1",'))).toBe(plain);
    expect(await run(`${rows.join('\n')}`)).toBe(plain);
    const moved = `host,value,timestamp\n${rows.map((row) => `a,${row.split(',').reverse().join(',')}`).join('\n')}`;
    expect(await run(moved)).toBe(plain);
  });

  it('answers a row before the next one has come', async () => {
    let out = '';
    const seen: number[] = [];
    async function* slowly(): AsyncGenerator<string> {
      for (const row of ['timestamp,value\n1,5\n', '2,6\n3,', '7\n']) {
        seen.push(out.split('\n').length - 1);
        yield row;
      }
    }
    const write = async (piece: string) => {
      out += piece;
    };
    await anomalies([], { json: 'true' }, { input: Readable.from(slowly(), { highWaterMark: 1 }), write });
    expect(seen[2]).toBeGreaterThanOrEqual(1);
    expect(out.split('\n')).toHaveLength(4);
  });

  it('takes no value, NaN and null for missing: score 0', async () => {
    const out = await run('timestamp,value\n1,5\n2,\n3,NaN\n4,null\n5,6');
    expect(out.trim().split('\n').slice(1, 4)).toEqual(
      [2, 3, 4].map((at) => `{"timestamp":"${at}","value":null,"score":0}`),
    );
  });

  it.each([
    [
      'timestamp,value\n2026-01-05 00:00:00,1\n2026-01-05 00:01:00,abc',
      'standard input, line 3: column value is no number: "abc".',
    ],
    [
      'timestamp,value\nyesterday,1',
      'standard input, line 2: column timestamp is no time: "yesterday" (ISO 8601 or a number since 1970).',
    ],
    [
      'timestamp,value\n2026-01-05 00:00:00',
      'standard input, line 2: column 2 is missing: the row has 1 of the columns timestamp and value.',
    ],
    ['timestamp,load\n1,2', 'standard input, line 1: header names no column value: timestamp,load.'],
    ['', 'standard input, line 0: file holds no rows; expected the header timestamp,value.'],
    [`1,2\n${'x'.repeat(5000)}`, 'standard input, line 2: line has more than 4096 characters.'],
  ])('names line and column of what it can’t read: %j', async (text, message) => {
    await expect(run(text)).rejects.toThrow(message);
  });

  it('names a flag that it does not know, and a damaged gzip', async () => {
    await expect(run(csv, { jsno: 'true' })).rejects.toThrow('There is no flag --jsno.');
    await expect(run(gzipSync(csv).subarray(0, 200))).rejects.toThrow(
      'standard input: unexpected end of file',
    );
  });
});

describe('clew anomalies FILE', () => {
  let dir = '';
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'clew-anomalies-'));
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  it('shows curve, rows and changes of each file, and names the series in JSON', async () => {
    const a = join(dir, 'a.csv');
    const b = join(dir, 'b.csv.gz');
    const rows = Array.from(
      { length: 400 },
      (_, i) => `${1_700_000_000 + i * 60},${10 + ((i * 7919) % 13) / 13 + (i >= 320 ? 9 : 0)}`,
    );
    writeFileSync(a, rows.join('\n'));
    writeFileSync(b, gzipSync(rows.slice(0, 300).join('\n')));
    const out = await run('', {}, [a, b]);
    expect(out).toContain('level shift up  since 2023-11-15T03:33:20Z');
    expect(out).toContain(`${b}: 300 rows`);
    expect(out).toContain('No row is out of the ordinary.');
    expect((await run('', { json: 'true' }, [a, b])).split('\n')[0]).toContain(
      `{"series":"${a}","timestamp":"1700000000"`,
    );
    await expect(run('', {}, [join(dir, 'none.csv')])).rejects.toThrow('none.csv: ENOENT');
  });
});

describe('parseTime', () => {
  it('reads dates with and without zone and numbers of any unit', () => {
    const at = Date.UTC(2026, 0, 5, 6, 7, 8);
    for (const text of [
      '2026-01-05 06:07:08',
      '2026-01-05T06:07:08Z',
      '2026-01-05T08:07:08+02:00',
      '2026-01-05 06:07:08.000000',
    ])
      expect(parseTime(text)).toBe(at);
    for (const unit of [1e-3, 1, 1e3, 1e6]) expect(parseTime(String(at * unit))).toBeCloseTo(at, 0);
    expect(parseTime('2026-13-05 06:07:08')).toBeNaN();
    expect(parseTime('')).toBeNaN();
  });
});
