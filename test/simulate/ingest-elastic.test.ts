import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { ClewError } from '../../src/lib/index.ts';
import { pretended, useFronts } from './ingest-fronts.ts';

const fronts = useFronts();
const compatible = 'application/vnd.elasticsearch+json; compatible-with=8';

interface Answer {
  took: number;
  errors: boolean;
  items: Record<
    string,
    { _index: string; _id: string; status: number; error?: { type: string; reason: string } }
  >[];
}
interface Refusal {
  status: number;
  error: { type: string; reason: string; root_cause: { type: string; reason: string }[] };
}

function send(body: string | Uint8Array, headers: Record<string, string> = {}, path = '/_bulk') {
  return fetch(fronts.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', ...headers },
    body: typeof body === 'string' ? body : Buffer.from(body),
  });
}
const ndjson = (...lines: unknown[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join('');
const create = (index = 'logs') => ({ create: { _index: index } });

describe('a bulk request', () => {
  it('becomes rows, with an answer for each item', async () => {
    const answer = await send(
      ndjson(
        create('filebeat-8'),
        {
          '@timestamp': '2026-01-01T10:00:00.123Z',
          message: 'paid 7',
          log: { level: 'error', logger: 'x' },
          service: { name: 'elastic-rows' },
          host: { name: 'h1', os: { type: 'linux' } },
          trace: { id: 'ab'.repeat(16) },
          'span.id': 'cd'.repeat(8),
        },
        { index: { _index: 'other', _id: 'own' } },
        { message: 'level=warn without a time', 'service.name': 'elastic-rows' },
      ),
    );
    expect([
      answer.status,
      answer.headers.get('x-elastic-product'),
      answer.headers.get('content-type'),
    ]).toEqual([200, 'Elasticsearch', 'application/json']);
    const body = (await answer.json()) as Answer;
    expect(body).toMatchObject({
      errors: false,
      items: [
        { create: { _index: 'filebeat-8', status: 201, result: 'created' } },
        { index: { _index: 'other', _id: 'own', status: 201 } },
      ],
    });
    expect(Number.isInteger(body.took)).toBe(true);
    const [first, second] = await fronts.rows('elastic-rows');
    expect(first).toMatchObject({
      Body: 'paid 7',
      SeverityText: 'error',
      SeverityNumber: 17,
      TraceId: 'ab'.repeat(16),
      SpanId: 'cd'.repeat(8),
      ResourceAttributes: { 'service.name': 'elastic-rows', 'host.name': 'h1' },
      LogAttributes: { 'log.logger': 'x', 'host.os.type': 'linux', index: 'filebeat-8' },
    });
    expect(String(first?.Timestamp)).toBe('2026-01-01 10:00:00.123000000');
    expect(second).toMatchObject({
      SeverityNumber: 13,
      LogAttributes: { index: 'other', _id: 'own', 'clew.time': 'received' },
    });
  });

  it('may be gzip, name its index in the path, and be asked for in a versioned type', async () => {
    const body = gzipSync(ndjson({ create: {} }, { message: 'a', app: 'elastic-gzip' }));
    const headers = {
      'content-type': 'application/vnd.elasticsearch+x-ndjson; compatible-with=8',
      'content-encoding': 'gzip',
      accept: compatible,
    };
    const answer = await send(body, headers, '/from-path/_bulk?pipeline=parse');
    expect(answer.headers.get('content-type')).toBe(compatible);
    expect(answer.headers.get('warning')).toMatch(/^299 Elasticsearch-8\.\S+ "Clew runs no ingest pipelines/);
    expect(((await answer.json()) as Answer).items[0]?.create?._index).toBe('from-path');
    expect((await fronts.rows('elastic-gzip'))[0]?.LogAttributes).toMatchObject({ index: 'from-path' });
  });

  it('says of each item that was refused why, and keeps the others', async () => {
    const answer = await send(
      ndjson(create(), { message: 'kept', app: 'elastic-part' }) +
        '{"create":{"_index":"logs"}}\n{"message": unreadable\n' +
        ndjson(
          { update: { _index: 'logs', _id: 'x' } },
          { doc: {} },
          { delete: { _index: 'logs', _id: 'y' } },
        ) +
        ndjson(create(), { '@timestamp': 'soon' }, create(), { message: 'kept too', app: 'elastic-part' }),
    );
    expect(answer.status).toBe(200);
    const { errors, items } = (await answer.json()) as Answer;
    expect(errors).toBe(true);
    const told = items.flatMap((item) =>
      Object.entries(item).map(([action, { status, error }]) => [action, status, error?.type]),
    );
    expect(told).toEqual([
      ['create', 201, undefined],
      ['create', 400, 'document_parsing_exception'],
      ['update', 400, 'illegal_argument_exception'],
      ['delete', 400, 'illegal_argument_exception'],
      ['create', 400, 'document_parsing_exception'],
      ['create', 201, undefined],
    ]);
    expect((await fronts.rows('elastic-part')).map((row) => row.Body)).toEqual(['kept', 'kept too']);
    const letters = await fronts.letters('elastic/bulk');
    const payloads = letters.map((row) => Buffer.from(String(row.Payload), 'base64').toString());
    const documents = payloads.map((payload) => payload.split('\n')[1]);
    expect(payloads).toContainEqual(expect.stringMatching(/^\{"create":\{"_index":/));
    expect(documents).toContain('{"message": unreadable');
    expect(documents).toContain('{"@timestamp":"soon"}');
  });

  it('has the same limits and marks as OTLP', async () => {
    const far = new Date(Date.now() + 3_600_000).toISOString();
    await send(
      ndjson(create(), {
        '@timestamp': far,
        message: 'x'.repeat(300),
        app: 'elastic-limits',
        long: 'ü'.repeat(80),
        trace: { id: 'zz' },
      }),
    );
    const [row] = await fronts.rows('elastic-limits');
    expect(String(row?.Body)).toHaveLength(200);
    expect(row?.LogAttributes).toEqual({
      app: 'elastic-limits',
      long: 'ü'.repeat(50),
      index: 'logs',
      'clew.truncated': 'long,body',
      'clew.time_sent': `${Date.parse(far)}000000`,
      'clew.invalid_trace_id': 'zz',
    });
  });
});

describe('a request that is refused as a whole', () => {
  const refused: [string, () => Promise<Response>, number, string, RegExp][] = [
    ['empty', () => send(''), 400, 'parse_exception', /request body is required/],
    [
      'unterminated',
      () => send('{"create":{}}'),
      400,
      'illegal_argument_exception',
      /terminated by a newline/,
    ],
    [
      'no bulk request',
      () => send('hello\nworld\n'),
      400,
      'illegal_argument_exception',
      /Malformed action\/metadata line \[1\]/,
    ],
    [
      'without an index',
      () => send(ndjson({ create: {} }, {})),
      400,
      'action_request_validation_exception',
      /index is missing/,
    ],
    [
      'no gzip',
      () => send('x', { 'content-encoding': 'gzip' }),
      400,
      'illegal_argument_exception',
      /not valid gzip/,
    ],
    [
      'another type',
      () => send('x', { 'content-type': 'text/plain' }),
      406,
      'media_type_header_exception',
      /Content-Type header \[text\/plain\] is not supported/,
    ],
    [
      'another encoding',
      () => send('x', { 'content-encoding': 'br' }),
      415,
      'media_type_header_exception',
      /"br" is not understood/,
    ],
    [
      'too large',
      () => send('x'.repeat(200_001)),
      413,
      'content_too_long_exception',
      /ingest\.body_bytes_max/,
    ],
    [
      'too large unpacked',
      () => send(gzipSync('x'.repeat(300_000)), { 'content-encoding': 'gzip' }),
      413,
      'content_too_long_exception',
      /ingest\.body_bytes_max/,
    ],
  ];
  it.each(refused)('%s', async (_name, request, status, type, reason) => {
    const answer = await request();
    expect([answer.status, answer.headers.get('x-elastic-product')]).toEqual([status, 'Elasticsearch']);
    const body = (await answer.json()) as Refusal;
    expect(body).toMatchObject({ status, error: { type, reason: expect.stringMatching(reason) } });
    expect(body.error.root_cause).toEqual([{ type, reason: body.error.reason }]);
  });

  it('because too much is pending may be repeated', async () => {
    pretended.pendingBytes = 1e9;
    try {
      const answer = await send(ndjson(create(), { message: 'x', app: 'elastic-full' }));
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '1']);
      expect(((await answer.json()) as Refusal).error.type).toBe('es_rejected_execution_exception');
    } finally {
      pretended.pendingBytes = 0;
    }
    expect(await fronts.rows('elastic-full')).toEqual([]);
  });
});

describe('what clients ask first', () => {
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(fronts.url + path, { method, headers });

  it('GET / is the console for browsers and names an Elasticsearch of version 8 for clients', async () => {
    const page = await get('/', { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' });
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('x-elastic-product')).toBeNull();
    for (const accept of ['*/*', 'application/json', compatible]) {
      const info = await get('/', { accept });
      expect(info.headers.get('x-elastic-product')).toBe('Elasticsearch');
      expect(info.headers.get('vary')).toBe('accept');
      const { version } = (await info.json()) as { version: { number: string; build_flavor: string } };
      expect(version.number).toMatch(/^8\.\d+\.\d+$/);
    }
    const head = await get('/', {}, 'HEAD');
    expect([head.status, head.headers.get('x-elastic-product')]).toEqual([200, 'Elasticsearch']);
  });

  it('licence, health and set-up calls are answered', async () => {
    expect(await (await get('/_license')).json()).toMatchObject({ license: { status: 'active' } });
    expect(await (await get('/_xpack')).json()).toMatchObject({ license: { type: 'basic' } });
    expect(await (await get('/_cluster/health')).json()).toMatchObject({ status: 'green' });
    pretended.ready = false;
    expect(await (await get('/_cluster/health')).json()).toMatchObject({ status: 'red' });
    pretended.ready = true;
    for (const kind of [
      '_index_template',
      '_component_template',
      '_template',
      '_ilm/policy',
      '_ingest/pipeline',
    ]) {
      for (const method of ['GET', 'HEAD'])
        expect((await get(`/${kind}/filebeat`, {}, method)).status, kind).toBe(404);
      const put = await fetch(`${fronts.url}/${kind}/filebeat`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: '{}',
      });
      expect(await put.json(), kind).toEqual({ acknowledged: true });
      expect(put.headers.get('warning'), kind).toMatch(/^299 Elasticsearch-8\.\S+ "Clew /);
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
    const answer = send(ndjson(create(), { message: 'x', app: 'elastic-ack' })).then((response) => {
      answered = true;
      return response.status;
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(answered).toBe(false);
    gate.resolve();
    expect(await answer).toBe(200);
  });

  it('does not come when the store refuses: 503, to be repeated', async () => {
    pretended.beforeAppend = () => Promise.reject(new ClewError('unavailable', 'The disk is full.'));
    const answer = await send(ndjson(create(), { message: 'x', app: 'elastic-ack' }));
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await answer.text()).toContain('The disk is full.');
  });
});

it('the token is asked for, as bearer, API key or password of any user', async () => {
  const status = async (path: string, authorization: string) => {
    const headers = { 'content-type': 'application/x-ndjson', authorization };
    const answer = path.endsWith('_bulk')
      ? await fetch(fronts.guardedUrl + path, { method: 'POST', headers, body: ndjson(create(), { a: 1 }) })
      : await fetch(fronts.guardedUrl + path, { headers });
    return answer.status;
  };
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  for (const path of ['/_bulk', '/traces/_bulk', '/_license', '/_ingest/pipeline/x', '/unknown']) {
    for (const wrong of ['', 'Bearer no', `Basic ${base64('u:no')}`, `ApiKey ${base64('i:no')}`])
      expect(await status(path, wrong), path).toBe(401);
  }
  for (const right of ['Bearer secret', `Basic ${base64('u:secret')}`, `ApiKey ${base64('i:secret')}`])
    expect(await status('/_bulk', right)).toBe(200);
});
