import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogSink } from '../log-sink.ts';
import { MalformedError } from '../otlp/wire.ts';
import { readPushJson } from './json.ts';
import { LabelError, parseLabels } from './labels.ts';
import { readPushProtobuf } from './protobuf.ts';
import { StreamWriter } from './streams.ts';

/** Set to repeat a run; fast-check prints the seed of a failure as well. */
const seed = 20_261_120;
const nowMs = Date.UTC(2026, 0, 2);
const limits = { attributeBytesMax: 100, bodyFieldBytesMax: 100, clockSkewS: 60 };

function collect(read: (out: StreamWriter) => void) {
  const sink = new LogSink(limits);
  const out = new StreamWriter(sink);
  return sink.collect('t', nowMs, () => read(out));
}
const field = (tag: number, bytes: Uint8Array | string | number[]): Buffer => {
  const content = typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes);
  const length: number[] = [];
  for (let rest = content.length; ; rest >>>= 7) {
    length.push(rest >= 0x80 ? (rest & 0x7f) | 0x80 : rest);
    if (rest < 0x80) break;
  }
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
};
const entry = (line: string) =>
  Buffer.concat([
    field(0x0a, [0x08, 0x80, 0xd2, 0x85, 0xd0, 0x06, 0x10, 5]),
    field(0x12, line),
    field(0x1a, Buffer.concat([field(0x0a, 'trace_id'), field(0x12, 'abc')])),
  ]);
const valid = field(
  0x0a,
  Buffer.concat([
    field(0x0a, '{app="shop"}'),
    field(0x12, entry('level=warn x=1')),
    field(0x12, entry('two')),
    Buffer.from([0x18, 7]),
  ]),
);

describe('labels', () => {
  const good: [string, Record<string, string>][] = [
    ['{}', {}],
    ['{app="shop"}', { app: 'shop' }],
    [' { a = "1" , b_2="2", } ', { a: '1', b_2: '2' }],
    ['{a="x\\"y\\\\z\\n\\t\\x41\\u00fc\\101"}', { a: 'x"y\\z\n\tAüA' }],
    ['{a=`raw\\n"x"`}', { a: 'raw\\n"x"' }],
    ['{"my.label"="1", k8s.pod="p"}', { 'my.label': '1', 'k8s.pod': 'p' }],
    ['{a="}, b=\\"c"}', { a: '}, b="c' }],
  ];
  it.each(good)('%s', (text, expected) => expect(Object.fromEntries(parseLabels(text))).toEqual(expected));

  const bad: [string, RegExp][] = [
    ['', /at character 1, "\{" is needed/],
    ['{', /a label name is needed/],
    ['{a}', /at character 3, "=" is needed/],
    ['{a=1}', /a value in double quotes is needed/],
    ['{a="1}', /a value does not end/],
    ['{a="1\\"}', /a value does not end/],
    ['{a="1" b="2"}', /"," is needed/],
    ['{1a="1"}', /a label name is needed/],
    ['{a="1"} x', /nothing may follow/],
    ['{a="\\q"}', /\\q is no escape/],
    ['{a="\\Uffffffff"}', /is no escape/],
    [`{${Array.from({ length: 300 }, (_, i) => `a${i}="1"`).join()}}`, /more than 256 labels/],
  ];
  it.each(bad)('%s is refused', (text, message) => {
    expect(() => parseLabels(text)).toThrow(LabelError);
    expect(() => parseLabels(text)).toThrow(message);
  });

  it('survive Go quoting', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        expect(parseLabels(`{a=${JSON.stringify(value)}}`)).toEqual([['a', value]]);
      }),
      { seed, numRuns: 500 },
    );
  });
});

describe('a push in JSON', () => {
  const one = (value: unknown) => JSON.stringify({ streams: [{ stream: { a: 'b' }, values: [value] }] });
  const table: [string, string][] = [
    ['{', 'The body is not JSON: '],
    ['[]', 'The body is an array, an object is needed.'],
    ['{}', 'streams is missing, an array is needed.'],
    ['{"streams":{}}', 'streams is an object, an array is needed.'],
    ['{"streams":[1]}', 'streams[0] is 1, an object is needed.'],
    ['{"streams":[{"stream":{}}]}', 'streams[0].values is missing, an array is needed.'],
    ['{"streams":[{"values":[]}]}', 'streams[0].stream is missing, an object is needed.'],
    ['{"streams":[{"stream":{"a":null},"values":[]}]}', 'streams[0].stream.a is null, a string is needed.'],
    [one(['x', 'y']), 'streams[0].values[0][0] is "x", nanoseconds since 1970 as a string is needed.'],
    [one(['1.5', 'y']), 'streams[0].values[0][0] is "1.5", nanoseconds since 1970 as a string is needed.'],
    [one([1.5, 'y']), 'streams[0].values[0][0] is 1.5, nanoseconds since 1970 as a string is needed.'],
    [one(['1']), 'streams[0].values[0][1] is missing, the line as a string is needed.'],
    [one(['1', 2]), 'streams[0].values[0][1] is 2, the line as a string is needed.'],
    [one(['1', 'y', 'z']), 'streams[0].values[0][2] is "z", an object is needed.'],
    [one(['1', 'y', { k: [] }]), 'streams[0].values[0][2].k is an array, a string is needed.'],
    ['{"streams":[{"labels":1,"entries":[]}]}', 'streams[0].labels is 1, a string is needed.'],
    [
      '{"streams":[{"labels":"{}","entries":[{"ts":"yesterday","line":""}]}]}',
      'streams[0].entries[0].ts is "yesterday", an RFC 3339 time is needed.',
    ],
  ];
  it.each(table)('%s is refused', (text, message) => {
    const read = () => collect((out) => readPushJson(text, out));
    expect(read).toThrow(MalformedError);
    expect(read).toThrow(message);
  });

  it('whose labels would fill the memory is refused', () => {
    const stream = Object.fromEntries(Array.from({ length: 9000 }, (_, i) => [`l${i}`, 'x']));
    const values = Array.from({ length: 1000 }, () => ['1', '']);
    const text = JSON.stringify({ streams: [{ stream, values }] });
    expect(() => collect((out) => readPushJson(text, out))).toThrow(/more than 8000000 values/);
  });
});

describe('a push in protobuf', () => {
  it('keeps the entries of readable streams and refuses the others', () => {
    const bad = field(
      0x0a,
      Buffer.concat([field(0x12, entry('x')), field(0x0a, '{oops'), field(0x12, entry('y'))]),
    );
    const result = collect((out) => readPushProtobuf(Buffer.concat([bad, valid]), out));
    expect(result).toMatchObject({ records: 2, rejected: 2 });
    expect(result.rejections[0]?.reason).toBe('error parsing labels {oops: at character 6, "=" is needed');
  });

  it('refuses every truncation, ignores what it does not know', () => {
    for (let length = 1; length < valid.length; length++) {
      expect(() => collect((out) => readPushProtobuf(valid.subarray(0, length), out))).toThrow(
        MalformedError,
      );
    }
    const unknown = Buffer.concat([valid, Buffer.from([0xf8, 0x7f, 1])]);
    expect(collect((out) => readPushProtobuf(unknown, out)).records).toBe(2);
  });
});
