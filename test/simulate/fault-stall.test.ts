/** The real program while its disk, its process or its end get in the way of the senders. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningClew, startClew } from '../support/clew.ts';
import {
  Account,
  logBatch,
  memoryMBMax,
  nothingWrong,
  peakMemoryMB,
  post,
  present,
  seeded,
  settle,
  soon,
  startSenders,
} from '../support/faults.ts';

const slowDisk = join(import.meta.dirname, '..', 'support', 'slow-disk.ts');
const dir = mkdtempSync(join(tmpdir(), 'clew-stall-'));
const diskFile = join(dir, 'disk');
const disk = (state: string) => writeFileSync(diskFile, state);
const account = new Account();
const { next } = seeded('fault-stall');
let clew: RunningClew;
const launch = () =>
  startClew(
    dir,
    {
      CLEW_LOG_LEVEL: 'fatal',
      DISK_STATE_FILE: diskFile,
      CLEW_READY_COMMIT_MS_MAX: '500',
      CLEW_QUERY_ROWS_RESULT_MAX: '10000000',
    },
    ['--import', slowDisk],
  );
beforeAll(async () => {
  disk('well');
  clew = await launch();
});
afterAll(async () => {
  await clew?.kill();
  rmSync(dir, { recursive: true, force: true });
});

const load = (name: string, timeoutMs = 5_000, pauseMs = 5) =>
  startSenders({ account, next, url: () => clew.otlpUrl, name, cuts: 0.05, timeoutMs, pauseMs });

async function nothingIsWrong(): Promise<void> {
  await settle(account, clew.otlpUrl);
  const counts = await present(clew, account);
  process.stdout.write(account.figures(counts));
  expect(account.verdict(counts)).toEqual(nothingWrong);
  expect(counts.size).toBe(account.acknowledged.size);
  expect(peakMemoryMB(clew.pid)).toBeLessThan(memoryMBMax);
}

it('a disk that takes 800 ms a sync makes answers late and /readyz say so; each record is kept once', async () => {
  const senders = load('slow');
  await soon(500);
  disk('slow 800');
  await soon(2_500);
  const ready = await fetch(`${clew.url}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.text()).toContain('ready.commit_ms_max');
  disk('well');
  await soon(500);
  await senders.stop();
  await nothingIsWrong();
});

it('a sync that fails is answered 503 with Retry-After; what is repeated then is kept once', async () => {
  const senders = load('broken');
  await soon(300);
  disk('broken');
  await soon(800);
  disk('well');
  await soon(500);
  await senders.stop();
  expect([...account.refusals.keys()]).toEqual(['503 retry-after 1']);
  await nothingIsWrong();
});

it('a process stopped for three seconds, whose senders give up and repeat meanwhile, keeps each record once', async () => {
  const senders = load('stopped', 700);
  await soon(500);
  process.kill(clew.pid, 'SIGSTOP');
  await soon(3_000);
  process.kill(clew.pid, 'SIGCONT');
  await soon(1_000);
  await senders.stop();
  await nothingIsWrong();
});

it('the same request on two connections at once, after its answer was lost, is kept once', async () => {
  disk('slow 500');
  const batch = logBatch('two-ways', 5);
  for (const id of batch.ids) account.sent.add(id);
  // The sender gives up before the sync is done.
  expect(await post(clew.otlpUrl, batch, undefined, 200)).toBeUndefined();
  disk('well');
  const answers = await Promise.all([0, 1, 2].map(() => post(clew.otlpUrl, batch)));
  for (const answer of answers) expect(account.answered(batch, answer)).toBe(true);
  await nothingIsWrong();
});

it('SIGTERM under load ends the process within seconds, and all that was acknowledged is there', async () => {
  const senders = load('term');
  await soon(1_000);
  const began = performance.now();
  await clew.stop();
  const tookMs = performance.now() - began;
  expect(clew.exitCode()).toBe(0);
  await senders.stop();
  expect([...account.refusals.keys()]).toEqual(['503 retry-after 1']);
  process.stdout.write(`SIGTERM under load: ended after ${Math.round(tookMs)} ms\n`);
  expect(tookMs).toBeLessThan(12_000);
  clew = await launch();
  await nothingIsWrong();
});
