import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createAdmission } from '../../src/admit/index.ts';
import { configSchema } from '../../src/config/index.ts';
import { type DetailStore, openDetailStore } from '../../src/detail/index.ts';
import { createLogger, systemClock } from '../../src/lib/index.ts';
import { createOtlpServer, type Door } from '../../src/receive/index.ts';
import { jsonToWire } from '../../src/receive/otlp/json.ts';
import { logsOf, text } from './ingest-harness.ts';

const config = configSchema.parse({ ingest: { segmentAgeMs: 200, pendingBytesMax: 4_000_000 } });
const log = createLogger({ level: 'silent' });
const seconds = 5;
/** 25 requests of 40 records a second. */
const quietRecords = 40;
const quietEveryMs = 40;
/** 100 ms on a machine of its own; one that runs a dozen other programs takes seconds for anything. */
const ackMsMax = 10_000;

let dir = '';
let store: DetailStore;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'clew-tenants-'));
  store = await openDetailStore({ dir, config, clock: systemClock, log });
});
afterEach(async () => {
  await store.close();
  await rm(dir, { recursive: true, force: true });
});

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const requestOf = (service: string, records: number) =>
  jsonToWire(
    'logs',
    logsOf(
      service,
      Array.from({ length: records }, (_, n) => ({ body: text(`payment ${n} declined for order ${n * 7}`) })),
    ),
  );

it('a tenant that sends a thousand records a second is never refused and answered in time beside one at full speed', async () => {
  const admission = createAdmission({
    config,
    clock: systemClock,
    log,
    append: (block) => store.append(block),
    pendingBytes: () => store.health().pendingBytes,
  });
  const door: Door = { ...admission, tenantOf: (authorization) => authorization.replace('Bearer ', '') };
  const server = createOtlpServer({ door, config: config.ingest, clock: systemClock, log });
  const url = `${await server.listen({ host: '127.0.0.1', port: 0 })}/v1/logs`;
  const send = async (tenant: string, body: Uint8Array<ArrayBuffer>) => {
    const headers = { 'content-type': 'application/x-protobuf', authorization: `Bearer ${tenant}` };
    const answer = await fetch(url, { method: 'POST', headers, body });
    await answer.arrayBuffer();
    return answer.status;
  };
  const end = performance.now() + seconds * 1000;
  const noisy = { taken: 0, refused: 0 };
  const quiet = { taken: 0, statuses: new Set<number>(), ms: [] as number[] };
  const large = new Uint8Array(requestOf('noisy', 4_000));
  const shout = async () => {
    while (performance.now() < end) {
      if ((await send('noisy', large)) === 200) noisy.taken += 4_000;
      else noisy.refused += 1;
    }
  };
  const speak = async () => {
    const small = new Uint8Array(requestOf('quiet', quietRecords));
    const underway: Promise<void>[] = [];
    while (performance.now() < end) {
      const started = performance.now();
      underway.push(
        send('quiet', small).then((status) => {
          quiet.statuses.add(status);
          quiet.ms.push(performance.now() - started);
          if (status === 200) quiet.taken += quietRecords;
        }),
      );
      await sleep(quietEveryMs);
    }
    await Promise.all(underway);
  };
  await Promise.all([speak(), ...Array.from({ length: 8 }, shout)]);
  await server.close();
  // Otherwise the room was never full, and nothing was shown.
  expect(noisy.refused).toBeGreaterThan(0);
  expect([...quiet.statuses]).toEqual([200]);
  const p99 = quiet.ms.toSorted((a, b) => a - b)[Math.floor(quiet.ms.length * 0.99)];
  process.stdout.write(
    `noisy: ${noisy.taken} records, ${noisy.refused} refused; quiet: ${quiet.taken} records, p99 ${p99?.toFixed(0)} ms\n`,
  );
  expect(p99).toBeLessThan(ackMsMax);
  await store.flush();
  for (const [tenant, { taken }] of Object.entries({ noisy, quiet })) {
    const window = { from: 0, to: Date.now() + 1000 };
    const sql = 'SELECT count() AS n FROM otel_logs WHERE Tenant = {tenant:String}';
    const { rows } = await store.query<{ n: string }>({ name: 'test.count', tenant, window, sql });
    expect([tenant, Number(rows[0]?.n)]).toEqual([tenant, taken]);
  }
}, 60_000);
