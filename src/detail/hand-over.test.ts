import { mkdir, mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../test/support/until.ts';
import { configSchema } from '../config/index.ts';
import { createLogger, systemClock } from '../lib/index.ts';
import type { Block } from '../model/index.ts';
import { handedDir, ingestDir, readHanded } from './hand-over.ts';
import { type IngestStore, openIngestStore } from './ingest-store.ts';
import { ingestNumbers } from './numbers.ts';
import { Repeats } from './repeats.ts';
import { type ClosedSegment, indexPath } from './segment.ts';
import { TakeOver } from './take-over.ts';

const log = createLogger({ level: 'silent' });
const clock = systemClock;
let dir = '';
let walDir = '';
let stores: IngestStore[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'clew-hand-over-'));
  walDir = join(dir, 'wal');
});
afterEach(async () => {
  for (const store of stores) await store.close();
  stores = [];
  await rm(dir, { recursive: true, force: true });
});

async function openStore(ingest: Record<string, number> = {}): Promise<IngestStore> {
  const config = configSchema.parse({ ingest: { segmentAgeMs: 50, ...ingest } });
  const store = await openIngestStore({ dir, config, clock, log });
  stores.push(store);
  return store;
}

/** Not a real block of columns: nothing here reads it. */
const block = (text: string, request?: string): Block => ({
  table: 'otel_logs',
  rows: 1,
  bytes: new Uint8Array(Buffer.from(text.padEnd(40, '.'))),
  ...(request === undefined ? {} : { request }),
});
const fingerprint = (n: number): string => n.toString(16).padStart(32, '0');
const soon = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const names = async (folder: string) => (await readdir(folder)).filter((file) => /native$|index$/.test(file));

const handedOver = (count: number) =>
  until(
    `${count} segments are handed over`,
    async () => (await readHanded(handedDir(walDir))).segments.length === count,
  );

/** As the other process does it: the data goes, the index stays. */
async function takeAll(): Promise<ClosedSegment[]> {
  const { segments } = await readHanded(handedDir(walDir));
  for (const { path } of segments) await rm(path);
  return segments;
}

