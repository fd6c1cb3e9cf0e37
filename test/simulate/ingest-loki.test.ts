import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { ClewError } from '../../src/lib/index.ts';
import { bytes, int, snappyOf, string } from '../support/remote-write.ts';
import { pretended, type Row, useFronts } from './ingest-fronts.ts';

const fronts = useFronts();
const nowNs = (offset = 0) => `${Date.now() + offset}000000`;

function push(body: string | Uint8Array, headers: Record<string, string> = {}, path = '/loki/api/v1/push') {
  const type = typeof body === 'string' ? 'application/json' : 'application/x-protobuf';
  return fetch(fronts.url + path, {
    method: 'POST',
    headers: { 'content-type': type, ...headers },
    body: typeof body === 'string' ? body : Buffer.from(body),
  });
}
const streamsOf = (stream: Row, values: unknown[]) => JSON.stringify({ streams: [{ stream, values }] });

interface Entry {
  line: string;
  at: string;
  metadata?: Record<string, string>;
}
function protobuf(labels: string, entries: Entry[]): Uint8Array {
  const messages = entries.flatMap(({ line, at, metadata }) =>
    bytes(2, [
      ...bytes(1, [...int(1, BigInt(at) / 1_000_000_000n), ...int(2, BigInt(at) % 1_000_000_000n)]),
      ...string(2, line),
      ...Object.entries(metadata ?? {}).flatMap(([name, value]) =>
        bytes(3, [...string(1, name), ...string(2, value)]),
      ),
    ]),
  );
  return Uint8Array.from(bytes(1, [...string(1, labels), ...messages, ...int(3, 12345n)]));
}

