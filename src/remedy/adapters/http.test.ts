import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { gatewayFlip } from './gateway.ts';
import { httpRequest } from './http.ts';

const seen: { method: string; url: string; body: string; key: unknown }[] = [];
const server = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => {
    body += chunk;
  });
  request.on('end', () => {
    const url = request.url ?? '';
    seen.push({ method: request.method ?? '', url, body, key: request.headers['idempotency-key'] });
    if (url === '/elsewhere') response.writeHead(307, { location: 'http://127.0.0.2:1/x' }).end();
    else if (url === '/moved') response.writeHead(307, { location: '/ok' }).end();
    else if (url === '/loop') response.writeHead(308, { location: '/loop' }).end();
    else if (url === '/big') response.end('x'.repeat(100_000));
    else if (url === '/hang') return;
    else if (url === '/same') response.end('{"previous":"b"}');
    else if (url === '/busy') response.writeHead(503).end('busy');
    else response.end('{"previous":"a","token":"s3cr3t-value"}');
  });
});
let origin = '';

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  seen.length = 0;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const context = (timeoutMs = 5_000) => ({
  caseId: 'c',
  idempotencyKey: 'p:forward:0',
  signal: AbortSignal.timeout(timeoutMs),
});
const send = (path: string, params: Record<string, unknown> = {}, timeoutMs?: number) =>
  httpRequest({ allow: [origin] }).run(
    { method: 'POST', url: `${origin}${path}`, ...params },
    context(timeoutMs),
  );

test('sends method, body and a key that stays the same over attempts; secrets of the answer are hidden', async () => {
  const result = await send('/ok', { method: 'PUT', json: { value: 10 } });
  expect(result).toEqual({ ok: true, output: { status: 200, body: { previous: 'a', token: '***' } } });
  expect(seen).toEqual([{ method: 'PUT', url: '/ok', body: '{"value":10}', key: 'p:forward:0' }]);
});

test('an origin that is not allow-listed is never called, however it is written', async () => {
  const port = new URL(origin).port;
  for (const url of [
    `http://localhost:${port}/x`,
    `http://user:pw@127.0.0.1:${port}/x`,
    'file:///etc/passwd',
    '//127.0.0.1/x',
    'http://127.0.0.1/x',
    `https://127.0.0.1:${port}/x`,
  ])
    expect(await httpRequest({ allow: [origin] }).run({ url }, context())).toMatchObject({ ok: false });
  expect(seen).toEqual([]);
});

test('a redirect to another origin is an error; within the origin it is followed, but not for ever', async () => {
  expect(await send('/elsewhere')).toMatchObject({
    ok: false,
    error: expect.stringContaining('another origin'),
  });
  expect(await send('/moved', { json: { a: 1 } })).toMatchObject({ ok: true });
  expect(seen.at(-1)).toMatchObject({ url: '/ok', method: 'POST', body: '{"a":1}' });
  expect(await send('/loop')).toMatchObject({
    ok: false,
    error: expect.stringContaining('redirects more than 3'),
  });
});

test('the status decides, and what the plan expects counts', async () => {
  expect(await send('/busy')).toMatchObject({ ok: false, error: expect.stringContaining('answered 503') });
  expect(await send('/busy', { expect_status: [503] })).toMatchObject({ ok: true });
});

test('a long answer is cut and counted; no answer ends at the timeout; nobody there is an error', async () => {
  const big = await send('/big');
  expect(big.output).toMatchObject({ body_dropped_bytes: 100_000 - 16_384 });
  expect(await send('/hang', {}, 100)).toMatchObject({ ok: false, error: 'stopped before it was answered' });
  const nobody = httpRequest({ allow: ['http://127.0.0.1:1'] });
  expect(await nobody.run({ url: 'http://127.0.0.1:1/' }, context())).toMatchObject({ ok: false });
});

test('a flip remembers what was there before and builds its own compensation', async () => {
  const adapter = gatewayFlip({ allow: [origin] });
  const params = { url: `${origin}/routes`, service: 'payments', to: 'b' };
  const result = await adapter.run(params, context());
  expect(result).toMatchObject({ ok: true, undo: { to: 'a' } });
  expect(JSON.parse(seen[0]?.body ?? '')).toEqual({ service: 'payments', to: 'b', actor: 'clew' });
  expect(adapter.compensation?.(params, result.undo ?? {})).toMatchObject({ to: 'a', from: 'b' });
});

test('a repeated flip does not take its own result for what was there before', async () => {
  const adapter = gatewayFlip({ allow: [origin] });
  const params = { url: `${origin}/same`, service: 'payments', to: 'b', from: 'a' };
  expect((await adapter.run(params, context())).undo).toBeUndefined();
  expect(adapter.prepare?.(params)).toEqual({ to: 'a' });
});
