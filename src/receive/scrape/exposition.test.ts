import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testSeed } from '../../../test/support/seed.ts';
import { Exposition, ExpositionError, type Format } from './exposition.ts';

interface Read {
  name: string;
  labels: Record<string, string>;
  value: number;
  at?: number;
  exemplar?: { labels: Record<string, string>; value: number; at?: number };
}

function readAll(body: string | Buffer, format: Format) {
  const bytes = Buffer.from(body);
  const exposition = new Exposition(bytes, format);
  const samples: Read[] = [];
  const metadata: [string, string, string | number][] = [];
  const labelsOf = (labels: Exposition['labels']) =>
    Object.fromEntries(
      Array.from({ length: labels.count }, (_, at) => [labels.name(bytes, at), labels.value(bytes, at)]),
    );
  for (let entry = exposition.next(); entry !== 'end'; entry = exposition.next()) {
    if (entry !== 'sample') {
      metadata.push([entry, exposition.family, entry === 'type' ? exposition.familyType : exposition.text]);
      continue;
    }
    samples.push({
      name: exposition.name(),
      labels: labelsOf(exposition.labels),
      value: exposition.value,
      ...(Number.isNaN(exposition.timestamp) ? {} : { at: exposition.timestamp }),
      ...(exposition.hasExemplar
        ? {
            exemplar: {
              labels: labelsOf(exposition.exemplarLabels),
              value: exposition.exemplarValue,
              ...(Number.isNaN(exposition.exemplarTimestamp) ? {} : { at: exposition.exemplarTimestamp }),
            },
          }
        : {}),
    });
  }
  return { samples, metadata };
}

const plain = (value: number, name = 'a', labels: Record<string, string> = {}): Read => ({
  name,
  labels,
  value,
});

