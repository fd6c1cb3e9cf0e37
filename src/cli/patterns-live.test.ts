import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { patternsLive } from './patterns-live.ts';

/** Answers what it was asked. */
let server: Server;
let url = '';
const asked: { path: string; body: string; token: string | undefined }[] = [];
const answers: Record<string, object> = {
  '/api/v1/patterns': {
    data: [
      {
        pattern_id: '7',
        severity: 'ERROR',
        count: 3,
        share: 0.25,
        is_new: true,
        services: ['a', 'b'],
        name: 'N',
        template: 't <*>',
      },
    ],
  },
  '/api/v1/patterns/compare': {
    data: [
      { state: 'same' },
      {
        state: 'up',
        pattern_id: '1',
        severity: 'INFO',
        before: 1,
        count: 9,
        services: [],
        name: '',
        template: 't',
      },
    ],
  },
  '/api/v1/patterns/events': { data: [] },
  '/api/v1/patterns/status': {
    data: [
      {
        service: 'a',
        state: 'failed',
        patterns: 2,
        flows: [
          { flow: 'mining', state: 'failed', reason: 'no room' },
          { flow: 'counting', state: 'success', reason: '' },
        ],
      },
    ],
  },
  '/api/v1/patterns/restart': { data: { services: ['a'] } },
};

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += String(chunk);
    });
    request.on('end', () => {
      const path = request.url ?? '';
      asked.push({ path, body, token: request.headers.authorization });
      const found = answers[path.split('?')[0] ?? ''];
      response.statusCode = path.includes('service=bad') ? 400 : 200;
      response.end(JSON.stringify(path.includes('service=bad') ? { error: { message: 'no' } } : found));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

async function run(words: string[], flags: Record<string, string> = {}, json = false) {
  let text = '';
  const options = {
    url,
    token: 'secret',
    nowMs: 10_000_000,
    json,
    write: (part: string) => {
      text += part;
    },
  };
  return { code: await patternsLive(words, flags, options), text, request: asked.at(-1) };
}

describe('clew patterns of a running Clew', () => {
  test('lists patterns of the time asked for', async () => {
    const { code, text, request } = await run(['list'], { since: '1h', service: 'a', new: 'true' });
    expect(code).toBe(0);
    expect(text).toBe('7\tERROR\t3\t25.0 %\tnew\ta,b\tN: t <*>\n');
    expect(request).toMatchObject({
      path: '/api/v1/patterns?from=6400000&to=10000000&service=a&only=new',
      token: 'Bearer secret',
    });
  });

  test('compares, leaving out what is the same unless asked', async () => {
    expect((await run(['compare'])).text).toBe('up\t1\tINFO\t1 → 9\t\tt\n');
    expect((await run(['compare'], { all: 'true' }, true)).text.split('\n')).toHaveLength(3);
    expect((await run(['compare'], { with: 'release' })).request?.path).not.toContain('from=');
  });

  test('says that nothing happened', async () => {
    expect((await run(['events'])).text).toBe('no events\n');
    expect((await run(['events'], {}, true)).text).toBe('');
  });

  test('fails when the clustering of an application does, and names the flow', async () => {
    expect(await run(['status'])).toMatchObject({
      code: 1,
      text: 'a\tfailed\t2 patterns\tmining: no room\n',
    });
  });

  test('restarts one application, or all when told so', async () => {
    const { text, request } = await run(['restart', 'a'], { reason: 'why' });
    expect(text).toBe('mining again: a\n');
    expect(JSON.parse(request?.body ?? '')).toEqual({ service: 'a', actor: 'command line', reason: 'why' });
    expect(JSON.parse((await run(['restart'], { all: 'true' })).request?.body ?? '')).not.toHaveProperty(
      'service',
    );
  });

  test.each([
    [['restart'], {}, /Name an application to restart, or give --all/],
    [['restart', 'a'], { all: 'true' }, /Name an application/],
    [['list', 'more'], {}, /"more" is one word too many/],
    [['status'], { since: '1h' }, /no flag --since/],
    [['list'], { since: 'yesterday' }, /--since is "yesterday"/],
    [['list'], { service: 'bad' }, /^no$/],
  ])('refuses %j %j', async (words, flags, message) => {
    await expect(run(words, flags)).rejects.toThrow(message);
  });

  test('says where it looked when nobody answers', async () => {
    const options = { url: 'http://127.0.0.1:1', token: '', nowMs: 0, json: false, write: () => undefined };
    await expect(patternsLive(['status'], {}, options)).rejects.toThrow(
      /does not answer at http:\/\/127.0.0.1:1/,
    );
  });
});
