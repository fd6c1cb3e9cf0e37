import { mkdir, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Config } from '../config/index.ts';
import { ClewError, type Clock, giveBuffer, type Logger } from '../lib/index.ts';
import type { Block } from '../model/index.ts';
import type { DetailHealth, WritableStore } from './contract.ts';
import { type Engine, openEngine } from './engine.ts';
import { pendingBytes, repeatedRows, replayedSegments, tornBytes } from './events.ts';
import { createInserter, type Inserter } from './inserter.ts';
import { createJournal, type Journal } from './journal.ts';
import { createMergeGate } from './merges.ts';
import { migrate, type Schema } from './migrate.ts';
import { openSegmentNumbers } from './numbers.ts';
import { runNamed } from './query.ts';
import { Repeats } from './repeats.ts';
import {
  type ClosedSegment,
  parseSegmentName,
  recoverSegment,
  rowsPerSegmentLimit,
  type SegmentName,
} from './segment.ts';
import { createSingleSegments } from './single.ts';
import { createUserSql, type UserSql } from './user-sql.ts';

export interface DetailOptions {
  dir: string;
  config: Pick<Config, 'ingest' | 'query'>;
  clock: Clock;
  log: Logger;
}

/** How long `close` waits for segments to be inserted. What is left waits on disk and is replayed at the next start. */
const closeDeadlineMs = 10_000;

/**
 * Opens the embedded twin: `<dir>/engine` is the engine's, `<dir>/wal` the write-ahead segments. Resolves once every
 * segment found there is queued; `health().ready` turns true when they are inserted.
 */
export async function openDetailStore(options: DetailOptions): Promise<WritableStore> {
  const dir = resolve(options.dir);
  const walDir = join(dir, 'wal');
  await mkdir(walDir, { recursive: true });
  const engine = openEngine(join(dir, 'engine'));
  try {
    const schema = await migrate(engine);
    for (const difference of schema.drift)
      options.log.warn({ difference }, 'schema drift in the detail store');
    const userSql = await createUserSql({ engine, clock: options.clock, limits: options.config.query });
    const repeats = new Repeats(walDir, options.clock);
    const found = await recoverAll(walDir, options, repeats);
    const numbers = await openSegmentNumbers(walDir, found.highest);
    return assemble({
      ...options,
      walDir,
      engine,
      schema,
      userSql,
      numbers,
      repeats,
      found: found.segments,
      quarantined: found.quarantined,
    });
  } catch (error) {
    await engine.close();
    throw error;
  }
}

async function recoverAll(
  walDir: string,
  options: DetailOptions,
  repeats: Repeats,
): Promise<{ segments: ClosedSegment[]; highest: number; quarantined: number }> {
  const files = await readdir(walDir);
  const quarantine = await readdir(join(walDir, 'quarantine')).catch(() => []);
  const names = (list: string[]): SegmentName[] =>
    list.map(parseSegmentName).filter((name) => name !== undefined);
  const highest = Math.max(0, ...names([...files, ...quarantine]).map((name) => name.number));
  const segments: ClosedSegment[] = [];
  for (const file of files.toSorted()) {
    const name = parseSegmentName(file);
    if (name === undefined) continue;
    const path = join(walDir, file);
    const { rows, bytes, tornBytes: torn, requests } = await recoverSegment(path);
    for (const request of requests) repeats.expect(request, name.table);
    tornBytes.inc(torn);
    if (rows === 0) continue;
    replayedSegments.inc();
    segments.push({ ...name, path, rows, bytes, since: options.clock.now(), replayed: true });
  }
  return { segments, highest, quarantined: names(quarantine).length };
}

interface Parts extends DetailOptions {
  walDir: string;
  engine: Engine;
  schema: Schema;
  userSql: UserSql;
  numbers: Awaited<ReturnType<typeof openSegmentNumbers>>;
  repeats: Repeats;
  found: ClosedSegment[];
  /** Segments that were in quarantine when the store was opened. */
  quarantined: number;
}