describe('a push', () => {
  it('in JSON becomes rows: labels are the resource, metadata the attributes', async () => {
    const at = nowNs();
    const metadata = { trace_id: 'AB'.repeat(16), span_id: 'cd'.repeat(8), level: 'warn', user: '7' };
    const answer = await push(
      streamsOf({ app: 'loki-json', pod: 'p-1' }, [
        [at, 'with metadata', metadata],
        [at, '{"level":"error","msg":"from the line"}'],
      ]),
    );
    expect([answer.status, await answer.text()]).toEqual([204, '']);
    const [first, second] = await fronts.rows('loki-json');
    expect(first).toMatchObject({
      Body: 'with metadata',
      SeverityText: 'warn',
      SeverityNumber: 13,
      TraceId: 'ab'.repeat(16),
      SpanId: 'cd'.repeat(8),
      ResourceAttributes: { 'service.name': 'loki-json', app: 'loki-json', pod: 'p-1' },
      LogAttributes: { user: '7' },
    });
    expect(BigInt(Date.parse(`${String(first?.Timestamp).replace(' ', 'T')}Z`)) * 1_000_000n).toBe(
      BigInt(at),
    );
    expect(second).toMatchObject({ SeverityText: 'error', SeverityNumber: 17, LogAttributes: {} });
    expect(second?.Shape).not.toBe('0');
  });

  it('in snappy protobuf, with or without Content-Encoding, gives the same row as in JSON', async () => {
    const at = `${Math.floor(Date.now() / 1000)}123456789`;
    const metadata = { trace_id: 'ab'.repeat(16), k: 'v' };
    const packed = (service: string) =>
      snappyOf(protobuf(`{app="${service}", level="info"}`, [{ at, line: 'ünï 1', metadata }]));
    expect((await push(packed('loki-proto'))).status).toBe(204);
    expect((await push(packed('loki-encoded'), { 'content-encoding': 'snappy' })).status).toBe(204);
    expect(
      (await push(streamsOf({ app: 'loki-same', level: 'info' }, [[at, 'ünï 1', metadata]]))).status,
    ).toBe(204);
    const found = await Promise.all(
      ['loki-proto', 'loki-encoded', 'loki-same'].map(async (service) => {
        const [row] = await fronts.rows(service);
        expect(row?.ResourceAttributes).toEqual({ 'service.name': service, app: service, level: 'info' });
        const { EventId, ObservedTimestamp, ServiceName, ResourceAttributes, ...rest } = row ?? {};
        return rest;
      }),
    );
    expect(found[0]).toMatchObject({ Body: 'ünï 1', SeverityText: 'info', LogAttributes: { k: 'v' } });
    expect(String(found[0]?.Timestamp)).toMatch(/\.123456789$/);
    expect(found[1]).toEqual(found[0]);
    expect(found[2]).toEqual(found[0]);
  });

  it('may be gzip, come by the old path and in the old form', async () => {
    const body = streamsOf({ service_name: 'loki-old', app: 'not this' }, [[nowNs(), 'a']]);
    const packed = await push(gzipSync(body), {
      'content-type': 'application/json; charset=utf-8',
      'content-encoding': 'gzip',
    });
    expect(packed.status).toBe(204);
    const old = {
      streams: [{ labels: '{job="loki-old"}', entries: [{ ts: new Date().toISOString(), line: 'b' }] }],
    };
    expect((await push(JSON.stringify(old), {}, '/api/prom/push')).status).toBe(204);
    expect((await fronts.rows('loki-old')).map((row) => row.Body)).toEqual(['a', 'b']);
  });

  it('has the same limits and marks as OTLP', async () => {
    const far = nowNs(3_600_000);
    const answer = await push(
      streamsOf({ app: 'loki-limits' }, [
        [far, 'far'],
        ['0', 'none'],
        ['-5', 'negative'],
        [nowNs(), 'x'.repeat(300), { long: 'ü'.repeat(80), trace_id: 'zz' }],
      ]),
    );
    expect(answer.status).toBe(204);
    const found = await fronts.rows('loki-limits');
    expect(found.map((row) => row.LogAttributes)).toEqual([
      { 'clew.time_sent': far },
      { 'clew.time': 'received' },
      { 'clew.time_sent': '-5' },
      { long: 'ü'.repeat(50), 'clew.truncated': 'long,body', 'clew.invalid_trace_id': 'zz' },
    ]);
    expect(String(found[3]?.Body)).toHaveLength(200);
    for (const row of found)
      expect(Math.abs(Date.parse(`${row.Timestamp}Z`) - Date.now())).toBeLessThan(60_000);
  });

  it('of no streams, or of none with lines, is acknowledged', async () => {
    expect((await push('{"streams":[]}')).status).toBe(204);
    expect((await push(streamsOf({ app: 'loki-empty' }, []))).status).toBe(204);
    expect((await push(snappyOf(new Uint8Array()))).status).toBe(204);
  });

  it('of which a stream has unreadable labels keeps the rest and says what is missing', async () => {
    const at = nowNs();
    const body = Buffer.concat([
      protobuf('{app="loki-part"}', [{ at, line: 'kept' }]),
      protobuf('{app=}', [{ at, line: 'lost' }]),
    ]);
    const answer = await push(snappyOf(body));
    expect(answer.status).toBe(400);
    expect(await answer.text()).toBe(
      'error parsing labels {app=}: at character 6, a value in double quotes is needed; 1 of 2 entries were not kept, they are in the dead letters\n',
    );
    expect(await fronts.rows('loki-part')).toHaveLength(1);
    const letters = await fronts.letters('loki/push');
    const last = letters.at(-1);
    expect(last?.ContentType).toBe('application/x-protobuf; part=record');
    expect(Buffer.from(String(last?.Payload), 'base64').toString()).toContain('lost');
  });
});