describe('the text format', () => {
  it.each<[string, Read[]]>([
    ['', []],
    ['\n\n  \n', []],
    ['a 1\n', [plain(1)]],
    ['a 1', [plain(1)]],
    ['  a\t1  \n', [plain(1)]],
    ['a{} 1\n', [plain(1)]],
    ['a:b_9 -0\n', [plain(-0, 'a:b_9')]],
    ['a{b="c",d="e"} 2\n', [plain(2, 'a', { b: 'c', d: 'e' })]],
    ['a { b = "c" , d="e" , } 2\n', [plain(2, 'a', { b: 'c', d: 'e' })]],
    ['a{b="c"}2\n', [plain(2, 'a', { b: 'c' })]],
    ['a{b="x\\\\y\\"z\\nw\\t"} 2\n', [plain(2, 'a', { b: 'x\\y"z\nw\\t' })]],
    ['a{b="ümlaut 指标"} 2\n', [plain(2, 'a', { b: 'ümlaut 指标' })]],
    ['{"http.requests","net.host"="x"} 2\n', [plain(2, 'http.requests', { 'net.host': 'x' })]],
    ['{"a\\"b"} 2\n', [plain(2, 'a"b')]],
    ['a{"b.c"="d"} 2\n', [plain(2, 'a', { 'b.c': 'd' })]],
    [
      'a NaN\nb +Inf\nc -inf\nd infinity\n',
      [
        plain(Number.NaN),
        plain(Number.POSITIVE_INFINITY, 'b'),
        plain(Number.NEGATIVE_INFINITY, 'c'),
        plain(Number.POSITIVE_INFINITY, 'd'),
      ],
    ],
    ['a 1.5e3 1395066363000\n', [{ ...plain(1500), at: 1395066363000 }]],
    ['a 1 -5\n', [{ ...plain(1), at: -5 }]],
    ['# a comment\n#HELP a x\n# HELP\na 1\n#', [plain(1)]],
    ['a 1e-400\n', [plain(0)]],
    ['a{b="c" d="e"} 1\n', [plain(1, 'a', { b: 'c', d: 'e' })]],
    ['# HELP a-b x\na{b="c\nd"} 1\n', [plain(1, 'a', { b: 'c\nd' })]],
  ])('reads %j', (body, expected) => {
    expect(readAll(body, 'text').samples).toEqual(expected);
  });

  it('reads types and help, with the escapes of help', () => {
    const body =
      '# HELP a A \\\\ \\n \\" b\n# TYPE a counter\n#\tTYPE  b \t untyped \n# HELP c\n# TYPE "d.e" gauge\n';
    expect(readAll(body, 'text').metadata).toEqual([
      ['help', 'a', 'A \\ \n \\" b'],
      ['type', 'a', 1],
      ['type', 'b', 0],
      ['help', 'c', ''],
      ['type', 'd.e', 2],
    ]);
  });

  it.each<[string | Buffer, string]>([
    ['a\n', 'line 1: the value is missing'],
    ['a.b 1\n', 'line 1: expected a value after the metric name, got ".b 1"'],
    ['a{b="c"}\n', 'line 1: the value is missing'],
    ['ok 1\n\na b\n', 'line 3: the value "b" is not a number'],
    ['a 0x1p3\n', 'line 1: the value "0x1p3" is not a number'],
    ['a 1_000\n', 'line 1: the value "1_000" is not a number'],
    ['a 1e\n', 'line 1: the value "1e" is not a number'],
    ['a .\n', 'line 1: the value "." is not a number'],
    ['a 1e400\n', 'line 1: the value "1e400" is out of the range of a 64-bit float'],
    ['a 1\r\n', 'line 1: the value "1\\r" is not a number'],
    ['a 1 1.5\n', 'line 1: the timestamp "1.5" is not a whole number of milliseconds'],
    ['a 1 2 3\n', 'line 1: expected the end of the line, got "3"'],
    ['9a 1\n', 'line 1: expected a metric name, got "9a 1"'],
    ['<html>\n', 'line 1: expected a metric name, got "<html>"'],
    ['a{b} 1\n', 'line 1: expected "=" after the label name "b", got "} 1"'],
    ['a{b=c} 1\n', 'line 1: the value of the label "b" is not in quotes'],
    ['a{b="c} 1\n\nd 2\n', 'line 1: the label value "c} 1" is not closed'],
    ['a{b="c\\', 'line 1: the label value "c\\\\" is not closed'],
    ['a{b="c"', 'line 1: expected a label name, got the end of the line'],
    ['a{:b="c"} 1\n', 'line 1: expected a label name, got ":b=\\"c\\"} 1"'],
    ['a{,} 1\n', 'line 1: expected a label name, got ",} 1"'],
    ['{b="c"} 1\n', 'line 1: the metric has no name'],
    ['{} 1\n', 'line 1: the metric has no name'],
    ['a{"b"} 1\n', 'line 1: the metric has two names'],
    ['{""} 1\n', 'line 1: a quoted name is empty'],
    [
      '# TYPE a count\n',
      'line 1: the type "count" of a is not one of untyped, counter, gauge, histogram, summary',
    ],
    ['# TYPE 1a counter\n', 'line 1: expected a metric name after "# TYPE", got "1a counter"'],
    ['# HELP -b x\n', 'line 1: expected a metric name after "# HELP", got "-b x"'],
    ['a{b="c\nd"} 1\ne !\n', 'line 3: the value "!" is not a number'],
    ['a{b="c\\\nd"} 1\n', 'line 1: the label value "c\\\\" is not closed'],
    [
      Buffer.from([0x61, 0x7b, 0x62, 0x3d, 0x22, 0xff, 0x22, 0x7d, 0x20, 0x31]),
      'line 1: the label value "�" is not valid UTF-8',
    ],
    [`a{${Array.from({ length: 129 }, (_, i) => `l${i}="x"`).join()}} 1\n`, 'line 1: more than 128 labels'],
  ])('refuses %j', (body, message) => {
    try {
      readAll(body, 'text');
      expect.unreachable();
    } catch (error) {
      expect((error as Error).message).toBe(message);
    }
  });
});

