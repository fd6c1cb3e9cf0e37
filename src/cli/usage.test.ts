import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { callApi } from './api.ts';
import { commandsOf, refuseUnknownFlags, usageOf, wholeUsage } from './usage.ts';

const main = join(import.meta.dirname, 'main.ts');

const clew = (...args: string[]): Promise<{ code: number; out: string; err: string }> =>
  new Promise((resolve) => {
    const env = { PATH: process.env.PATH };
    const child = execFile(process.execPath, [main, ...args], { env }, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    );
    child.stdin?.end();
  });

test('each command has its own paragraph of the usage', async () => {
  const usage = await wholeUsage();
  const names = commandsOf(usage);
  expect(names).toEqual(
    expect.arrayContaining(['serve', 'demo', 'jobs', 'mask', 'bench', 'version', 'help']),
  );
  for (const name of names) expect(usageOf(name, usage)).toMatch(new RegExp(`^ {2}clew ${name}`));
  expect(usageOf('jobs', usage)).toContain('clew jobs probe JOB');
  expect(usageOf('jobs', usage)).not.toContain('priors');
  expect(usageOf('nope', usage)).toBe('');
});

test('a flag that the usage does not name is refused, one that it names is not', () => {
  expect(() => refuseUnknownFlags({ since: '3h', url: 'x' }, '  clew a [--since 3h]', ['url'])).not.toThrow();
  expect(() => refuseUnknownFlags({ sinc: '3h' }, '  clew a [--since 3h]')).toThrow(
    /^There is no flag --sinc\./,
  );
});

test.concurrent.each([
  [['nope'], 2, /^clew: There is no command "nope"; there are serve, demo, .+ tells what each does\.\n$/],
  [['dead-letters', 'list', '--sinec', '3h'], 2, /^clew: There is no flag --sinec\./],
  [['lint', '--nope', 'x', 'file.yaml'], 2, /^clew: There is no flag --nope\./],
  [['serve', 'now'], 2, /^clew: "now" is one word too many; settings are --name VALUE\.\n$/],
  [
    ['jobs', '--url', 'nonsense'],
    2,
    /^clew: --url is "nonsense"; write it like http:\/\/127\.0\.0\.1:8080\.\n$/,
  ],
])('%j is wrong usage and says why in a few words', async (args, code, message) => {
  const told = await clew(...args);
  expect(told).toMatchObject({ code, out: '' });
  expect(told.err).toMatch(message);
});

test.concurrent.each([
  ['-h'],
  ['--help'],
  ['jobs', '--help'],
  ['serve', '--help'],
  ['help', 'bundle'],
  ['--version'],
])('%j is answered, not refused', async (...args) => {
  const { code, out, err } = await clew(...args);
  expect([code, err]).toEqual([0, '']);
  expect(out).toMatch(/clew (serve|jobs|bundle)|^\d+\.\d+\.\d+\n$/);
});

test('an address where something else than Clew answers is named, and so is a refused token', async () => {
  const server = createServer((request, response) => {
    if (request.headers.authorization === undefined) response.end('<html>');
    else response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":{"message":"no"}}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  await expect(callApi({ url, token: '' }, '/priors')).rejects.toThrow(
    /which is not Clew's API; give the address of Clew with --url/,
  );
  await expect(callApi({ url, token: 'x' }, '/priors')).rejects.toThrow(
    `${url} refused the token; set CLEW_AUTH_TOKEN.`,
  );
  server.close();
});

test('bin/clew runs from any directory and through a link, with the Node of the project', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'clew-bin-'));
  const link = join(dir, 'clew');
  symlinkSync(join(import.meta.dirname, '../../bin/clew'), link);
  const told = await new Promise<string>((resolve, reject) => {
    execFile(link, ['version'], { cwd: dir, env: { PATH: '/usr/bin:/bin' } }, (error, out) =>
      error ? reject(error) : resolve(out),
    );
  });
  expect(told).toMatch(/^\d+\.\d+\.\d+\n$/);
  rmSync(dir, { recursive: true });
});
