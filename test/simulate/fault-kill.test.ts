import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, it } from 'vitest';
import { configSchema } from '../../src/config/index.ts';
import { openDetailStore } from '../../src/detail/index.ts';
import { createLogger, systemClock } from '../../src/lib/index.ts';
import { Account, nothingWrong, seeded, settle, soon, startSenders } from '../support/faults.ts';

const childFile = join(import.meta.dirname, 'ingest-child.ts');
/** A hundred when asked for: CLEW_TEST_KILLS=100. */
const rounds = Number(process.env.CLEW_TEST_KILLS ?? 8);

/** Longer when asked for: CLEW_TEST_CUT_MS=60000. */
const cutMs = Number(process.env.CLEW_TEST_CUT_MS ?? 3_000);

const children = new Set<ChildProcess>();
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
});

async function start(dir: string): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [childFile, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  if (child.stdout === null) throw new Error('no output');
  const [url] = await once(createInterface(child.stdout), 'line');
  return { child, url: String(url) };
}

/** Rows of each id, and what the store says of itself. */
async function look(dir: string): Promise<{ counts: Map<string, number>; error: string | null }> {
  const log = createLogger({ level: 'error' });
  const store = await openDetailStore({ dir, config: configSchema.parse({}), clock: systemClock, log });
  try {
    await store.flush();
    const { rows } = await store.query<{ id: string; n: string }>({
      name: 'test.kill',
      tenant: 'default',
      window: { from: 0, to: Date.now() },
      limits: { rowsResultMax: 10_000_000 },
      sql: "SELECT LogAttributes['id'] AS id, count() AS n FROM otel_logs WHERE Tenant = {tenant:String} GROUP BY id",
    });
    return { counts: new Map(rows.map((row) => [row.id, Number(row.n)])), error: store.health().lastError };
  } finally {
    await store.close();
  }
}

it('connections that break at any moment lose no acknowledged record and show none twice', async () => {
  const { seed, next } = seeded('fault-cut');
  const dir = await mkdtemp(join(tmpdir(), 'clew-cut-'));
  const account = new Account();
  try {
    const { child, url } = await start(dir);
    const senders = startSenders({ account, next, url: () => url, name: 'cut', cuts: 0.3 });
    await soon(cutMs);
    // A busy machine sends little in that time.
    while (account.repeated <= 20) await soon(100);
    await senders.stop();
    await settle(account, url);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const { counts, error } = await look(dir);
    process.stdout.write(`cuts: ${account.figures(counts)}`);
    expect({ seed, ...account.verdict(counts), error }).toEqual({ seed, ...nothingWrong, error: null });
    expect(account.repeated).toBeGreaterThan(20);
    expect(counts.size).toBe(account.acknowledged.size);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

it('SIGKILL at any moment loses no acknowledged record and shows none twice, though senders repeat what was not answered and connections break', {
  timeout: 60_000 + rounds * 15_000,
}, async () => {
  const { seed, next } = seeded('fault-kill');
  const dir = await mkdtemp(join(tmpdir(), 'clew-kill-'));
  const account = new Account();
  try {
    for (let round = 0; round < rounds; round++) {
      const { child, url } = await start(dir);
      const senders = startSenders({ account, next, url: () => url, name: `${round}`, cuts: 0.1 });
      await soon(30 + next() * 700);
      child.kill('SIGKILL');
      await once(child, 'exit');
      await senders.stop();
    }
    const { counts, error } = await look(dir);
    process.stdout.write(`${rounds} kills: ${account.figures(counts)}`);
    expect({ seed, ...account.verdict(counts), error }).toEqual({ seed, ...nothingWrong, error: null });
    expect(account.acknowledged.size).toBeGreaterThan(rounds);
    expect(account.repeated).toBeGreaterThan(rounds);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