describe('OpenMetrics', () => {
  it('reads samples, float timestamps, exemplars, units and the created series', () => {
    const body = [
      '# TYPE a_seconds counter',
      '# UNIT a_seconds seconds',
      '# HELP a_seconds says \\"x\\"',
      'a_seconds_total{b="c"} 17.0 1520879607.789 # {trace_id="KOO"} 0.67 1520879606.1',
      'a_seconds_created{b="c"} 1520872607.123',
      '# TYPE h histogram',
      'h_bucket{le="+Inf"} 3 # {} 4',
      '# TYPE i info',
      'i_info{v="1"} 1',
      '# EOF',
    ].join('\n');
    for (const text of [body, `${body}\n`]) {
      const { samples, metadata } = readAll(text, 'openmetrics');
      expect(samples).toEqual([
        {
          name: 'a_seconds_total',
          labels: { b: 'c' },
          value: 17,
          at: 1520879607789,
          exemplar: { labels: { trace_id: 'KOO' }, value: 0.67, at: 1520879606100 },
        },
        plain(1520872607.123, 'a_seconds_created', { b: 'c' }),
        { ...plain(3, 'h_bucket', { le: '+Inf' }), exemplar: { labels: {}, value: 4 } },
        plain(1, 'i_info', { v: '1' }),
      ]);
      expect(metadata).toEqual([
        ['type', 'a_seconds', 1],
        ['unit', 'a_seconds', 'seconds'],
        ['help', 'a_seconds', 'says "x"'],
        ['type', 'h', 3],
        ['type', 'i', 6],
      ]);
    }
  });

  it.each<[string, string]>([
    ['', 'line 1: the exposition does not end with "# EOF"'],
    ['a 1\n', 'line 2: the exposition does not end with "# EOF"'],
    ['a 1\n# EOF\nb 2\n', 'line 3: there is data after "# EOF"'],
    ['# EOF\n\n', 'line 2: there is data after "# EOF"'],
    ['\n# EOF\n', 'line 1: expected a metric name, got the end of the line'],
    ['# a comment\n# EOF\n', 'line 1: expected "# HELP", "# TYPE", "# UNIT" or "# EOF", got "# a comment"'],
    ['#EOF\n', 'line 1: expected "# HELP", "# TYPE", "# UNIT" or "# EOF", got "#EOF"'],
    ['a  1\n# EOF\n', 'line 1: expected one space and a value, got "  1"'],
    ['a{b="c"d="e"} 1\n# EOF\n', 'line 1: expected "," or "}" after a label, got "d=\\"e\\"} 1"'],
    ['a{b="c", d="e"} 1\n# EOF\n', 'line 1: expected a label name, got " d=\\"e\\"} 1"'],
    ['a 1 \n# EOF\n', 'line 1: the timestamp is missing'],
    ['a 1 NaN\n# EOF\n', 'line 1: the timestamp "NaN" is not a time in seconds'],
    ['a 1 # b\n# EOF\n', 'line 1: expected the labels of an exemplar, got "b"'],
    [
      'a 1 # {b="c"}\n# EOF\n',
      'line 1: expected one space and the value of the exemplar, got the end of the line',
    ],
    ['a 1 # {"b"} 1\n# EOF\n', 'line 1: expected "=" after the label name "b", got "} 1"'],
    ['a 1 # {b="c"} x\n# EOF\n', 'line 1: the exemplar value "x" is not a number'],
    [
      '# TYPE a untyped\n# EOF\n',
      'line 1: the type "untyped" of a is not one of unknown, counter, gauge, histogram, gaugehistogram, summary, info, stateset',
    ],
    ['# HELP a\n# EOF\n', 'line 1: there is nothing behind "# HELP a"'],
    ['# UNIT a_bytes seconds\n# EOF\n', 'line 1: the unit "seconds" is not the end of the name a_bytes'],
  ])('refuses %j', (body, message) => {
    try {
      readAll(body, 'openmetrics');
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ExpositionError);
      expect((error as Error).message).toBe(message);
    }
  });
});

const textOf = fc.string({ unit: 'grapheme', maxLength: 12 });
const escaped = (text: string) =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
const sampleArbitrary = fc.record({
  name: textOf.filter((name) => name !== ''),
  labels: fc.dictionary(
    textOf.filter((name) => name !== ''),
    textOf,
    { maxKeys: 4, noNullPrototype: true },
  ),
  value: fc.double(),
  at: fc.option(fc.integer({ min: 0, max: 2_000_000_000_000 }), { nil: undefined }),
});
const valueText = (value: number) =>
  Number.isNaN(value) ? 'NaN' : Object.is(value, -0) ? '-0' : `${value}`.replace('Infinity', 'Inf');

