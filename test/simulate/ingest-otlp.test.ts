import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { jsonToWire } from '../../src/receive/otlp/json.ts';
import {
  address,
  config,
  letters,
  logsOf,
  makeServer,
  post,
  pretended,
  rows,
  spansOf,
  text,
  useIngest,
} from './ingest-harness.ts';

useIngest();

describe('OTLP/HTTP', () => {
  const examples = '../shared/data/otlp/examples';
  it.skipIf(!existsSync(examples))('takes the examples of the specification', async () => {
    for (const [file, signal] of [
      ['logs', 'logs'],
      ['events', 'logs'],
      ['trace', 'traces'],
      ['metrics', 'metrics'],
    ]) {
      const response = await post(signal ?? '', await readFile(join(examples, `${file}.json`), 'utf8'));
      expect([file, response.status, await response.json()]).toEqual([file, 200, {}]);
    }
    expect((await rows('metric_histograms', 'my.service')).length).toBe(2);
  });

  it.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
    ['deflate', deflateSync],
  ])('takes bodies in %s, bounded after decompression', async (encoding, compress) => {
    const headers = { 'content-encoding': encoding };
    const body = jsonToWire('logs', logsOf(`packed-${encoding}`, [{ body: text('hello') }]));
    const response = await post('logs', compress(body), headers);
    expect([response.status, (await response.arrayBuffer()).byteLength]).toEqual([200, 0]);
    expect(await rows('otel_logs', `packed-${encoding}`)).toHaveLength(1);
    const bomb = await post('logs', compress(Buffer.alloc(5_000_000)), headers);
    expect([bomb.status, await bomb.text()]).toEqual([413, expect.stringContaining('ingest.body_bytes_max')]);
    const broken = await post('logs', Buffer.from('not packed at all'), headers);
    expect([broken.status, await broken.text()]).toEqual([400, expect.stringContaining(encoding)]);
  });

  it.each([
    ['text/plain', {}, 415, 'content-type'],
    ['application/x-protobuf', { 'content-encoding': 'br' }, 415, 'content-encoding'],
  ])('refuses %s %o with %i', async (type, headers, status, named) => {
    const response = await fetch(`${address()}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': type, ...headers },
      body: 'x',
    });
    expect([response.status, (await response.text()).toLowerCase()]).toEqual([
      status,
      expect.stringContaining(named),
    ]);
  });

  it('refuses a body beyond the limit with 413 and an unknown path with 404', async () => {
    const big = await post('logs', Buffer.alloc(300_000));
    expect([big.status, await big.text()]).toEqual([413, expect.stringContaining('ingest.body_bytes_max')]);
    expect((await post('nothing', '{}')).status).toBe(404);
    expect((await fetch(`${address()}/v1/logs`)).status).toBe(404);
  });

  it('answers malformed protobuf with 400 and google.rpc.Status in protobuf, and keeps the bytes', async () => {
    const before = (await letters()).length;
    const body = Buffer.from([0x0a, 0x7f, 0x01]);
    const response = await post('traces', body);
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toBe('application/x-protobuf');
    const answer = Buffer.from(await response.arrayBuffer());
    expect([...answer.subarray(0, 3)]).toEqual([0x08, 3, 0x12]);
    expect(answer.toString()).toContain('a field of 127 bytes stands where 1 are left');
    const kept = await letters();
    expect(kept).toHaveLength(before + 1);
    expect(kept.at(-1)).toMatchObject({ Source: 'otlp/traces', Payload: body.toString('base64') });
  });

  it('answers malformed JSON with 400, a status in JSON, and the path of the fault', async () => {
    const response = await post('logs', logsOf('x', [{ timeUnixNano: 'soon' }]));
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({
      code: 3,
      message: 'resourceLogs[0].scopeLogs[0].logRecords[0].timeUnixNano is "soon", an integer is needed.',
    });
    expect((await post('logs', '{"resourceLogs": [')).status).toBe(400);
    expect((await post('logs', '{"unknownField": [1], "resourceLogs": null}')).status).toBe(200);
  });

  it('keeps good spans beside bad ones and says how many were rejected, in both encodings', async () => {
    const good = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', name: 'good' };
    const bad = { traceId: '00000000000000000000000000000000', spanId: 'b7ad6b7169203331', name: 'bad' };
    const short = { ...good, spanId: 'b7', name: 'short' };
    const before = (await letters()).length;
    const json = await post('traces', spansOf('partial', [good, bad, short]));
    expect([json.status, await json.json()]).toEqual([
      200,
      { partialSuccess: { rejectedSpans: '2', errorMessage: expect.stringContaining('trace_id') } },
    ]);
    const wire = await post('traces', jsonToWire('traces', spansOf('partial', [good, bad])));
    const answer = Buffer.from(await wire.arrayBuffer());
    expect(answer[0]).toBe(0x0a);
    // A length of two bytes, then rejected_spans = 1.
    expect([...answer.subarray(3, 5)]).toEqual([0x08, 1]);
    expect((await rows('otel_traces', 'partial')).map((row) => row.SpanName)).toEqual(['good', 'good']);
    expect((await letters()).length).toBe(before + 3);
  });

  it('asks for the token where one is set', async () => {
    const guarded = makeServer('secret');
    const inject = (authorization: string) =>
      guarded.inject({
        method: 'POST',
        url: '/v1/logs',
        headers: { 'content-type': 'application/json', authorization },
        payload: '{}',
      });
    expect((await inject('')).statusCode).toBe(401);
    expect((await inject('Bearer wrong')).statusCode).toBe(401);
    expect((await inject('Bearer secret')).statusCode).toBe(200);
    await guarded.close();
  });
});

describe('back-pressure', () => {
  beforeEach(() => {
    pretended.pendingBytes = 0;
  });
  it('answers 429 with Retry-After while too much is pending, and takes the request afterwards', async () => {
    pretended.pendingBytes = config.ingest.pendingBytesMax;
    const refused = await post('logs', logsOf('pressed', [{ body: text('a') }]));
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
    expect(await refused.json()).toMatchObject({
      code: 8,
      message: expect.stringContaining('pending_bytes_max'),
    });
    pretended.pendingBytes = 0;
    expect((await post('logs', logsOf('pressed', [{ body: text('a') }]))).status).toBe(200);
    expect(await rows('otel_logs', 'pressed')).toHaveLength(1);
  });
});
