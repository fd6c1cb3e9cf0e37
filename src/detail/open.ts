import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Config } from '../config/index.ts';
import { ClewError, type Clock, giveBuffer, type Logger } from '../lib/index.ts';
import type { Block } from '../model/index.ts';
import { ArrivalLog } from './arrivals.ts';
import { checkBlock, dropRepeated } from './check-block.ts';
import type { DetailHealth, WritableStore } from './contract.ts';
import type { Engine } from './engine.ts';
import { handedBytes, pendingBytes } from './events.ts';
import { type Handed, handedDir } from './hand-over.ts';
import { createInserter, type Inserter, type InserterOptions } from './inserter.ts';
import { createJournal, type Journal } from './journal.ts';
import { createMergeGate } from './merges.ts';
import { migrate, type Schema } from './migrate.ts';
import { openSegmentNumbers } from './numbers.ts';
import { runDerive, runNamed } from './query.ts';
import { recoverAll } from './recover.ts';
import { Repeats } from './repeats.ts';
import { type ClosedSegment, rowsPerSegmentLimit } from './segment.ts';
import { createSingleSegments } from './single.ts';
import { TakeOver } from './take-over.ts';
import { createUserSql, type UserSql } from './user-sql.ts';

export interface DetailOptions {
  dir: string;
  config: Pick<Config, 'ingest' | 'query'>;
  clock: Clock;
  log: Logger;
  /** Another process takes in too and hands its segments over; otherwise what one left is taken at the start. */
  besideIngest?: boolean;
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
  // Loaded here alone: a process that only takes in must not pay the engine's 150 MB.
  const { openEngine } = await import('./engine.ts');
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
      handed: found.handed,
    });
  } catch (error) {
    await engine.close();
    throw error;
  }
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
  /** What another process had handed over; undefined when there is none. */
  handed: Handed | undefined;
}

const asked = (
  engine: Engine,
  clock: Clock,
  limits: Config['query'],
): Pick<WritableStore, 'query' | 'derive'> => ({
  query: (query) => runNamed(engine, clock, limits, query),
  derive: (query) => runDerive(engine, clock, limits, query),
});

function assemble(parts: Parts): WritableStore {
  const { clock, engine, config, walDir, log } = parts;
  let pending = 0;
  let closed: Promise<void> | undefined;
  const replaying = new Set([...parts.found, ...(parts.handed?.segments ?? [])]);
  const addPending = (bytes: number) => {
    pending += bytes;
    pendingBytes.set(pending);
  };
  const merges = createMergeGate(engine, clock, log);
  const arrivals = new ArrivalLog(engine);
  const inserter = noting(arrivals, {
    dir: walDir,
    engine,
    columns: parts.schema.columns,
    clock,
    log,
    onDone: (segment) => {
      replaying.delete(segment);
      merges.inserted(segment.rows);
      // What another process took in counts against its limit, not against this one's.
      if (segment.handedOver === true) handedBytes.dec(segment.bytes);
      else addPending(-segment.bytes);
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
  const takeOver = parts.handed && createTakeOver(parts, parts.handed, inserter);
  const admit = (block: Block) => {
    if (closed !== undefined) throw new ClewError('unavailable', 'Clew is stopping; send again in a moment.');
    checkBlock(block, pending, config.ingest.pendingBytesMax);
  };
  const flush = async () => {
    await journal.rotate();
    await takeOver?.look();
    await inserter.drained();
  };

  return {
    async append(block) {
      if (block.rows === 0 || dropRepeated(block, parts.repeats)) return;
      admit(block);
      addPending(block.bytes.byteLength);
      await journal.append(block);
      giveBuffer(block.bytes);
    },
    segments: createSingleSegments({
      dir: walDir,
      engine,
      numbers: parts.numbers,
      now: () => clock.now(),
      admit,
      onWritten(segment) {
        addPending(segment.bytes);
        inserter.add(segment);
      },
    }),
    arrivals,
    expectAgain: (request, table) => parts.repeats.expect(request, table),
    ...asked(engine, clock, config.query),
    userSql: (tenant, sql) => parts.userSql.run(tenant, sql),
    flush,
    health: () => healthOf(parts, journal, inserter, pending, closed === undefined && replaying.size === 0),
    close() {
      closed ??= (async () => {
        await takeOver?.stop();
        await Promise.race([flush(), clock.sleep(closeDeadlineMs)]);
        await inserter.stop();
        await merges.stop();
        await engine.close();
      })();
      return closed;
    },
  };
}

/** An inserter whose segments are noted before they are inserted. */
function noting(arrivals: ArrivalLog, options: InserterOptions): Inserter {
  const inserter = createInserter({
    ...options,
    onDone(segment) {
      arrivals.inserted(segment.table, segment.number);
      options.onDone(segment);
    },
  });
  return {
    ...inserter,
    add(segment) {
      arrivals.added(segment.table, segment.number);
      inserter.add(segment);
    },
  };
}

function createTakeOver(parts: Parts, handed: Handed, inserter: Inserter): TakeOver {
  const take = (segment: ClosedSegment) => {
    handedBytes.inc(segment.bytes);
    inserter.add(segment);
  };
  const takeOver = new TakeOver(
    { dir: handedDir(parts.walDir), clock: parts.clock, log: parts.log, take },
    handed,
  );
  for (const segment of handed.segments) take(segment);
  takeOver.start();
  return takeOver;
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
      : `${aside} segments that the engine refuses, or that were damaged, are in ${join(parts.walDir, 'quarantine')}`;
  return {
    ready,
    pendingBytes: pending,
    pendingSegments: inserter.pendingSegments(),
    insertLagMs: Number.isFinite(since) ? Math.max(0, parts.clock.now() - since) : 0,
    lastError: inserter.lastError() ?? quarantine ?? drift,
  };
}
