import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClewError } from '../../lib/index.ts';
import { DocumentError } from '../document.ts';
import { bearerOf } from '../http.ts';
import { isoNanoseconds } from '../iso-time.ts';
import { LogSink } from '../log-sink.ts';
import { severityInLine } from '../severity.ts';
import { readBulk } from './bulk.ts';
import { readDocument } from './document.ts';
import { BulkError } from './failure.ts';

/** Set to repeat a run; fast-check prints the seed of a failure as well. */
const seed = 20_261_120;
const nowMs = Date.UTC(2026, 0, 2);
const limits = { attributeBytesMax: 100, bodyFieldBytesMax: 100, clockSkewS: 60 };

function bulk(text: string | Uint8Array, index = '', sink = new LogSink(limits)) {
  let answer = { items: [] as string[], errors: false };
  const kept = sink.collect('t', nowMs, () => {
    answer = readBulk(Buffer.from(text), index, sink, () => 'made');
  });
  return { kept, errors: answer.errors, items: answer.items.map((item) => JSON.parse(item)) };
}

describe('a bulk request', () => {
  const table: [string, string, string][] = [
    ['', 'parse_exception', 'request body is required'],
    ['{"create":{}}', 'illegal_argument_exception', 'must be terminated by a newline'],
    ['\n', 'action_request_validation_exception', 'no requests added'],
    ['x\n{}\n', 'illegal_argument_exception', 'Malformed action/metadata line [1], it is not JSON'],
    ['[]\n{}\n', 'illegal_argument_exception', 'line [1], expected an object'],
    [
      '{"upsert":{}}\n{}\n',
      'illegal_argument_exception',
      'expected field [create], [delete], [index] or [update] but found [upsert]',
    ],
    ['{"create":{},"index":{}}\n{}\n', 'illegal_argument_exception', 'but found [create, index]'],
    ['{"create":1}\n{}\n', 'illegal_argument_exception', 'expected an object in [create]'],
    ['{"create":{"_index":1}}\n{}\n', 'illegal_argument_exception', 'expected a string in [_index]'],
    ['{"create":{"_index":"i","_id":[]}}\n{}\n', 'illegal_argument_exception', 'expected a string in [_id]'],
    ['{"create":{}}\n{}\n', 'action_request_validation_exception', 'index is missing in line [1]'],
    ['{"create":{"_index":"i"}}\n', 'illegal_argument_exception', '[create] has no source line'],
  ];
  it.each(table)('%j is refused as a whole', (text, type, message) => {
    let thrown: unknown;
    try {
      bulk(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(BulkError);
    expect(thrown).toMatchObject({ type, message: expect.stringContaining(message) });
  });

  it('answers each item on its own, in the order of the request', () => {
    const { items, errors, kept } = bulk(
      [
        '{"create":{"_index":"a"}}',
        '{"message":"one"}',
        '{"index":{"_id":7}}',
        '{"message":"two"}\r',
        '{"delete":{"_id":"x"}}',
        '{"update":{"_id":"y"}}',
        '{"doc":{}}',
        '{"create":{}}',
        '{"message":',
        '',
        '{"create":{}}',
        '[1]',
        '{"create":{}}',
        '{"@timestamp":"soon"}',
        '',
      ].join('\n'),
      'fallback',
    );
    expect(errors).toBe(true);
    expect(items.map((item) => Object.entries<Record<string, unknown>>(item)[0])).toMatchObject([
      ['create', { _index: 'a', _id: 'made-0', status: 201, result: 'created' }],
      ['index', { _index: 'fallback', _id: '7', status: 201 }],
      ['delete', { status: 400, error: { reason: expect.stringContaining('[delete] is not supported') } }],
      ['update', { status: 400, error: { type: 'illegal_argument_exception' } }],
      ['create', { status: 400, error: { type: 'document_parsing_exception' } }],
      ['create', { error: { reason: 'failed to parse: the document must be an object' } }],
      ['create', { error: { reason: expect.stringContaining('failed to parse field [@timestamp]') } }],
    ]);
    expect(kept).toMatchObject({ records: 2, rejected: 5 });
  });

  it('of more items than one answer may hold is too large', () => {
    const text = '{"create":{}}\n{}\n'.repeat(100_001);
    expect(() => bulk(text, 'i')).toThrow(ClewError);
    expect(() => bulk(text, 'i')).toThrow(/More than 100000 items/);
  });
});

describe('a document', () => {
  const read = (value: unknown) => readDocument(JSON.stringify(value), 'i', '');

  it('becomes a record: names of ECS to their columns, everything else with dots', () => {
    const record = read({
      '@timestamp': '2026-01-01T00:00:00.123456789Z',
      message: 'hello',
      log: { level: 'WARN', file: { path: '/x' } },
      service: { name: 'shop', version: '1' },
      'host.name': 'h1',
      trace: { id: 'a'.repeat(32) },
      span: { id: 'b'.repeat(16) },
      tags: ['x', { y: 1 }],
      nothing: null,
      n: 1.5,
      yes: true,
    });
    expect(record).toEqual({
      timeNs: 1_767_225_600_123_456_789n,
      severity: 'WARN',
      traceId: 'a'.repeat(32),
      spanId: 'b'.repeat(16),
      body: 'hello',
      service: 'shop',
      resource: [
        ['service.name', 'shop'],
        ['service.version', '1'],
        ['host.name', 'h1'],
      ],
      attributes: [
        ['log.file.path', '/x'],
        ['tags', '["x",{"y":1}]'],
        ['n', '1.5'],
        ['yes', 'true'],
        ['index', 'i'],
      ],
    });
  });

  it('without a message is shown as it was sent, and a level that is none stays a field', () => {
    const record = read({ level: 30, a: 1 });
    expect(record).toMatchObject({ body: '{"level":30,"a":1}', severity: '', service: 'unknown_service' });
    expect(record.attributes).toContainEqual(['level', '30']);
  });

  it('keeps the digits of whole numbers beyond 2^53', () => {
    const source = '{"message":"m","id":12345678901234567890,"small":7,"list":[9007199254740993]}';
    expect(readDocument(source, 'i', '').attributes).toEqual([
      ['id', '12345678901234567890'],
      ['small', '7'],
      ['list', '["9007199254740993"]'],
      ['index', 'i'],
    ]);
  });

  it('takes the names of the service in their documented order', () => {
    expect(read({ app: 'b', kubernetes: { labels: { app: 'c' } } }).service).toBe('b');
    expect(read({ app: 'b' }).resource).toEqual([['service.name', 'b']]);
    expect(read({}).resource).toEqual([]);
    expect(read({ service: 'a', app: 'b' }).service).toBe('a');
    expect(read({ kubernetes: { container: { name: 'd' } } }).service).toBe('d');
  });

  const nest = (depth: number, open: string, close: string) => open.repeat(depth) + close.repeat(depth);
  const bad: [string, string, RegExp][] = [
    [
      'deep objects',
      `{"a":${nest(100_000, '{"a":', '}').replace('}', '1}')}}`,
      /nested deeper than 64|call stack/,
    ],
    ['deep lists', `{"a":${nest(100_000, '[', ']')}}`, /nested deeper than 64|call stack/],
    ['a long name', `{"${'x'.repeat(2000)}":1}`, /a name of more than 1024/],
    ['names that grow', `{"${'x'.repeat(600)}":{"${'y'.repeat(600)}":1}}`, /a name of more than 1024/],
    ['a time that is none', '{"@timestamp":{}}', /\[\{\}\] is neither an ISO 8601 time/],
  ];
  it.each(bad)('with %s is refused', (_name, source, message) => {
    expect(() => readDocument(source, 'i', '')).toThrow(DocumentError);
    expect(() => readDocument(source, 'i', '')).toThrow(message);
  });

  it('of any JSON is read or refused', () => {
    fc.assert(
      fc.property(fc.json(), (source) => {
        try {
          readDocument(source, 'i', '');
        } catch (error) {
          expect(error).toBeInstanceOf(DocumentError);
        }
      }),
      { seed, numRuns: 1000 },
    );
  });
});

describe('times', () => {
  const ns = (text: string) => BigInt(Date.parse(text)) * 1_000_000n;
  const table: [string, bigint | undefined][] = [
    ['2026-01-01T10:20:30Z', ns('2026-01-01T10:20:30Z')],
    ['2026-01-01T10:20:30.1Z', ns('2026-01-01T10:20:30.1Z')],
    ['2026-01-01T10:20:30.000000001+02:00', ns('2026-01-01T08:20:30Z') + 1n],
    ['2026-01-01 10:20:30,5-0330', ns('2026-01-01T13:50:30.5Z')],
    ['2026-01-01T10:20', ns('2026-01-01T10:20:00Z')],
    ['2026-01-01', ns('2026-01-01T00:00:00Z')],
    ['1969-12-31T23:59:59.5Z', -500_000_000n],
    ['2026-13-01', undefined],
    ['2026-01-01T25:00:00Z', undefined],
    ['now', undefined],
    ['', undefined],
  ];
  it.each(table)('%s', (text, expected) => expect(isoNanoseconds(text)).toBe(expected));
});

describe('the level of a line', () => {
  const table: [string, string][] = [
    ['{"level":"error","msg":"x"}', 'error'],
    ['{"ts":1,"log.level" : "WARN"}', 'WARN'],
    ['{"level":30}', ''],
    ['{"msg":"\\"level\\":\\"error\\""}', ''],
    ['ts=1 level=warn msg="x"', 'warn'],
    ['level="info" a=b', 'info'],
    ['sublevel=error', ''],
    ['level=strange', ''],
    ['an error happened', ''],
    [`a=b ${'x'.repeat(600)} level=error`, ''],
    ['', ''],
  ];
  it.each(table)('%s', (text, expected) => {
    const bytes = Buffer.from(`##${text}##`);
    expect(severityInLine(bytes, 2, bytes.length - 2)).toBe(expected);
  });
});

describe('credentials', () => {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const table: [string, string][] = [
    ['Bearer t', 'Bearer t'],
    [`Basic ${base64('user:t:x')}`, 'Bearer t:x'],
    [`ApiKey ${base64('id:t')}`, 'Bearer t'],
    ['ApiKey plain-token', 'Bearer plain-token'],
    ['Basic !!', 'Basic !!'],
    ['', ''],
  ];
  it.each(table)('%s', (given, expected) => expect(bearerOf(given)).toBe(expected));
});