function assemble(parts: Parts): WritableStore {
  const { clock, engine, config, walDir, log } = parts;
  let pending = 0;
  let closed: Promise<void> | undefined;
  const replaying = new Set(parts.found);
  const addPending = (bytes: number) => {
    pending += bytes;
    pendingBytes.set(pending);
  };
  const merges = createMergeGate(engine, clock, log);
  const inserter = createInserter({
    dir: walDir,
    engine,
    columns: parts.schema.columns,
    clock,
    log,
    onDone: (segment) => {
      replaying.delete(segment);
      merges.inserted(segment.rows);
      addPending(-segment.bytes);
    },
  });
  const journal = createJournal({
    dir: walDir,
    rowsMax: Math.min(config.ingest.segmentRowsMax, rowsPerSegmentLimit),
    ageMs: config.ingest.segmentAgeMs,
    clock,
    log,
    numbers: parts.numbers,
    onClosed: (segment) => inserter.add(segment),
    onDropped: (bytes) => addPending(-bytes),
  });
  for (const segment of parts.found) {
    addPending(segment.bytes);
    inserter.add(segment);
  }
  const flush = async () => {
    await journal.rotate();
    await inserter.drained();
  };

  return {
    async append(block) {
      if (closed !== undefined)
        throw new ClewError('unavailable', 'Clew is stopping; send again in a moment.');
      if (block.rows === 0) return;
      if (block.request !== undefined && parts.repeats.has(block.request, block.table)) {
        repeatedRows.inc({ table: block.table }, block.rows);
        giveBuffer(block.bytes);
        return;
      }
      checkBlock(block, pending, config.ingest.pendingBytesMax);
      addPending(block.bytes.byteLength);
      await journal.append(block);
      giveBuffer(block.bytes);
    },
    segments: createSingleSegments({
      dir: walDir,
      engine,
      numbers: parts.numbers,
      now: () => clock.now(),
      admit(block) {
        if (closed !== undefined)
          throw new ClewError('unavailable', 'Clew is stopping; send again in a moment.');
        checkBlock(block, pending, config.ingest.pendingBytesMax);
      },
      onWritten(segment) {
        addPending(segment.bytes);
        inserter.add(segment);
      },
    }),
    expectAgain: (request, table) => parts.repeats.expect(request, table),
    query: (query) => runNamed(engine, clock, config.query, query),
    userSql: (tenant, sql) => parts.userSql.run(tenant, sql),
    flush,
    health: () => healthOf(parts, journal, inserter, pending, closed === undefined && replaying.size === 0),
    close() {
      closed ??= (async () => {
        await Promise.race([flush(), clock.sleep(closeDeadlineMs)]);
        await inserter.stop();
        await merges.stop();
        await engine.close();
      })();
      return closed;
    },
  };
}

function checkBlock(block: Block, pending: number, pendingMax: number): void {
  if (block.rows > rowsPerSegmentLimit) {
    throw new ClewError('too_large', `A block of ${block.rows} rows; the limit is ${rowsPerSegmentLimit}.`);
  }
  if (pending + block.bytes.byteLength > pendingMax) {
    throw new ClewError(
      'overloaded',
      `${pending} bytes wait to be inserted; the limit is ingest.pending_bytes_max (${pendingMax}).`,
      { details: { pending_bytes: pending, limit: pendingMax, setting: 'ingest.pending_bytes_max' } },
    );
  }
}

function healthOf(
  parts: Parts,
  journal: Journal,
  inserter: Inserter,
  pending: number,
  ready: boolean,
): DetailHealth {
  const since = Math.min(journal.oldest() ?? Infinity, inserter.oldest() ?? Infinity);
  const [difference] = parts.schema.drift;
  const drift = difference === undefined ? null : `schema drift: ${parts.schema.drift.join('; ')}`;
  const aside = parts.quarantined + inserter.quarantined();
  const quarantine =
    aside === 0
      ? null
      : `${aside} segments that the engine refuses are in ${join(parts.walDir, 'quarantine')}`;
  return {
    ready,
    pendingBytes: pending,
    pendingSegments: inserter.pendingSegments(),
    insertLagMs: Number.isFinite(since) ? Math.max(0, parts.clock.now() - since) : 0,
    lastError: inserter.lastError() ?? quarantine ?? drift,
  };
}
