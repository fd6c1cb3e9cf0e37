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
import { jsonToWire } from '../../src/receive/otlp/json.ts';

const childFile = join(import.meta.dirname, 'ingest-child.ts');
/** A hundred when asked for: CLEW_TEST_KILLS=100. */
const rounds = Number(process.env.CLEW_TEST_KILLS ?? 8);
const sendersAtOnce = 4;

/** Small, fast, seeded (mulberry32): the same seed kills at the same moments. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function logRequest(ids: readonly string[], nowMs: number): Uint8Array {
  const logRecords = ids.map((id) => ({
    // Records of one request fall into two days, so a segment has two partitions and an insert can stop between them.
    timeUnixNano: String(BigInt(nowMs - (id.endsWith('1') ? 86_400_000 : 0)) * 1_000_000n),
    body: { stringValue: `record ${id}` },
    attributes: [{ key: 'id', value: { stringValue: id } }],
  }));
  return jsonToWire('logs', JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }));
}

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

interface Batch {
  ids: string[];
  body: Buffer;
}

/** Sends until nobody answers; what was not answered is returned, and sent again first the next time, byte by byte. */
async function sendUntilDead(
  url: string,
  name: string,
  first: Batch | undefined,
  seen: Seen,
): Promise<Batch> {
  let batch = first;
  for (let request = 0; ; request++) {
    if (batch === undefined) {
      const ids = Array.from({ length: 20 }, (_, index) => `${name}-${request}-${index}`);
      batch = { ids, body: Buffer.from(logRequest(ids, Date.now())) };
    } else if (request === 0) seen.repeated += 1;
    for (const id of batch.ids) seen.sent.add(id);
    try {
      const headers = { 'content-type': 'application/x-protobuf' };
      const response = await fetch(`${url}/v1/logs`, { method: 'POST', headers, body: batch.body });
      if (response.status === 200) for (const id of batch.ids) seen.acknowledged.add(id);
    } catch {
      return batch;
    }
    batch = undefined;
  }
}

interface Seen {
  sent: Set<string>;
  acknowledged: Set<string>;
  /** Batches sent again after the process was killed under them. */
  repeated: number;
}

it('SIGKILL at any moment loses no acknowledged record and shows none twice, though senders repeat what was not answered', {
  timeout: 60_000 + rounds * 10_000,
}, async () => {
  const seed = Number(process.env.CLEW_TEST_SEED ?? Date.now() & 0xffff);
  process.stdout.write(`ingest-kill seed ${seed}\n`);
  const next = random(seed);
  const dir = await mkdtemp(join(tmpdir(), 'clew-kill-'));
  const seen: Seen = { sent: new Set(), acknowledged: new Set(), repeated: 0 };
  const { sent, acknowledged } = seen;
  let open: (Batch | undefined)[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      const { child, url } = await start(dir);
      const senders = Array.from({ length: sendersAtOnce }, (_, n) =>
        sendUntilDead(url, `${round}-${n}`, open[n], seen),
      );
      await new Promise((resolve) => setTimeout(resolve, 30 + next() * 700));
      child.kill('SIGKILL');
      await once(child, 'exit');
      open = await Promise.all(senders);
    }
    const config = configSchema.parse({});
    const store = await openDetailStore({
      dir,
      config,
      clock: systemClock,
      log: createLogger({ level: 'error' }),
    });
    await store.flush();
    const { rows } = await store.query<{ id: string; n: string; ids: string }>({
      name: 'test.kill',
      tenant: 'default',
      window: { from: 0, to: Date.now() },
      limits: { rowsResultMax: 10_000_000 },
      sql: "SELECT LogAttributes['id'] AS id, count() AS n, uniqExact(EventId) AS ids FROM otel_logs WHERE Tenant = {tenant:String} GROUP BY id",
    });
    const health = store.health();
    await store.close();
    const present = new Map(rows.map((row) => [row.id, Number(row.n)]));
    const lost = [...acknowledged].filter((id) => !present.has(id));
    const twice = [...present].filter(([, n]) => n !== 1);
    process.stdout.write(
      `${rounds} kills: ${sent.size} sent, ${acknowledged.size} acknowledged, ${present.size} present, ${seen.repeated} batches repeated\n`,
    );
    expect({ seed, lost: lost.slice(0, 5), twice: twice.slice(0, 5), error: health.lastError }).toEqual({
      seed,
      lost: [],
      twice: [],
      error: null,
    });
    expect(acknowledged.size).toBeGreaterThan(rounds);
    expect(seen.repeated).toBeGreaterThan(rounds);
    expect([...present.keys()].every((id) => sent.has(id))).toBe(true);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