describe('handing over', () => {
  it('gives each closed segment whole, with its rows and bytes, under a number of its own', async () => {
    const store = await openStore();
    await Promise.all([store.append(block('one')), store.append(block('two'))]);
    await handedOver(1);
    const { segments } = await readHanded(handedDir(walDir));
    expect(segments).toMatchObject([
      { number: ingestNumbers.first, table: 'otel_logs', rows: 2, bytes: 80, handedOver: true },
    ]);
    expect((await readFile(segments[0]?.path ?? '')).toString('latin1')).toMatch(/^one.*two/);
    expect(await names(ingestDir(walDir))).toEqual([]);
  });

  it('counts what nobody inserts against ingest.pending_bytes_max, also after a restart, and frees it when it is taken', async () => {
    const large = 'x'.repeat(400_000);
    const first = await openStore({ pendingBytesMax: 1_048_576 });
    await first.append(block(large));
    await first.append(block(large));
    await expect(first.append(block(large))).rejects.toMatchObject({ code: 'overloaded' });
    await first.close();
    const store = await openStore({ pendingBytesMax: 1_048_576 });
    expect(store.health().pendingBytes).toBe(800_000);
    await expect(store.append(block(large))).rejects.toThrow(/ingest\.pending_bytes_max/);
    await until('it is taken', async () => (await takeAll()).length > 0 || store.health().pendingBytes === 0);
    await until('nothing is pending', () => store.health().pendingBytes === 0);
    await store.append(block(large));
  });

  it('knows the lag of what waits, and none when nothing does', async () => {
    const store = await openStore();
    expect(store.health().insertLagMs).toBe(0);
    await store.append(block('one'));
    await soon(300);
    expect(store.health().insertLagMs).toBeGreaterThanOrEqual(200);
    await takeAll();
    await until('no lag', () => store.health().insertLagMs === 0);
  });

  it('keeps files few while nobody takes them, and is quick again afterwards', async () => {
    const store = await openStore({ segmentRowsMax: 1 });
    // A segment for each block, as if time had passed: beyond fifty that wait, each grows longer.
    await Promise.all(Array.from({ length: 60 }, (_, n) => store.append(block(String(n)))));
    await store.close();
    const slow = await openStore({ segmentRowsMax: 100, segmentAgeMs: 20_000 });
    expect(slow.health().pendingSegments).toBe(60);
    await slow.append(block('late'));
    await takeAll();
    // Its own age is forty seconds by now, and it is handed over as soon as the others are taken.
    const started = performance.now();
    await until('one is taken', async () => (await takeAll()).length === 1);
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

describe('a kill', () => {
  /** A store that was killed before its segments were moved: their files as they were. */
  async function leftBehind(requests: readonly number[]): Promise<string> {
    const store = await openStore({ segmentAgeMs: 60_000 });
    for (const n of requests) await store.append(block(`r${n}`, fingerprint(n)));
    const copy = join(dir, 'copy');
    await mkdir(copy);
    for (const file of await readdir(ingestDir(walDir)))
      await writeFile(join(copy, file), await readFile(join(ingestDir(walDir), file)));
    await store.close();
    await rm(walDir, { recursive: true });
    await mkdir(handedDir(walDir), { recursive: true });
    await rename(copy, ingestDir(walDir));
    const [file = ''] = (await readdir(ingestDir(walDir))).filter((name) => name.endsWith('.native'));
    return file;
  }

  it('before the move: the next start hands the segment over', async () => {
    await leftBehind([1, 2]);
    await openStore();
    await handedOver(1);
    expect((await readHanded(handedDir(walDir))).segments).toMatchObject([{ rows: 2 }]);
  });

  it('between data and index: it can not be taken by halves, and the next start finishes the move', async () => {
    const file = await leftBehind([1]);
    await rename(join(ingestDir(walDir), file), join(handedDir(walDir), file));
    expect(await readHanded(handedDir(walDir))).toMatchObject({
      segments: [],
      unfinished: [ingestNumbers.first],
    });
    const store = await openStore();
    expect((await readHanded(handedDir(walDir))).segments).toHaveLength(1);
    expect(store.health().pendingBytes).toBe(40);
  });

  it('after the segment was inserted: a repeated request is still known', async () => {
    const file = await leftBehind([1]);
    await rename(indexPath(join(ingestDir(walDir), file)), indexPath(join(handedDir(walDir), file)));
    await rm(join(ingestDir(walDir), file));
    const store = await openStore();
    await store.append(block('r1', fingerprint(1)));
    expect(store.health().pendingBytes).toBe(0);
    await store.append(block('r2', fingerprint(2)));
    expect(store.health().pendingBytes).toBe(40);
  });

  it('in the middle of a block: its request was not answered, and is stored when it comes again', async () => {
    const file = await leftBehind([1, 2]);
    const path = join(ingestDir(walDir), file);
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, 60));
    const store = await openStore();
    await handedOver(1);
    expect((await readHanded(handedDir(walDir))).segments).toMatchObject([{ rows: 1, bytes: 40 }]);
    await store.append(block('r1', fingerprint(1)));
    expect(store.health().pendingBytes).toBe(40);
    // Also after a second kill, when only the index tells.
    const again = await openStore();
    await again.append(block('r1', fingerprint(1)));
    expect(again.health().pendingBytes).toBe(40);
    await again.append(block('r2', fingerprint(2)));
    expect(again.health().pendingBytes).toBe(80);
  });

  it('leaves indexes until every answer has left, then they are removed', async () => {
    const store = await openStore();
    await store.append(block('one', fingerprint(1)));
    await until('one is taken', async () => (await takeAll()).length === 1);
    await soon(1_500);
    const [index = ''] = await names(handedDir(walDir));
    expect(index).toMatch(/index$/);
    const old = clock.now() / 1000 - 11;
    await utimes(join(handedDir(walDir), index), old, old);
    await until('the index is removed', async () => (await names(handedDir(walDir))).length === 0);
  });
});

describe('a request that comes again', () => {
  it('is a new one after an orderly stop: all answers were given', async () => {
    const store = await openStore();
    await store.append(block('heartbeat', fingerprint(1)));
    await store.close();
    const again = await openStore();
    expect(again.health().pendingBytes).toBe(40);
    await again.append(block('heartbeat', fingerprint(1)));
    expect(again.health().pendingBytes).toBe(80);
  });

  it('is a new one when it was stored long before the kill', async () => {
    const store = await openStore();
    await store.append(block('heartbeat', fingerprint(1)));
    await handedOver(1);
    const [old] = (await readHanded(handedDir(walDir))).segments;
    const at = clock.now() / 1000 - 60;
    await utimes(indexPath(old?.path ?? ''), at, at);
    await store.append(block('other', fingerprint(2)));
    await handedOver(2);
    // As after a kill: the first store is still open, and says nothing more.
    const again = await openStore();
    await again.append(block('other', fingerprint(2)));
    expect(again.health().pendingBytes).toBe(80);
    await again.append(block('heartbeat', fingerprint(1)));
    expect(again.health().pendingBytes).toBe(120);
  });

  it('is known where its answer was noted as lost, also by one process for everything', async () => {
    const store = await openStore();
    store.expectAgain(fingerprint(1));
    await store.close();
    const repeats = new Repeats(walDir, clock);
    repeats.adopt(ingestDir(walDir));
    expect([repeats.has(fingerprint(1), 'otel_logs'), repeats.has(fingerprint(2), 'otel_logs')]).toEqual([
      true,
      false,
    ]);
  });
});

describe('taking over', () => {
  it('takes what comes and what was there, each once, and marks what may have been inserted before', async () => {
    await mkdir(ingestDir(walDir), { recursive: true });
    await mkdir(handedDir(walDir), { recursive: true });
    const store = await openStore();
    await store.append(block('old'));
    await handedOver(1);
    const found = await readHanded(handedDir(walDir));
    const taken: ClosedSegment[] = [];
    const takeOver = new TakeOver(
      { dir: handedDir(walDir), clock, log, take: (segment) => taken.push(segment) },
      { segments: found.segments, unfinished: [ingestNumbers.first + 1] },
    );
    takeOver.start();
    try {
      await store.append(block('new'));
      await until('a segment is taken', () => taken.length > 0);
      await soon(200);
      await takeOver.look();
      expect(taken).toMatchObject([{ number: ingestNumbers.first + 1, rows: 1, replayed: true }]);
      await store.append(block('newer'));
      await until('a second one is taken', () => taken.length > 1);
      expect(taken[1]).toMatchObject({ number: ingestNumbers.first + 2, replayed: false });
    } finally {
      await takeOver.stop();
    }
  });
});
