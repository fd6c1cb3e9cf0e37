import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { pretended, useFronts } from './ingest-fronts.ts';

const fronts = useFronts();

function send(body: string | Uint8Array, headers: Record<string, string> = {}) {
  return fetch(`${fronts.url}/api/v1/logs/ndjson`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', ...headers },
    body: typeof body === 'string' ? body : Buffer.from(body),
  });
}
const json = { 'content-type': 'application/json' };

describe('logs as JSON', () => {
  it('become rows: the body of a shell loop that sends one object a request', async () => {
    const ts = Date.parse('2026-01-01T10:00:00.123Z');
    const answer = await send(JSON.stringify({ app: 'nd-auth', trace_id: 't-0', message: 'log', ts }), json);
    expect([answer.status, await answer.json()]).toEqual([200, { accepted: 1, rejected: 0, errors: [] }]);
    const [row] = await fronts.rows('nd-auth');
    expect(row).toMatchObject({
      Body: 'log',
      TraceId: '',
      ResourceAttributes: { 'service.name': 'nd-auth' },
      LogAttributes: { app: 'nd-auth', 'clew.invalid_trace_id': 't-0' },
    });
    expect(String(row?.Timestamp)).toBe('2026-01-01 10:00:00.123000000');
  });

  it('may be lines or an array, plain or packed', async () => {
    const lines = '{"service":"nd-forms","message":"1"}\n{"service":"nd-forms","message":"2"}\n';
    const array = JSON.stringify([
      { service: 'nd-forms', message: '3' },
      { service: 'nd-forms', message: '4' },
    ]);
    expect((await send(gzipSync(lines), { 'content-encoding': 'gzip' })).status).toBe(200);
    expect((await send(zstdCompressSync(array), { ...json, 'content-encoding': 'zstd' })).status).toBe(200);
    expect((await fronts.rows('nd-forms')).map((row) => row.Body)).toEqual(['1', '2', '3', '4']);
  });

  it('that can not be read are named with their line, and the rest is kept', async () => {
    const answer = await send(
      '{"service":"nd-part","message":"a"}\n{broken\n{"service":"nd-part","message":"b"}\n',
    );
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      accepted: 2,
      rejected: 1,
      errors: [{ line: 2, reason: expect.stringContaining('failed to parse') }],
    });
    expect((await fronts.rows('nd-part')).map((row) => row.Body)).toEqual(['a', 'b']);
    const letter = (await fronts.letters('ndjson')).at(-1);
    expect(letter?.Reason).toMatch(/^line 2: /);
    expect(Buffer.from(String(letter?.Payload), 'base64').toString()).toBe('{broken');
  });
});

describe('a request that is refused', () => {
  const refused: [string, () => Promise<Response>, number, string, RegExp][] = [
    ['empty', () => send(''), 400, 'bad_request', /holds no record/],
    ['an empty array', () => send('[]', json), 400, 'bad_request', /holds no record/],
    [
      'nothing readable',
      () => send('x\ny\n'),
      400,
      'bad_request',
      /None of 2 lines could be kept: failed to parse/,
    ],
    ['an open array', () => send('[{"a":1}', json), 400, 'bad_request', /"," or "\]" is needed|does not end/],
    ['no gzip', () => send('x', { 'content-encoding': 'gzip' }), 400, 'bad_request', /not valid gzip/],
    [
      'another type',
      () => send('x', { 'content-type': 'text/plain' }),
      415,
      'unsupported_media_type',
      /"text\/plain" is not understood/,
    ],
    [
      'another encoding',
      () => send('x', { 'content-encoding': 'br' }),
      415,
      'unsupported_media_type',
      /"br" is not understood/,
    ],
    ['too large', () => send('x'.repeat(200_001)), 413, 'too_large', /ingest\.body_bytes_max/],
    [
      'too large unpacked',
      () => send(gzipSync('x'.repeat(300_000)), { 'content-encoding': 'gzip' }),
      413,
      'too_large',
      /ingest\.body_bytes_max/,
    ],
  ];
  it.each(refused)('%s', async (_name, request, status, code, message) => {
    const answer = await request();
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({
      error: { code, retryable: false, message: expect.stringMatching(message) },
    });
  });

  it('because too much is pending may be repeated', async () => {
    pretended.pendingBytes = 1e9;
    const answer = await send('{"service":"nd-full","message":"x"}');
    pretended.pendingBytes = 0;
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '1']);
    expect(await fronts.rows('nd-full')).toEqual([]);
  });

  it('without the token, where one is set', async () => {
    const post = (authorization: string) =>
      fetch(`${fronts.guardedUrl}/api/v1/logs/ndjson`, {
        method: 'POST',
        headers: { ...json, authorization },
        body: '{"message":"x"}',
      });
    expect((await post('')).status).toBe(401);
    expect((await post('Bearer secret')).status).toBe(200);
    expect((await post(`Basic ${Buffer.from('u:secret').toString('base64')}`)).status).toBe(200);
  });
});