describe('what clients take for permanent', () => {
  const refused: [string, () => Promise<Response>, number, RegExp][] = [
    ['no JSON', () => push('{'), 400, /^The body is not JSON: /],
    ['an empty body', () => push(''), 400, /^The body is not JSON: /],
    ['no snappy', () => push(Buffer.from([9, 9])), 400, /^The snappy block can't be read: /],
    [
      'no protobuf',
      () => push(snappyOf(Buffer.from([0x0a, 9]))),
      400,
      /^The protobuf message can't be read /,
    ],
    ['no gzip', () => push('x', { 'content-encoding': 'gzip' }), 400, /^The body is not valid gzip: /],
    ['an unknown encoding', () => push('{}', { 'content-encoding': 'br' }), 415, /"br" is not understood/],
    [
      'gzip protobuf',
      () => push(gzipSync('x'), { 'content-encoding': 'gzip' }),
      415,
      /send the body as a snappy block/,
    ],
    [
      'another type',
      () => push('{}', { 'content-type': 'text/plain' }),
      415,
      /"text\/plain" is not understood/,
    ],
    [
      'no type at all',
      () => fetch(`${fronts.url}/loki/api/v1/push`, { method: 'POST', body: Buffer.from([0]) }),
      415,
      /"" is not understood; send application\/json or application\/x-protobuf/,
    ],
    ['a large body', () => push(`"${'x'.repeat(200_001)}"`), 413, /the limit of ingest\.body_bytes_max/],
    [
      'a large gzip body',
      () =>
        push(gzipSync('x'.repeat(300_000)), {
          'content-type': 'application/json',
          'content-encoding': 'gzip',
        }),
      413,
      /ingest\.body_bytes_max/,
    ],
    [
      'a large snappy body',
      () => push(Buffer.from([0xe0, 0xa7, 0x12, 0, 97])),
      413,
      /ingest\.body_bytes_max; send smaller batches/,
    ],
  ];
  it.each(refused)('%s', async (_name, send, status, message) => {
    const answer = await send();
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await answer.text()).toMatch(message);
  });

  it('what was unreadable is in the dead letters', async () => {
    const body = '{"streams": "lost and found"}';
    expect((await push(body)).status).toBe(400);
    const found = (await fronts.letters('loki/push')).find(
      (row) => Buffer.from(String(row.Payload), 'base64').toString() === body,
    );
    expect(found?.Reason).toBe('streams is "lost and found", an array is needed.');
  });
});

describe('what clients repeat', () => {
  it('too much pending: 429 with Retry-After, and nothing is kept', async () => {
    pretended.pendingBytes = 1e9;
    try {
      const answer = await push(streamsOf({ app: 'loki-full' }, [[nowNs(), 'x']]));
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '1']);
      expect(await answer.text()).toMatch(/ingest\.pending_bytes_max/);
    } finally {
      pretended.pendingBytes = 0;
    }
    expect(await fronts.rows('loki-full')).toEqual([]);
  });

  it('the handshake says whether senders may send', async () => {
    const ready = async () => {
      const answer = await fetch(`${fronts.guardedUrl}/ready`);
      return [answer.status, await answer.text()];
    };
    expect(await ready()).toEqual([200, 'ready\n']);
    pretended.ready = false;
    try {
      expect(await ready()).toEqual([503, 'segments are replayed\n']);
    } finally {
      pretended.ready = true;
    }
  });
});

describe('an acknowledgement', () => {
  afterEach(() => {
    pretended.beforeAppend = async () => undefined;
  });

  it('comes only after the records are durable', async () => {
    const gate = Promise.withResolvers<void>();
    pretended.beforeAppend = () => gate.promise;
    let answered = false;
    const answer = push(streamsOf({ app: 'loki-ack' }, [[nowNs(), 'x']])).then((response) => {
      answered = true;
      return response.status;
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(answered).toBe(false);
    gate.resolve();
    expect(await answer).toBe(204);
  });

  it('does not come when the store refuses: 503, to be repeated', async () => {
    pretended.beforeAppend = () => Promise.reject(new ClewError('unavailable', 'The disk is full.'));
    const answer = await push(streamsOf({ app: 'loki-ack' }, [[nowNs(), 'x']]));
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await answer.text()).toContain('The disk is full.');
  });
});

it('the token is asked for, as bearer or as password of any user', async () => {
  const send = async (authorization?: string) => {
    const headers = { 'content-type': 'application/json', ...(authorization && { authorization }) };
    const body = streamsOf({ app: 'loki-token' }, [[nowNs(), 'x']]);
    const answer = await fetch(`${fronts.guardedUrl}/loki/api/v1/push`, { method: 'POST', headers, body });
    return answer.status;
  };
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
  expect(await send()).toBe(401);
  expect(await send('Bearer wrong')).toBe(401);
  expect(await send(basic('any:wrong'))).toBe(401);
  expect(await send('Bearer secret')).toBe(204);
  expect(await send(basic('any:secret'))).toBe(204);
});
