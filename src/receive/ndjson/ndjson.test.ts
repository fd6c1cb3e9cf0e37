import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LogRecord, Pair } from '../log-sink.ts';
import { LogSink } from '../log-sink.ts';
import { MalformedError } from '../otlp/wire.ts';
import { readRecords } from './records.ts';

/** Set to repeat a run; fast-check prints the seed of a failure as well. */
const seed = 20_261_120;
const nowMs = Date.UTC(2026, 0, 2);
const limits = { attributeBytesMax: 100, bodyFieldBytesMax: 100, clockSkewS: 60 };

type Written = LogRecord & { service: string; resource: readonly Pair[] };

/** The real sink, which also tells what it was given. */
class ToldSink extends LogSink {
  records: Written[] = [];
  private service = '';
  private pairs: readonly Pair[] = [];
  override resource(service: string, attributes: readonly Pair[]): void {
    this.service = service;
    this.pairs = attributes;
    super.resource(service, attributes);
  }
  override record(record: LogRecord): void {
    super.record(record);
    this.records.push({ ...record, service: this.service, resource: this.pairs });
  }
}

function read(text: string | Uint8Array) {
  const sink = new ToldSink(limits);
  let errors: { line: number; reason: string }[] = [];
  const kept = sink.collect('t', nowMs, () => {
    errors = readRecords(Buffer.from(text), sink);
  });
  return { records: sink.records, errors, kept };
}
const bodies = (text: string) => read(text).records.map(({ body }) => Buffer.from(body).toString());

