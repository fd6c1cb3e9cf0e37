/** The real program on a disk that others fill to the last byte. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningClew, startClew } from '../support/clew.ts';
import { Account, nothingWrong, present, seeded, settle, soon, startSenders } from '../support/faults.ts';

const dir = mkdtempSync(join(tmpdir(), 'clew-disk-'));
const account = new Account();
const { next } = seeded('fault-disk');
const diskMB = 400;

/** Mounting needs root, and a kernel that lets this root mount. */
function mounted(): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskMB}m`, 'tmpfs', dir], { stdio: 'ignore' });
    return true;
  } catch {
    process.stdout.write('fault-disk: skipped, no file system can be mounted here (root is needed)\n');
    return false;
  }
}
const canMount = mounted();

let clew: RunningClew;
const launch = (freeMin: number) =>
  startClew(dir, {
    CLEW_LOG_LEVEL: 'fatal',
    CLEW_INGEST_DISK_FREE_BYTES_MIN: String(freeMin),
    CLEW_QUERY_ROWS_RESULT_MAX: '10000000',
  });
beforeAll(async () => {
  if (canMount) clew = await launch(50_000_000);
});
afterAll(async () => {
  await clew?.kill();
  if (canMount) execFileSync('umount', [dir]);
  rmSync(dir, { recursive: true, force: true });
});

const ballast = join(dir, 'ballast');
/** Leaves so many bytes of the disk free. */
function fill(leaving: number): void {
  const { bavail, bsize } = statfsSync(dir);
  const bytes = bavail * bsize - leaving;
  try {
    writeFileSync(ballast, Buffer.alloc(Math.max(0, bytes)));
  } catch {
    // Clew wrote meanwhile: full is full.
  }
}
const load = (name: string) => startSenders({ account, next, url: () => clew.otlpUrl, name, pauseMs: 5 });

async function nothingIsWrong(): Promise<void> {
  await settle(account, clew.otlpUrl);
  const counts = await present(clew, account);
  process.stdout.write(account.figures(counts));
  expect(account.verdict(counts)).toEqual(nothingWrong);
  expect(counts.size).toBe(account.acknowledged.size);
}

it.skipIf(!canMount)(
  'less free than ingest.disk_free_bytes_min is answered 503 until there is room again',
  async () => {
    const senders = load('reserve');
    await soon(500);
    fill(30_000_000);
    await soon(1_500);
    expect((await fetch(`${clew.url}/readyz`)).status).toBe(503);
    rmSync(ballast);
    await soon(1_000);
    await senders.stop();
    expect([...account.refusals.keys()]).toEqual(['503 retry-after 5']);
    await nothingIsWrong();
    expect((await fetch(`${clew.url}/readyz`)).status).toBe(200);
  },
);

it.skipIf(!canMount)(
  'a disk full to the last byte refuses with 503, and once it has room all is kept once, after a kill as well',
  async () => {
    await clew.kill();
    clew = await launch(0);
    const senders = load('full');
    await soon(500);
    fill(0);
    await soon(3_000);
    rmSync(ballast);
    await soon(1_000);
    await senders.stop();
    expect([...account.refusals.keys()].every((kind) => kind.startsWith('503 retry-after'))).toBe(true);
    expect(account.refusals.get('503 retry-after 1')).toBeGreaterThan(0);
    await nothingIsWrong();
    await clew.kill();
    clew = await launch(0);
    await nothingIsWrong();
  },
);
