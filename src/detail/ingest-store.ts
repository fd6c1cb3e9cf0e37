import { mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Config } from '../config/index.ts';
import { ClewError, type Clock, giveBuffer, type Logger } from '../lib/index.ts';
import { checkBlock, dropRepeated } from './check-block.ts';
import type { DetailStore } from './contract.ts';
import { pendingBytes } from './events.ts';
import {
  eachUnanswered,
  HandOver,
  handedDir,
  ingestDir,
  listed,
  listedQuarantine,
  noteCleanStop,
  readHanded,
  settleHandOver,
} from './hand-over.ts';
import { createJournal, type Journal } from './journal.ts';
import { highestIn, ingestNumbers, openSegmentNumbers } from './numbers.ts';
import { recoverFile } from './recover.ts';
import { Repeats } from './repeats.ts';
import { type ClosedSegment, dataPath, parseSegmentName, rowsPerSegmentLimit } from './segment.ts';

export interface IngestStoreOptions {
  /** Of the detail store, as the process with the engine has it. */
  dir: string;
  config: Pick<Config, 'ingest'>;
  clock: Clock;
  log: Logger;
}

/** What a process that only takes in needs of the detail store. Nothing can be asked here. */
export type IngestStore = Pick<DetailStore, 'append' | 'expectAgain' | 'health' | 'close'>;

/** From so many waiting segments on each one grows longer, up to a minute: while nobody inserts, files stay few. */
const segmentsWaiting = 50;
const ageFactorMax = 60;

/**
 * The write-ahead log alone, without the engine: segments are written in a folder of their own and handed over to the process
 * that has it. Bytes that it has not inserted count against `ingest.pending_bytes_max`.
 */
export async function openIngestStore(options: IngestStoreOptions): Promise<IngestStore> {
  const walDir = join(resolve(options.dir), 'wal');
  for (const dir of [ingestDir(walDir), handedDir(walDir)]) await mkdir(dir, { recursive: true });
  await settleHandOver(walDir);
  const repeats = new Repeats(ingestDir(walDir), options.clock);
  repeats.adopt(walDir);
  await eachUnanswered(walDir, (request, table) => repeats.expect(request, table));
  const closed = await recover(ingestDir(walDir), options, repeats);
  const { segments: waiting } = await readHanded(handedDir(walDir));
  const numbers = await openSegmentNumbers(
    ingestDir(walDir),
    highestIn(ingestNumbers, await numbersUsed(walDir)),
    ingestNumbers,
  );
  const assembled = assemble(options, walDir, numbers, repeats);
  assembled.start(waiting, closed);
  return assembled.store;
}

/** Those that only `next-segment` knows are gone: their rows are in the table. */
async function numbersUsed(walDir: string): Promise<number[]> {
  const dirs = [ingestDir(walDir), handedDir(walDir)];
  const files = (await Promise.all([...dirs.map(listed), listedQuarantine(walDir)])).flat();
  return files
    .map((file) => parseSegmentName(file.replace(/\.index$/, '.native'))?.number)
    .filter((number) => number !== undefined);
}

async function recover(dir: string, options: IngestStoreOptions, repeats: Repeats): Promise<ClosedSegment[]> {
  const closed: ClosedSegment[] = [];
  for (const file of (await readdir(dir)).toSorted()) {
    const name = parseSegmentName(file);
    if (name === undefined) continue;
    const path = dataPath(dir, name);
    const since = (await stat(path)).mtimeMs;
    const { rows, bytes } = await recoverFile(path, name, {
      log: options.log,
      walDir: dirname(dir),
      repeats,
    });
    if (rows > 0) closed.push({ ...name, path, rows, bytes, since, replayed: true });
  }
  options.log.info({ segments: closed.length }, 'segments of the last run are handed over');
  return closed;
}

interface Assembled {
  store: IngestStore;
  start(waiting: readonly ClosedSegment[], closed: readonly ClosedSegment[]): void;
}

function assemble(
  options: IngestStoreOptions,
  walDir: string,
  numbers: Awaited<ReturnType<typeof openSegmentNumbers>>,
  repeats: Repeats,
): Assembled {
  const { clock, config, log } = options;
  let pending = 0;
  let closing: Promise<void> | undefined;
  let slow = false;
  const addPending = (bytes: number) => {
    pending += bytes;
    pendingBytes.set(pending);
  };
  const ageFactor = () => Math.min(ageFactorMax, 1 + Math.floor(handOver.segments / segmentsWaiting));
  const handOver: HandOver = new HandOver({
    from: ingestDir(walDir),
    to: handedDir(walDir),
    clock,
    log,
    onTaken(bytes) {
      addPending(-bytes);
      // What grew long while nobody took is handed over at once when somebody does again.
      if (slow && ageFactor() === 1 && closing === undefined) {
        slow = false;
        void journal.rotate();
      }
    },
  });
  const journal: Journal = createJournal({
    dir: ingestDir(walDir),
    rowsMax: Math.min(config.ingest.segmentRowsMax, rowsPerSegmentLimit),
    get ageMs() {
      const factor = ageFactor();
      slow ||= factor > 1;
      return config.ingest.segmentAgeMs * factor;
    },
    clock,
    log,
    numbers,
    onClosed: (segment) => handOver.add(segment),
    onDropped: (bytes) => addPending(-bytes),
  });
  const store: IngestStore = {
    async append(block) {
      if (block.rows === 0 || dropRepeated(block, repeats)) return;
      if (closing !== undefined)
        throw new ClewError('unavailable', 'Clew is stopping; send again in a moment.');
      checkBlock(block, pending, config.ingest.pendingBytesMax);
      addPending(block.bytes.byteLength);
      await journal.append(block);
      giveBuffer(block.bytes);
    },
    expectAgain: (request, table) => repeats.expect(request, table),
    health() {
      const since = Math.min(journal.oldest() ?? Infinity, handOver.oldest() ?? Infinity);
      return {
        ready: closing === undefined,
        pendingBytes: pending,
        pendingSegments: handOver.segments,
        insertLagMs: Number.isFinite(since) ? Math.max(0, clock.now() - since) : 0,
        lastError: handOver.lastError(),
      };
    },
    close() {
      closing ??= journal
        .rotate()
        .then(() => handOver.stop())
        .then(() => noteCleanStop(walDir));
      return closing;
    },
  };
  return {
    store,
    start(waiting, closed) {
      for (const { bytes } of [...waiting, ...closed]) addPending(bytes);
      handOver.start(waiting);
      for (const segment of closed) handOver.add(segment);
    },
  };
}