describe('records come', () => {
  const forms: [string, string, string[]][] = [
    ['one a line', '{"message":"a"}\n{"message":"b"}\r\n\n{"message":"c"}', ['a', 'b', 'c']],
    ['as an array', ' [{"message":"a"}, {"message":"b"}\n]\n', ['a', 'b']],
    ['as arrays behind each other', '[{"message":"a"}]\n[{"message":"b"}]', ['a', 'b']],
    ['as one object over several lines', '{\n  "message": "a",\n  "x": {"y": "}"}\n}\n', ['a']],
    ['as objects without anything between them', '{"message":"a"}{"message":"b\\"}"}', ['a', 'b"}']],
    ['not at all', ' \n', []],
    ['as an empty array', '[]', []],
  ];
  it.each(forms)('%s', (_name, text, expected) => {
    expect(bodies(text)).toEqual(expected);
    expect(read(text).errors).toEqual([]);
  });

  it('with errors that name their line, and the rest is kept', () => {
    const { errors, records, kept } = read('{"message":"a"}\n{"message":\n\n[1]\n"text"\n{"message":"b"}\n');
    expect(records.map(({ body }) => body)).toEqual(['a', 'b']);
    expect(kept).toMatchObject({ records: 2, rejected: 3 });
    expect(errors.map(({ line }) => line)).toEqual([2, 4, 5]);
    expect(errors[1]?.reason).toBe('failed to parse: the document must be an object');
    expect(read('[{"message":"a"}, 7, {"x" 1}, {"message":"b"}]').errors.map(({ line }) => line)).toEqual([
      2, 3,
    ]);
  });

  const malformed: [string, string, RegExp][] = [
    ['an array that does not end', '[{"message":"a"}', /array does not end|"," or "\]" is needed/],
    ['an array without commas', '[{"message":"a"} {"message":"b"}]', /At byte 17 a "," or "\]" is needed/],
    ['something behind an array', '[{"message":"a"}] x', /Behind the array, at byte 18/],
    ['nothing but broken lines', 'x\n'.repeat(10_001), /More than 10000 lines can't be read/],
  ];
  it.each(malformed)('and %s is refused as a whole', (_name, text, message) => {
    expect(() => read(text)).toThrow(MalformedError);
    expect(() => read(text)).toThrow(message);
  });
});

describe('fields', () => {
  const one = (value: unknown) => read(JSON.stringify(value)).records[0];

  it('of the usual names go to their columns', () => {
    expect(
      one({
        ts: 1_767_225_600_123,
        msg: 'paid',
        level: 'warn',
        app: 'shop',
        hostname: 'h1',
        trace_id: 'ab'.repeat(16),
        span_id: 'cd'.repeat(8),
        user: { id: 7 },
      }),
    ).toMatchObject({
      timeNs: 1_767_225_600_123_000_000n,
      body: 'paid',
      severity: 'warn',
      service: 'shop',
      resource: [
        ['service.name', 'shop'],
        ['host.name', 'h1'],
      ],
      traceId: 'ab'.repeat(16),
      spanId: 'cd'.repeat(8),
      attributes: [
        ['app', 'shop'],
        ['user.id', '7'],
      ],
    });
  });

  const times: [string, unknown, bigint][] = [
    ['seconds', 1_767_225_600, 1_767_225_600_000_000_000n],
    ['seconds with a fraction, as Fluent Bit sends them', 1_767_225_600.25, 1_767_225_600_250_000_000n],
    ['milliseconds', 1_767_225_600_123, 1_767_225_600_123_000_000n],
    ['microseconds', 1_767_225_600_123_456, 1_767_225_600_123_456_000n],
    ['nanoseconds', '1767225600123456789', 1_767_225_600_123_456_789n],
    ['ISO 8601', '2026-01-01T00:00:00.123456789Z', 1_767_225_600_123_456_789n],
  ];
  it.each(times)('may tell the time in %s', (_name, ts, expected) =>
    expect(one({ ts })?.timeNs).toBe(expected),
  );

  it('keep nanoseconds that came as a number', () => {
    expect(read('{"time":1767225600123456789,"msg":"x"}').records[0]?.timeNs).toBe(
      1_767_225_600_123_456_789n,
    );
  });

  it('that hold no time stay fields, and the next name is asked', () => {
    const record = one({ time: 0.35, date: '2026-01-01T00:00:00Z', message: 'x' });
    expect(record?.timeNs).toBe(1_767_225_600_000_000_000n);
    expect(record?.attributes).toEqual([['time', '0.35']]);
  });

  it('of pino: its levels are numbers', () => {
    expect(one({ level: 50, msg: 'x' })?.severity).toBe('error');
    expect(one({ level: 7, msg: 'x' })?.attributes).toEqual([['level', '7']]);
  });

  it('as Vector sends the journal: the message under its own name', () => {
    const record = one({
      __REALTIME_TIMESTAMP: '1767225600123456',
      PRIORITY: '4',
      SYSLOG_IDENTIFIER: 'sshd',
      _HOSTNAME: 'h1',
      host: 'h1',
      message: 'hello',
      source_type: 'journald',
      timestamp: '2026-01-01T00:00:00.123456Z',
    });
    expect(record).toMatchObject({
      timeNs: 1_767_225_600_123_456_000n,
      severity: 'warning',
      body: 'hello',
      service: 'sshd',
      resource: [
        ['service.name', 'sshd'],
        ['host.name', 'h1'],
      ],
    });
  });

  it('as Fluent Bit sends the journal, and a file', () => {
    expect(
      one({
        date: 1_767_225_600.5,
        MESSAGE: 'm',
        PRIORITY: '3',
        _SYSTEMD_UNIT: 'x.service',
        _HOSTNAME: 'h1',
      }),
    ).toMatchObject({ timeNs: 1_767_225_600_500_000_000n, severity: 'err', body: 'm', service: 'x.service' });
    expect(one({ date: 1_767_225_600.5, log: 'line' })).toMatchObject({
      body: 'line',
      service: 'unknown_service',
    });
  });

  it('of the journal as journalctl writes JSON', () => {
    const record = one({
      __CURSOR: 's=1',
      __REALTIME_TIMESTAMP: '1767225600123456',
      MESSAGE: [103, 114, 252, 110],
      PRIORITY: '3',
      SYSLOG_IDENTIFIER: 'sshd',
      _SYSTEMD_UNIT: 'ssh.service',
      _HOSTNAME: 'h1',
      OBJECT_PID: ['1', '2'],
      BIG: null,
    });
    expect(record).toMatchObject({
      timeNs: 1_767_225_600_123_456_000n,
      severity: 'err',
      service: 'sshd',
      resource: [
        ['service.name', 'sshd'],
        ['host.name', 'h1'],
      ],
    });
    expect(Buffer.from(record?.body ?? '').toString('latin1')).toBe('grün');
    expect(Object.fromEntries(record?.attributes ?? [])).toEqual({
      'journald.cursor': 's=1',
      _SYSTEMD_UNIT: 'ssh.service',
      OBJECT_PID: '["1","2"]',
      'clew.truncated': 'BIG',
    });
  });
});

describe('any body', () => {
  /** Whatever the separators are, each object is read once and in order. */
  function keepsObjects(reader: (text: string) => string[]): void {
    const message = fc.string({
      unit: fc.constantFrom('a', '"', '\\', '{', '}', ',', ']', '\n', 'ü'),
      minLength: 1,
    });
    const separator = fc.constantFrom('\n', '\r\n', '\n\n');
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 6 }),
        separator,
        fc.boolean(),
        (list, between, asArray) => {
          const objects = list.map((text) => JSON.stringify({ message: text }));
          expect(reader(asArray ? `[${objects.join(` ,${between}`)}]` : objects.join(between))).toEqual(list);
        },
      ),
      { seed, numRuns: 500 },
    );
  }

  it('of objects gives back each of them', () => keepsObjects(bodies));

  it('and the same property catches a reader that splits inside of strings', () => {
    expect(() =>
      keepsObjects((text) => [...text.matchAll(/\{"message":"([^"]*)"\}/g)].map((match) => match[1] ?? '')),
    ).toThrow(/Property failed/);
  });

  it('of broken bytes is read or refused, and the sink is as new afterwards', () => {
    const sink = new LogSink(limits);
    const run = (body: Uint8Array) => sink.collect('t', nowMs, () => void readRecords(body, sink));
    for (const text of [
      '{"ts":1767225600,"msg":"m","level":30}\n{"message":"n"}\n',
      '[{"msg":"m"},{"a":[1,{}]}]',
    ]) {
      const valid = Buffer.from(text);
      const first = Buffer.from(run(valid).blocks[0]?.bytes ?? []).toString('hex');
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
          (flips) => {
            const bytes = Buffer.from(valid);
            for (const [at, value] of flips) bytes[at] = value;
            try {
              run(bytes);
            } catch (error) {
              expect(error).toBeInstanceOf(MalformedError);
            }
          },
        ),
        { seed, numRuns: 2000 },
      );
      expect(Buffer.from(run(valid).blocks[0]?.bytes ?? []).toString('hex')).toBe(first);
    }
  });
});
