import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Engine, type Lane, openEngine } from './engine.ts';

let dir = '';
let engine: Engine;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'clew-engine-'));
  engine = openEngine(dir);
});
afterAll(async () => {
  await engine.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Takes two seconds of waiting, none of a core. */
const long = (lane: Lane): Promise<string> => engine.run(lane, 'SELECT sleep({s:Float64})', { s: 2 });

async function secondsOf(work: Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work;
  return (performance.now() - started) / 1000;
}

test('a question with values is answered while another one takes its time', async () => {
  const first = secondsOf(long('query'));
  expect(await secondsOf(engine.run('query', 'SELECT {a:UInt8}', { a: 1 }))).toBeLessThan(1);
  expect(await first).toBeGreaterThan(1.9);
});

test('a second derivation waits for the first and leaves a connection to questions; inserts go on', async () => {
  const derivations = [secondsOf(long('derive')), secondsOf(long('derive'))];
  expect(await secondsOf(engine.run('query', 'SELECT {a:UInt8}', { a: 1 }))).toBeLessThan(1);
  expect(await secondsOf(engine.run('insert', 'SELECT 1'))).toBeLessThan(1);
  expect(Math.max(...(await Promise.all(derivations)))).toBeGreaterThan(3.9);
});
