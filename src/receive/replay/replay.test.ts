import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { testSeed } from '../../../test/support/seed.ts';
import { isClewError, snappyDecompress } from '../../lib/index.ts';
import type { Letter } from '../door.ts';
import { fixLetter, type LetterFix } from './fix.ts';
import { LetterReader } from './read.ts';
import { replayableSources, replayRequest, snappyLiteral, UnreplayableError } from './request.ts';

const letter = (source: string, contentType: string, payload: Uint8Array | string): Letter => ({
  tenant: 't',
  source,
  reason: 'r',
  contentType,
  payload: typeof payload === 'string' ? Buffer.from(payload) : payload,
});
const plain = (payload: Buffer) => Buffer.from(snappyDecompress(payload, 1e8));

describe('a letter becomes the request of its protocol', () => {
  test.each([
    ['otlp/logs', 'application/json', '{}', '/v1/logs', 'application/json', '{}'],
    [
      'otlp/traces',
      'application/x-protobuf; part=record',
      'S',
      '/v1/traces',
      'application/x-protobuf',
      '\x0a\x05\x12\x03\x12\x01S',
    ],
    [
      'loki/push',
      'application/json; part=record',
      '{"a":1}',
      '/loki/api/v1/push',
      'application/json',
      '{"streams":[{"a":1}]}',
    ],
    [
      'elastic/bulk',
      'application/x-ndjson; part=record',
      '{"m":1}',
      '/_bulk',
      'application/x-ndjson',
      '{"create":{"_index":"replayed"}}\n{"m":1}\n',
    ],
    [
      'elastic/bulk',
      'application/x-ndjson; part=record',
      '{"index":{}}\n{"m":1}',
      '/_bulk',
      'application/x-ndjson',
      '{"index":{}}\n{"m":1}\n',
    ],
    ['zipkin/spans', 'application/json; part=record', '{}', '/api/v2/spans', 'application/json', '[{}]'],
    [
      'ndjson',
      'application/x-ndjson; part=record',
      '{}',
      '/api/v1/logs/ndjson',
      'application/x-ndjson',
      '{}',
    ],
    ['jaeger/spans', 'application/x-thrift; part=record', 'T', '/api/traces', 'application/x-thrift', 'T'],
    [
      'events/kubernetes',
      'application/json; part=record',
      '{}',
      '/api/v1/events/kubernetes',
      'application/json',
      '{}',
    ],
  ])('%s as %s', (source, type, payload, url, sentType, sent) => {
    const request = replayRequest(letter(source, type, payload));
    expect([request.url, request.contentType, request.payload.toString('latin1')]).toEqual([
      url,
      sentType,
      sent,
    ]);
  });

  test.each([
    [
      'loki/push',
      'application/x-protobuf; part=record',
      '/loki/api/v1/push',
      'application/x-protobuf',
      '\x0a\x01S',
    ],
    [
      'prometheus/remote-write',
      'application/x-protobuf; version=1; part=timeseries',
      '/api/v1/write',
      'application/x-protobuf;proto=prometheus.WriteRequest',
      '\x0a\x01S',
    ],
    [
      'prometheus/remote-write',
      'application/x-protobuf; version=2',
      '/api/v1/write',
      'application/x-protobuf;proto=io.prometheus.write.v2.Request',
      'S',
    ],
  ])('%s as %s, in snappy', (source, type, url, sentType, sent) => {
    const request = replayRequest(letter(source, type, 'S'));
    expect([request.url, request.contentType, plain(request.payload).toString('latin1')]).toEqual([
      url,
      sentType,
      sent,
    ]);
  });

  test.each([
    ['syslog/udp', 'text/plain', /^letters of "syslog\/udp" can't be replayed; those of otlp\/logs, /],
    ['otlp/metrics', 'application/x-protobuf; part=record', /^it is a data point without its metric/],
  ])('%s as %s can not', (source, type, message) => {
    expect(() => replayRequest(letter(source, type, 'x'))).toThrow(UnreplayableError);
    expect(() => replayRequest(letter(source, type, 'x'))).toThrow(message);
  });
});

describe('edits', () => {
  test.each<[string, string, LetterFix[], string]>([
    ['every place', 'a.b.a', [{ op: 'replace', find: 'a', with: '$&' }], '$&.b.$&'],
    ['groups', 'k=1', [{ op: 'replace_regex', find: '(\\w)=(\\d)', with: '$2=$1' }], '1=k'],
    [
      'one after the other',
      'a',
      [
        { op: 'replace', find: 'a', with: 'b' },
        { op: 'replace', find: 'b', with: '身' },
      ],
      '身',
    ],
  ])('%s', (_what, text, fixes, expected) => {
    expect(Buffer.from(fixLetter(letter('x', 'y', text), fixes).payload).toString()).toBe(expected);
  });

  test.each<[string, Uint8Array, LetterFix, RegExp]>([
    [
      'of bytes',
      Buffer.from([0xff, 0]),
      { op: 'replace', find: 'a', with: '' },
      /^fix\[0\]: the payload is not text/,
    ],
    [
      'without end',
      Buffer.from('a'.repeat(200_000)),
      { op: 'replace', find: 'a', with: 'b'.repeat(10_000) },
      /it makes more than 5242880 characters of the letter/,
    ],
    [
      'by an expression without end',
      Buffer.from('a'.repeat(200_000)),
      { op: 'replace_regex', find: 'a', with: 'b'.repeat(10_000) },
      /it makes more than 5242880 characters of the letter/,
    ],
    [
      'by a wrong expression',
      Buffer.from('a'),
      { op: 'replace_regex', find: '(', with: '' },
      /^fix\[0\]: the expression can't be used/,
    ],
  ])('%s are refused', (_what, payload, fix, message) => {
    expect(() => fixLetter(letter('x', 'y', payload), [fix])).toThrow(message);
  });
});

const parts = [
  '',
  '; part=record',
  '; part=timeseries',
  '; version=2',
  ';',
  '; part=',
  '; version=1; part=timeseries',
];
const letters = fc
  .tuple(
    fc.oneof(fc.constantFrom(...replayableSources), fc.string()),
    fc.constantFrom('application/json', 'application/x-protobuf', 'application/x-ndjson', '', 'a/b'),
    fc.constantFrom(...parts),
    fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc.json().map((text) => Buffer.from(text)),
    ),
  )
  .map(([source, type, part, payload]) => letter(source, `${type}${part}`, payload));

