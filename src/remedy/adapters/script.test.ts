import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../lib/index.ts';
import type { AdapterResult } from './adapter.ts';
import { scriptExec } from './script.ts';

const dir = mkdtempSync(join(tmpdir(), 'clew-script-'));
const made: Record<string, string> = {};

function program(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  made[name] = path;
  return path;
}

beforeAll(() => {
  program('hang', `echo begun; sleep 60`);
  program(
    'flood',
    `i=0; while [ $i -lt 2000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done`,
  );
  program('family', `sleep 60 & echo $! > "${dir}/child.pid"; exit 0`);
  program('stubborn', `trap '' TERM; echo begun; while true; do sleep 1; done`);
  program('show', `env; printf '%s|' "$@"`);
  program('secret', `echo "password=hunter2 Authorization: Bearer abcdef123456"; exit 3`);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function run(
  params: Record<string, unknown>,
  options: { allow?: string[]; timeoutMs?: number } = {},
): Promise<AdapterResult> {
  const adapter = scriptExec({
    allow: options.allow ?? Object.values(made),
    outputBytesMax: 1_000,
    clock: systemClock,
  });
  const signal = AbortSignal.timeout(options.timeoutMs ?? 10_000);
  return adapter.run(params, { caseId: 'c', idempotencyKey: 'k', signal });
}

test('echo and true run without being configured, and without a shell', async () => {
  expect(await run({ script: 'echo ok; rm -rf $HOME > x | y' }, { allow: [] })).toMatchObject({
    ok: true,
    output: { stdout: 'ok; rm -rf $HOME > x | y\n', exit_code: 0 },
  });
  expect(await run({ script: 'true' }, { allow: [] })).toMatchObject({ ok: true });
});

test('a program that is not allow-listed is not started, by whatever name', async () => {
  for (const script of ['ls', '/bin/ls', 'sh -c id', '../bin/ls', `${dir}/../${dir}/hang`])
    expect(await run({ script }, { allow: [] })).toMatchObject({
      ok: false,
      error: expect.stringContaining('may not be started'),
    });
});

test('an allowed path that was bent to another program is refused', async () => {
  const link = join(dir, 'link');
  symlinkSync('/bin/true', link);
  const adapter = scriptExec({ allow: [link], outputBytesMax: 100, clock: systemClock });
  const context = { caseId: 'c', idempotencyKey: 'k', signal: AbortSignal.timeout(5_000) };
  expect(await adapter.run({ program: link }, context)).toMatchObject({ ok: true });
  unlinkSync(link);
  symlinkSync('/bin/ls', link);
  expect(await adapter.run({ program: link }, context)).toMatchObject({
    ok: false,
    error: expect.stringContaining('may not be started'),
  });
});

test('a script that hangs is stopped at its timeout and keeps what it wrote', async () => {
  const result = await run({ program: made.hang }, { timeoutMs: 300 });
  expect(result).toMatchObject({ ok: false, output: { stdout: 'begun\n' } });
});

test('a script that ignores the polite signal is killed', async () => {
  const from = systemClock.monotonic();
  const result = await run({ program: made.stubborn }, { timeoutMs: 200 });
  expect(result.ok).toBe(false);
  expect(systemClock.monotonic() - from).toBeLessThan(5_000);
});

test('a script that floods keeps the beginning, counts the rest and ends', async () => {
  const result = await run({ program: made.flood });
  expect(result).toMatchObject({ ok: true, output: { stdout_dropped_bytes: 2_000 * 41 - 1_000 } });
  expect(String(result.output.stdout)).toHaveLength(1_000);
});

test('children of a script end with it', async () => {
  expect((await run({ program: made.family })).ok).toBe(true);
  expect(existsSync(join(dir, 'child.pid'))).toBe(true);
  const pid = Number(readFileSync(join(dir, 'child.pid'), 'utf8'));
  await systemClock.sleep(100);
  const state = existsSync(`/proc/${pid}/stat`)
    ? readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2]
    : 'gone';
  expect(['Z', 'gone']).toContain(state);
});

test('arguments arrive as they are, and the environment holds nothing of ours', async () => {
  const { output } = await run({ program: made.show, args: ['a b', '$HOME', "it's", 7] });
  const text = String(output.stdout);
  expect(text).toContain("a b|$HOME|it's|7|");
  const names = text.split('\n').flatMap((line) => /^([A-Z_]+)=/.exec(line)?.[1] ?? []);
  const usual = ['PATH', 'LANG', 'CASE_ID', 'PWD', 'OLDPWD', '_', 'SHLVL'];
  expect(names.filter((name) => !usual.includes(name))).toEqual([]);
});

test('a failing script tells its exit code, with secrets masked', async () => {
  const result = await run({ program: made.secret });
  expect(result).toMatchObject({ ok: false, error: 'exit code 3' });
  expect(JSON.stringify(result)).not.toMatch(/hunter2|abcdef123456/);
});

test('parameters that make no sense are named', () => {
  const adapter = scriptExec({ allow: [], outputBytesMax: 100, clock: systemClock });
  expect(adapter.check({}).join()).toContain('give either script');
  expect(adapter.check({ script: 'echo "open' }).join()).toContain('quote');
  expect(adapter.check({ script: 'echo', shell: true }).join()).toContain('shell');
  expect(adapter.check({ program: 'echo', args: ['a\u0000b'] }).join()).toContain('NUL');
});