type Reader = (body: string, format: Format) => { samples: Read[] };

/** What is written is read again, whatever the names, values and numbers are. */
function roundTrip(read: Reader, format: Format) {
  return fc.property(fc.array(sampleArbitrary, { maxLength: 8 }), (samples) => {
    const lines = samples.map((sample) => {
      const pairs = Object.entries(sample.labels).map(
        ([name, value]) => `"${escaped(name)}"="${escaped(value)}"`,
      );
      const at = sample.at === undefined ? '' : ` ${format === 'text' ? sample.at : sample.at / 1000}`;
      return `{${[`"${escaped(sample.name)}"`, ...pairs].join()}} ${valueText(sample.value)}${at}\n`;
    });
    const body = `${lines.join('')}${format === 'text' ? '' : '# EOF\n'}`;
    const expected = samples.map(({ name, labels, value, at }) => ({
      name,
      labels: { ...labels },
      value,
      ...(at === undefined ? {} : { at }),
    }));
    expect(read(body, format).samples).toEqual(expected);
  });
}

/** Any change to a good body is read or refused with a line; it never crashes otherwise, and ends. */
function hostile(read: Reader, format: Format) {
  const seed =
    '# HELP a x\n# TYPE a counter\na{b="c\\n",d="e"} 1.5e3 17\n{"x.y","z"="w"} NaN\na_total 1 # {t="1"} 2 3\n# EOF\n';
  const edit = fc.tuple(
    fc.nat(seed.length),
    fc.nat(6),
    fc.oneof(
      fc.string({ maxLength: 4 }),
      fc.constantFrom('{', '}', '"', '\\', '\n', ' ', '#', '\0', '=', ','),
    ),
  );
  return fc.property(fc.array(edit, { maxLength: 6 }), (edits) => {
    let body = seed;
    for (const [at, count, text] of edits) body = body.slice(0, at) + text + body.slice(at + count);
    try {
      read(body, format);
    } catch (error) {
      if (!(error instanceof ExpositionError)) throw error;
      expect(error.line).toBeLessThanOrEqual(body.split('\n').length);
    }
  });
}

describe.each<Format>(['text', 'openmetrics'])('fuzz of %s', (format) => {
  const seed = testSeed;
  const options = { seed, numRuns: 1500 };

  it(`reads back what was written (seed ${seed})`, () => {
    fc.assert(roundTrip(readAll, format), options);
  });

  it(`answers hostile bodies with a line and a reason only (seed ${seed})`, () => {
    fc.assert(hostile(readAll, format), options);
  });

  it('canary: both properties catch a broken parser', () => {
    const forgetsEscapes: Reader = (body, kind) => {
      const { samples } = readAll(body, kind);
      return { samples: samples.map((sample) => ({ ...sample, name: sample.name.replaceAll('"', '') })) };
    };
    const crashes: Reader = (body, kind) => {
      if (body.includes('{{')) throw new RangeError('index out of range');
      return readAll(body, kind);
    };
    expect(fc.check(roundTrip(forgetsEscapes, format), { seed: 1, numRuns: 5000 }).failed).toBe(true);
    expect(fc.check(hostile(crashes, format), { seed: 1, numRuns: 5000 }).failed).toBe(true);
  });
});

describe('speed', () => {
  it('is at least 300 000 samples a second on a machine that is not busy', () => {
    const lines = Array.from(
      { length: 20_000 },
      (_, i) =>
        `node_cpu_seconds_total{cpu="${i}",mode="idle",device="/dev/mapper/vg-${i % 7}"} ${(i * 1234.567).toFixed(2)}`,
    );
    const bytes = Buffer.from(`${lines.join('\n')}\n`);
    const passes = 10;
    const times: number[] = [];
    for (let pass = 0; pass < passes; pass++) {
      const start = process.cpuUsage();
      const exposition = new Exposition(bytes, 'text');
      let count = 0;
      while (exposition.next() !== 'end') count += 1;
      const used = process.cpuUsage(start);
      expect(count).toBe(20_000);
      times.push((used.user + used.system) / 1e6);
    }
    expect(20_000 / Math.min(...times)).toBeGreaterThan(300_000);
  });
});
