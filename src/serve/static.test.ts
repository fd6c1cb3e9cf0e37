import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Credentials } from '../admit/index.ts';
import { createLogger, systemClock } from '../lib/index.ts';
import { createServer } from './server.ts';
import { consoleRoutes } from './static.ts';

const browser = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'clew-console-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function build(): void {
  mkdirSync(join(dir, 'assets'));
  writeFileSync(join(dir, 'index.html'), '<!doctype html><title>Clew</title>');
  writeFileSync(join(dir, 'assets', 'index-abc.js'), 'export {};');
}

async function serve(token = '') {
  const log = createLogger({ level: 'silent' });
  const config = { tenant: 'default', auth: { token } };
  const credentials = new Credentials({ config, clock: systemClock, log });
  const app = await createServer({
    log,
    callerOf: (authorization) => credentials.callerOf(authorization),
    bodyBytesMax: 1_048_576,
  });
  await app.register(consoleRoutes({ distDir: dir }));
  return app;
}

describe('the files of the console', () => {
  test('every console path answers with the shell, which is asked for anew each time', async () => {
    build();
    const app = await serve();
    for (const url of [
      '/',
      '/cases',
      '/cases/a-b',
      '/logs?service=x',
      '/traces/abc',
      '/map',
      '/patterns',
      '/series?metric=x',
      '/slo',
      '/admin',
    ]) {
      const answer = await app.inject({ url, headers: browser });
      expect({ url, status: answer.statusCode, type: answer.headers['content-type'] }).toEqual({
        url,
        status: 200,
        type: 'text/html; charset=utf-8',
      });
      expect(answer.headers['cache-control']).toBe('no-cache');
      expect(answer.headers['content-security-policy']).toContain("default-src 'self'");
    }
    await app.close();
  });

  test('hashed files may be kept for ever', async () => {
    build();
    const app = await serve();
    const answer = await app.inject('/assets/index-abc.js');
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['cache-control']).toContain('immutable');
    expect((await app.inject('/assets/../index.html')).statusCode).toBe(404);
    await app.close();
  });

  test('a browser that takes compressed files gets them where they were built, others the plain ones', async () => {
    build();
    writeFileSync(join(dir, 'assets', 'index-abc.js.br'), 'small');
    const app = await serve();
    const url = '/assets/index-abc.js';
    const small = await app.inject({ url, headers: { 'accept-encoding': 'gzip, br' } });
    expect([small.headers['content-encoding'], small.body]).toEqual(['br', 'small']);
    expect(small.headers['content-type']).toMatch(/javascript/);
    const plain = await app.inject({ url, headers: { 'accept-encoding': 'identity' } });
    expect([plain.headers['content-encoding'], plain.body]).toEqual([undefined, 'export {};']);
    await app.close();
  });

  test('an unknown path of the API stays an error in JSON', async () => {
    build();
    const app = await serve();
    const answer = await app.inject('/api/v1/nothing');
    expect(answer.statusCode).toBe(404);
    expect(answer.json().error.code).toBe('not_found');
    await app.close();
  });

  test('a person who mistyped an address gets the console with 404, a program the error in JSON', async () => {
    build();
    const app = await serve();
    const page = await app.inject({ url: '/nope?lang=zh', headers: browser });
    expect([page.statusCode, page.headers['content-type']]).toEqual([404, 'text/html; charset=utf-8']);
    for (const [url, headers] of [
      ['/nope', { accept: '*/*' }],
      ['/api/v1/nope', browser],
      ['/loki/nope', browser],
    ] as const) {
      const answer = await app.inject({ url, headers });
      expect([url, answer.statusCode, answer.json().error.code]).toEqual([url, 404, 'not_found']);
    }
    await app.close();
  });

  test('without a build the page says how to make one', async () => {
    const app = await serve();
    const answer = await app.inject({ url: '/', headers: browser });
    expect(answer.statusCode).toBe(503);
    expect(answer.body).toContain('npm start');
    expect((await app.inject('/assets/x.js')).json().error.code).toBe('not_found');
    await app.close();
  });

  test('the shell holds no data and is sent before anybody signed in; the API is not', async () => {
    build();
    const app = await serve('secret');
    expect((await app.inject('/cases/1')).statusCode).toBe(200);
    expect((await app.inject('/assets/index-abc.js')).statusCode).toBe(200);
    expect((await app.inject('/api/v1/case')).statusCode).toBe(401);
    expect((await app.inject('/metrics')).statusCode).toBe(401);
    await app.close();
  });
});
