import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, it } from 'vitest';
import { configSchema } from '../../src/config/index.ts';
import { type DetailStore, openDetailStore } from '../../src/detail/index.ts';
import { createLogger, systemClock } from '../../src/lib/index.ts';
import { type Batch, logBatch, seeded, soon } from '../support/faults.ts';

const childFile = join(import.meta.dirname, 'roles-child.ts');
/** A hundred when asked for: CLEW_TEST_KILLS=100. */
const rounds = Number(process.env.CLEW_TEST_KILLS ?? 8);
const sendersAtOnce = 4;

const children = new Set<ChildProcess>();
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
});

interface Running {
  child: ChildProcess;
  line: string;
}

async function start(role: string, dir: string): Promise<Running> {
  const child = spawn(process.execPath, [childFile, role, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  const [line] = await once(createInterface(child.stdout), 'line');
  return { child, line: String(line) };
}

async function kill({ child }: Running): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
  children.delete(child);
}

interface Seen {
  sent: Set<string>;
  acknowledged: Set<string>;
  repeated: number;
}

/** One sender over all rounds: what was not answered is sent again byte by byte until it is. */
async function sender(name: string, url: () => string | undefined, done: () => boolean, seen: Seen) {
  let open: Batch | undefined;
  for (let request = 0; !done() || open !== undefined; ) {
    if (open === undefined) open = logBatch(`${name}-${request++}`, 20);
    else seen.repeated += 1;
    for (const id of open.ids) seen.sent.add(id);
    const address = url();
    try {
      if (address === undefined) throw new Error('nobody is there');
      const headers = { 'content-type': 'application/x-protobuf' };
      const response = await fetch(`${address}/v1/logs`, { method: 'POST', headers, body: open.body });
      if (response.status === 200) {
        for (const id of open.ids) seen.acknowledged.add(id);
        open = undefined;
        continue;
      }
    } catch {
      // The process was killed; the answer, if there was one, is lost.
    }
    await soon(20);
  }
}

async function present(store: DetailStore): Promise<Map<string, { n: number; ids: number }>> {
  const { rows } = await store.query<{ id: string; n: string; ids: string }>({
    name: 'test.kill',
    tenant: 'default',
    window: { from: 0, to: Date.now() },
    limits: { rowsResultMax: 10_000_000 },
    sql: "SELECT LogAttributes['id'] AS id, count() AS n, uniqExact(EventId) AS ids FROM otel_logs WHERE Tenant = {tenant:String} GROUP BY id",
  });
  return new Map(rows.map(({ id, n, ids }) => [id, { n: Number(n), ids: Number(ids) }]));
}

const walFiles = async (dir: string, folder: string): Promise<string[]> =>
  (await readdir(join(dir, 'wal', folder))).filter((file) => /native$|index$/.test(file));

it('SIGKILL of either process at any moment loses no acknowledged record and shows none twice, though senders repeat what was not answered', {
  timeout: 120_000 + rounds * 15_000,
}, async () => {
  const { seed, next } = seeded('roles-kill');
  const dir = await mkdtemp(join(tmpdir(), 'clew-roles-kill-'));
  const seen: Seen = { sent: new Set(), acknowledged: new Set(), repeated: 0 };
  const killed: Record<string, number> = { ingest: 0, query: 0 };
  try {
    const running: Record<string, Running> = {};
    for (const role of ['ingest', 'query']) running[role] = await start(role, dir);
    let url: string | undefined = running.ingest?.line;
    let over = false;
    const senders = Array.from({ length: sendersAtOnce }, (_, n) =>
      sender(
        `s${n}`,
        () => url,
        () => over,
        seen,
      ),
    );
    for (let round = 0; round < rounds; round++) {
      await soon(50 + next() * 900);
      // Each alone, and sometimes both at once.
      const roles = next() < 0.2 ? ['ingest', 'query'] : next() < 0.5 ? ['ingest'] : ['query'];
      for (const role of roles) {
        const victim = running[role];
        if (victim !== undefined) await kill(victim);
        killed[role] = (killed[role] ?? 0) + 1;
      }
      if (roles.includes('ingest')) url = undefined;
      for (const role of roles) running[role] = await start(role, dir);
      url = running.ingest?.line;
    }
    over = true;
    await Promise.all(senders);
    for (const victim of Object.values(running)) await kill(victim);
    // One process for everything takes up what the two left.
    const log = createLogger({ level: 'error' });
    const store = await openDetailStore({ dir, config: configSchema.parse({}), clock: systemClock, log });
    await store.flush();
    const found = await present(store);
    const health = store.health();
    await store.close();
    const lost = [...seen.acknowledged].filter((id) => !found.has(id));
    const twice = [...found].filter(([, { n, ids }]) => n !== 1 || ids !== 1);
    process.stdout.write(
      `kills ${JSON.stringify(killed)}: ${seen.sent.size} sent, ${seen.acknowledged.size} acknowledged, ${found.size} present, ${seen.repeated} repetitions\n`,
    );
    expect({ seed, lost: lost.slice(0, 5), twice: twice.slice(0, 5), error: health.lastError }).toEqual({
      seed,
      lost: [],
      twice: [],
      error: null,
    });
    expect(seen.acknowledged.size).toBe(seen.sent.size);
    expect(found.size).toBe(seen.sent.size);
    expect(seen.repeated).toBeGreaterThan(0);
    expect(await walFiles(dir, 'ingest')).toEqual([]);
    expect(await walFiles(dir, 'handed')).toEqual([]);
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await rm(dir, { recursive: true, force: true });
  }
});