/** Whatever lies in the table: a request of bounded size, or a typed error. */
function holds(make: typeof replayRequest, each: Letter): boolean {
  try {
    return make(each).payload.length <= each.payload.length + 100;
  } catch (error) {
    return error instanceof UnreplayableError || isClewError(error);
  }
}

describe('any letter', () => {
  const seed = testSeed;
  it(`becomes a request or says why not (seed ${seed})`, () => {
    fc.assert(
      fc.property(letters, (each) => holds(replayRequest, each)),
      { seed, numRuns: 2_000 },
    );
  });
  it('canary: a decoder that trips over a semicolon is caught by the same property', () => {
    const broken: typeof replayRequest = (each) => {
      if (each.contentType.endsWith(';')) throw new TypeError('part');
      return replayRequest(each);
    };
    expect(
      fc.check(
        fc.property(letters, (each) => holds(broken, each)),
        { seed, numRuns: 2_000 },
      ).failed,
    ).toBe(true);
  });
  it('comes through snappy as it was', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300_000, size: 'max' }), (bytes) =>
        plain(snappyLiteral(bytes)).equals(Buffer.from(bytes)),
      ),
      { seed, numRuns: 30 },
    );
  });
});

it('a letter of which a part is refused again is refused whole, and receivers forget what they remembered of it', async () => {
  let made = 0;
  let closed = 0;
  const reader = new LetterReader(async (door) => {
    made += 1;
    return {
      send: async () => {
        const block = { table: 'otel_logs' as const, rows: 1, bytes: new Uint8Array(8) };
        await door.deliver({
          tenant: 't',
          signal: 'logs',
          blocks: [block],
          records: 1,
          rejected: 1,
          bytes: 1,
          startedAt: 0,
        });
        await door.deadLetters([letter('otlp/logs', '', 'x')]);
        return { status: 200, body: '' };
      },
      close: async () => {
        closed += 1;
      },
    };
  });
  expect(await reader.read(letter('otlp/logs', 'application/json', '{}'))).toEqual({
    kind: 'refused',
    reason: 'r',
  });
  await reader.read(letter('otlp/logs', 'application/json', '{}'));
  expect([made, closed]).toEqual([2, 2]);
});
