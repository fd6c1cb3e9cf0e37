import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { liteDriver } from './driver.ts';
import { LiteThread } from './lite-thread.ts';

describe('the thread of the embedded ledger', () => {
  let thread: LiteThread;
  beforeAll(async () => {
    thread = await LiteThread.open({ dir: 'memory://' });
  });
  afterAll(() => thread.close());

  it('lets the main thread answer others while a statement runs', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 5);
    const started = performance.now();
    await thread.query('SELECT sum(sqrt(n::float8)) FROM generate_series(1, 1000000) AS n', []);
    clearInterval(timer);
    const tookMs = performance.now() - started;
    expect(tookMs).toBeGreaterThan(100);
    expect(turns).toBeGreaterThan(tookMs / 5 / 4);
  });

  it('tells what was wrong with a statement, and nothing of its parameters', async () => {
    const refused = await thread.query('SELECT $1::uuid', ['secret-of-somebody']).then(
      () => null,
      (error: Error & { code?: string }) => error,
    );
    expect(refused).toMatchObject({ code: '22P02' });
    expect(Object.values(refused ?? {}).join(' ')).not.toContain('secret-of-somebody');
    const whole = await thread.query('SELECT 1 AS one, NULL AS none', []);
    expect(whole.rows).toEqual([['1', null]]);
  });

  it('does nothing for a transaction that is over', async () => {
    const driver = liteDriver(thread);
    await driver.run('CREATE TABLE kept (n INT)', []);
    const late = await driver.transaction(async (run) => run);
    await expect(late('INSERT INTO kept VALUES (1)', [])).rejects.toMatchObject({ code: 'internal' });
    const failed = driver.transaction(async (run) => {
      await run('INSERT INTO kept VALUES (2)', []);
      throw new Error('changed my mind');
    });
    await expect(failed).rejects.toThrow('changed my mind');
    expect(await driver.run('SELECT n FROM kept', [])).toEqual([]);
  });
});

it('a closed ledger refuses statements as unavailable, and says so', async () => {
  const thread = await LiteThread.open({ dir: 'memory://' });
  expect(thread.outage()).toBeNull();
  await thread.close();
  await expect(thread.query('SELECT 1', [])).rejects.toMatchObject({ code: 'unavailable' });
  expect(thread.outage()).not.toBeNull();
});

it('a directory that is none is an error, not a hang', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'clew-lite-'));
  try {
    writeFileSync(join(dir, 'file'), '');
    await expect(LiteThread.open({ dir: join(dir, 'file') })).rejects.toThrow();
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
