import { type FileHandle, open } from 'node:fs/promises';
import { ClewError, type Clock, type Logger } from '../lib/index.ts';
import type { Block, DetailTable } from '../model/index.ts';
import { commitSeconds } from './events.ts';
import type { SegmentNumbers } from './numbers.ts';
import {
  type ClosedSegment,
  dataPath,
  fillEventIds,
  indexPath,
  indexRecord,
  indexRecordBytes,
  removeSegment,
  rowsPerSegmentLimit,
  syncDirectory,
} from './segment.ts';

/** A closed segment is inserted as one block in memory; 64 MiB of columns keep the engine under 300 MB while it does. */
const segmentBytesMax = 64 * 1024 * 1024;

interface Waiting {
  block: Block;
  resolve: () => void;
  reject: (error: unknown) => void;
}

interface OpenSegment {
  number: number;
  table: DetailTable;
  path: string;
  data: FileHandle | undefined;
  index: FileHandle | undefined;
  queue: Waiting[];
  /** Rows and bytes with a place, and those of them that are on disk. */
  placedRows: number;
  placedBytes: number;
  rows: number;
  bytes: number;
  blocks: number;
  since: number;
  timer: AbortController;
  closing: boolean;
  /** Its files are closed and it was handed over (or removed). */
  finished: boolean;
}

export interface JournalOptions {
  dir: string;
  rowsMax: number;
  ageMs: number;
  clock: Clock;
  log: Logger;
  numbers: SegmentNumbers;
  onClosed: (segment: ClosedSegment) => void;
  /** Bytes that got a place but were rejected, so they are no longer pending. */
  onDropped: (bytes: number) => void;
}

export interface Journal {
  append(block: Block): Promise<void>;
  /** Closes all open segments and resolves when they are handed over. */
  rotate(): Promise<void>;
  /** Clock time of the oldest record in an open segment; undefined when there is none. */
  oldest(): number | undefined;
}

/** The open segments, one per table, and the group commit that acknowledges. */
export function createJournal(options: JournalOptions): Journal {
  const { clock } = options;
  const open = new Map<DetailTable, OpenSegment>();
  /** Segments with something to write or to close; a commit round takes them all. */
  let dirty = new Set<OpenSegment>();
  let round: Promise<void> | undefined;

  const close = (segment: OpenSegment) => {
    if (segment.closing) return;
    segment.closing = true;
    segment.timer.abort();
    if (open.get(segment.table) === segment) open.delete(segment.table);
    dirty.add(segment);
    kick();
  };

  const begin = (table: DetailTable): OpenSegment => {
    const number = options.numbers.next();
    const segment = newSegment(number, table, dataPath(options.dir, { number, table }), clock.now());
    open.set(table, segment);
    void clock.sleep(options.ageMs, segment.timer.signal).then(() => close(segment));
    return segment;
  };

  const place = (block: Block): OpenSegment => {
    let segment = open.get(block.table);
    if (segment !== undefined && segment.placedRows + block.rows > rowsPerSegmentLimit) close(segment);
    // A segment whose disk refused it closes itself.
    if (segment === undefined || segment.closing) segment = begin(block.table);
    fillEventIds(block.bytes, block.rows, segment.number, segment.placedRows);
    segment.placedRows += block.rows;
    segment.placedBytes += block.bytes.byteLength;
    return segment;
  };

  const kick = () => {
    round ??= Promise.resolve()
      .then(async () => {
        while (dirty.size > 0) {
          const batch = dirty;
          dirty = new Set();
          await commitRound([...batch], options);
        }
      })
      .finally(() => {
        round = undefined;
        if (dirty.size > 0) kick();
      });
  };

  return {
    append(block) {
      const segment = place(block);
      return new Promise((resolve, reject) => {
        segment.queue.push({ block, resolve, reject });
        dirty.add(segment);
        if (segment.placedRows >= options.rowsMax || segment.placedBytes >= segmentBytesMax) close(segment);
        else kick();
      });
    },
    async rotate() {
      for (const segment of [...open.values()]) close(segment);
      while (round !== undefined) await round;
    },
    oldest: () => oldestOf([...open.values()].filter((segment) => !segment.closing)),
  };
}

const oldestOf = (segments: readonly OpenSegment[]): number | undefined =>
  segments.length === 0 ? undefined : Math.min(...segments.map((segment) => segment.since));

