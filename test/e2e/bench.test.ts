/** The benchmark on the real program: what it sends is what is stored, and it says so. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { IngestResult } from '../../bench/ingest.ts';
import type { ValidationResult } from '../../bench/validate/plan.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const dir = mkdtempSync(join(tmpdir(), 'clew-bench-test-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Undefined when there is no such process, or only what is left of it until it is waited for. */
function parentOf(name: string): number | undefined {
  if (!/^\d+$/.test(name)) return undefined;
  try {
    const [state, parent] = (readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1) ?? '').split(' ');
    return state === 'Z' ? undefined : Number(parent);
  } catch {
    return undefined;
  }
}

function run(...words: string[]): Promise<{ code: number | null; out: string; error: string }> {
  const child = spawn(process.execPath, [main, 'bench', ...words], {
    cwd: dir,
    env: { PATH: process.env.PATH },
  });
  let out = '';
  let error = '';
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => (error += String(chunk)));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, error })));
}

test('two seconds of mixed load are stored exactly once, and table, figures, page and summary are written', async () => {
  const json = join(dir, 'figures.json');
  const html = join(dir, 'report', 'ingest.html');
  const options = [
    '--workload',
    'mixed',
    '--seconds',
    '2',
    '--warmup',
    '0',
    '--ceiling-seconds',
    '1',
    '--settle',
    '2',
    '--temp-dir',
    dir,
  ];
  const { code, out, error } = await run('ingest', ...options, '--json', json, '--html', html);
  expect(error).toBe('');
  expect(code).toBe(0);
  expect(out).toMatch(/\nmixed .* yes\n/);
  const figures = JSON.parse(readFileSync(json, 'utf8')) as IngestResult;
  const round = figures.workloads[0]?.rounds[0];
  expect(round?.door.exactness.map(({ signal }) => signal).sort()).toEqual(['logs', 'samples', 'spans']);
  for (const one of round?.door.exactness ?? []) {
    expect(one.stored, one.signal).toBe(one.acknowledged);
    expect(one.distinct, one.signal).toBe(one.acknowledged);
    expect(one.exact, one.signal).toBe(true);
  }
  expect(round?.door.disk.map(({ table }) => table).sort()).toEqual([
    'metric_samples',
    'otel_logs',
    'otel_traces',
  ]);
  expect(round?.door.cpuUsPerRecord).toBeGreaterThan(0.5);
  expect(round?.ceiling?.recordsPerSecond).toBeGreaterThan(1_000);
  expect(readFileSync(html, 'utf8')).toContain('<h2>mixed</h2>');
  expect(readFileSync(join(dir, 'report', 'README.md'), 'utf8')).toContain('(ingest.svg)');
  expect((await run('report', json, '--html', join(dir, 'again.html'))).code).toBe(0);
  expect(readFileSync(join(dir, 'again.html'), 'utf8')).toBe(readFileSync(html, 'utf8'));
}, 400_000);

test('the plan finds every protocol’s record in its table and every bad one among the dead letters, and reports it', async () => {
  const out = join(dir, 'plan');
  const { code, out: text } = await run(
    'validate',
    '--quick',
    '--only',
    'routing',
    '--out',
    out,
    '--temp-dir',
    dir,
  );
  expect(text).not.toContain('FAIL');
  expect(code).toBe(0);
  const { checks } = JSON.parse(readFileSync(join(out, 'validation.json'), 'utf8')) as ValidationResult;
  expect(checks.length).toBeGreaterThan(20);
  expect(readFileSync(join(out, 'validation.md'), 'utf8')).toContain(`All ${checks.length} criteria hold.`);
  expect(readFileSync(join(out, 'validation.html'), 'utf8')).toContain('Syslog over TCP');
}, 400_000);

test('interrupted, it leaves no program and no directory behind', async () => {
  const temp = join(dir, 'interrupted');
  mkdirSync(temp);
  const words = [
    'bench',
    'ingest',
    '--workload',
    'logs',
    '--seconds',
    '60',
    '--warmup',
    '0',
    '--temp-dir',
    temp,
  ];
  const child = spawn(process.execPath, [main, ...words], { cwd: dir, env: { PATH: process.env.PATH } });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await new Promise<void>((resolve) => child.stdout.on('data', () => resolve()));
  const pid = child.pid ?? 0;
  const children = readdirSync('/proc').filter((name) => parentOf(name) === pid);
  expect(children.length).toBeGreaterThanOrEqual(2);
  child.kill('SIGTERM');
  expect(await ended).toBe(1);
  await expect
    .poll(() => children.filter((name) => parentOf(name) !== undefined), { timeout: 10_000 })
    .toEqual([]);
  expect(readdirSync(temp)).toEqual([]);
}, 120_000);

test.each([
  [['ingest', '--workload', 'x'], /^clew: --workload names "x"; there are/],
  [['ingest', 'logs'], /^clew: clew bench ingest takes no word "logs"/],
  [['race'], /^clew: There is no "clew bench race"\./],
])('wrong usage %j ends with 2 and says what would be right', async (words, message) => {
  const { code, error } = await run(...words);
  expect(code).toBe(2);
  expect(error).toMatch(message);
});