function newSegment(number: number, table: DetailTable, path: string, since: number): OpenSegment {
  return {
    number,
    table,
    path,
    data: undefined,
    index: undefined,
    queue: [],
    placedRows: 0,
    placedBytes: 0,
    rows: 0,
    bytes: 0,
    blocks: 0,
    since,
    timer: new AbortController(),
    closing: false,
    finished: false,
  };
}

/** One group commit: every waiting block of every table is written, each file synced once, then all are acknowledged. */
async function commitRound(segments: OpenSegment[], options: JournalOptions): Promise<void> {
  const started = options.clock.monotonic();
  await Promise.all(segments.map((segment) => commitSegment(segment, options)));
  commitSeconds.observe((options.clock.monotonic() - started) / 1000);
}

async function commitSegment(segment: OpenSegment, options: JournalOptions): Promise<void> {
  if (segment.finished) return;
  const queue = segment.queue;
  segment.queue = [];
  try {
    if (queue.length > 0) await writeBlocks(segment, queue, options.dir);
    for (const waiting of queue) waiting.resolve();
  } catch (error) {
    await abandon(segment, queue, error, options);
  }
  if (segment.closing && segment.queue.length === 0) await finish(segment, options);
}

async function writeBlocks(segment: OpenSegment, queue: Waiting[], dir: string): Promise<void> {
  const created = segment.data === undefined;
  segment.data ??= await open(segment.path, 'wx');
  segment.index ??= await open(indexPath(segment.path), 'wx');
  const blocks = queue.map((waiting) => waiting.block.bytes);
  const records = queue.map((waiting) => indexRecord(waiting.block));
  const bytes = blocks.reduce((sum, block) => sum + block.byteLength, 0);
  await both(
    writeAll(segment.data, blocks, segment.bytes),
    writeAll(segment.index, records, segment.blocks * indexRecordBytes),
  );
  await both(segment.data.datasync(), segment.index.datasync());
  if (created) await syncDirectory(dir);
  segment.bytes += bytes;
  segment.blocks += queue.length;
  segment.rows += queue.reduce((sum, waiting) => sum + waiting.block.rows, 0);
}

/** Ends when both have ended: while one of them is still writing, the segment must not be cut. */
async function both(...work: [Promise<void>, Promise<void>]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** `writev` may write less than it was given; the rest follows. At most 1 024 buffers a call (IOV_MAX). */
async function writeAll(handle: FileHandle, buffers: Uint8Array[], position: number): Promise<void> {
  let at = position;
  let rest = buffers;
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest.slice(0, 1024), at);
    at += bytesWritten;
    let skip = bytesWritten;
    let first = 0;
    while (first < rest.length && skip >= (rest[first]?.byteLength ?? 0)) {
      skip -= rest[first]?.byteLength ?? 0;
      first += 1;
    }
    rest = rest.slice(first);
    const partial = rest[0];
    if (skip > 0 && partial !== undefined) rest[0] = partial.subarray(skip);
  }
}

/**
 * The disk refused a write. Nothing of this round is acknowledged; the segment ends at its last acknowledged block, so
 * what the senders repeat can't be there twice.
 */
async function abandon(
  segment: OpenSegment,
  queue: Waiting[],
  error: unknown,
  options: JournalOptions,
): Promise<void> {
  options.log.error({ err: error, segment: segment.path }, 'write-ahead segment could not be written');
  const late = segment.queue;
  segment.queue = [];
  segment.closing = true;
  segment.timer.abort();
  await segment.data?.truncate(segment.bytes).catch(() => undefined);
  await segment.index?.truncate(segment.blocks * indexRecordBytes).catch(() => undefined);
  const failure = new ClewError('unavailable', 'The write-ahead segment could not be written; try again.', {
    cause: error,
  });
  for (const waiting of [...queue, ...late]) {
    options.onDropped(waiting.block.bytes.byteLength);
    waiting.reject(failure);
  }
}

async function finish(segment: OpenSegment, options: JournalOptions): Promise<void> {
  segment.finished = true;
  await segment.data?.close().catch(() => undefined);
  await segment.index?.close().catch(() => undefined);
  if (segment.rows === 0) {
    await removeSegment(segment.path).catch(() => undefined);
    return;
  }
  const { number, table, path, rows, bytes, since } = segment;
  options.onClosed({ number, table, path, rows, bytes, since, replayed: false });
}
