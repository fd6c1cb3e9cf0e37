import { mkdir, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Clock, Logger } from '../lib/index.ts';
import type { Engine } from './engine.ts';
import { EngineError } from './engine-error.ts';
import { insertedRows, insertFailures, insertSeconds, quarantined } from './events.ts';
import type { TableColumns } from './migrate.ts';
import { type ClosedSegment, indexPath, positionBits, removeData, removeSegment } from './segment.ts';

/** Wait before a segment is tried again, doubled each time. */
const retryDelayMs = 200;
const retryDelayMsMax = 10_000;

/**
 * ClickHouse error codes that mean the bytes themselves are wrong: trying again can't help, so the segment is set aside.
 * Everything else (no memory, no space, too many parts, timeouts) is the engine's trouble and is tried for ever,
 * while `pending_bytes_max` answers senders 429.
 */
const poisonCodes = new Set([
  6, 7, 10, 16, 20, 26, 27, 32, 33, 36, 38, 41, 43, 44, 47, 49, 50, 53, 63, 69, 70, 72, 73, 117, 130, 131,
  190, 261, 271, 321, 349, 377, 432, 467, 469, 636,
]);
/** Attempts for an error that is not known as poison, before the segment no longer holds the others up: half an hour. */
const attemptsMax = 200;

interface Pending {
  segment: ClosedSegment;
  attempts: number;
  notBefore: number;
}

export interface InserterOptions {
  dir: string;
  engine: Engine;
  columns: TableColumns;
  clock: Clock;
  log: Logger;
  /** The segment left the write-ahead log: its rows can be queried, or it went into quarantine. */
  onDone: (segment: ClosedSegment) => void;
}

export interface Inserter {
  add(segment: ClosedSegment): void;
  /** Resolves when everything added before the call can be queried or is in quarantine. */
  drained(): Promise<void>;
  pendingSegments(): number;
  oldest(): number | undefined;
  lastError(): string | null;
  /** Segments set aside since the store was opened. */
  quarantined(): number;
  /** Ends after the insert that is running. What is left is replayed at the next start. */
  stop(): Promise<void>;
}

interface State {
  pending: Pending[];
  watchers: { left: Set<ClosedSegment>; resolve: () => void }[];
  error: string | null;
  setAside: number;
  stopped: boolean;
  wake: AbortController;
  loop: Promise<void> | undefined;
}

/** Inserts closed segments one after the other. It sleeps until there is something to do. */
export function createInserter(options: InserterOptions): Inserter {
  const state: State = {
    pending: [],
    watchers: [],
    error: null,
    setAside: 0,
    stopped: false,
    wake: new AbortController(),
    loop: undefined,
  };
  return {
    add(segment) {
      state.pending.push({ segment, attempts: 0, notBefore: 0 });
      state.wake.abort();
      start(state, options);
    },
    drained() {
      const left = new Set(state.pending.map((item) => item.segment));
      if (left.size === 0) return Promise.resolve();
      return new Promise((resolve) => state.watchers.push({ left, resolve }));
    },
    pendingSegments: () => state.pending.length,
    oldest: () =>
      state.pending.reduce<number | undefined>(
        (oldest, item) => least(oldest, item.segment.since),
        undefined,
      ),
    lastError: () => state.error,
    quarantined: () => state.setAside,
    async stop() {
      state.stopped = true;
      state.wake.abort();
      await state.loop;
    },
  };
}

function start(state: State, options: InserterOptions): void {
  state.loop ??= run(state, options)
    .catch((thrown) => options.log.error({ err: thrown }, 'inserter stopped'))
    .finally(() => {
      state.loop = undefined;
      if (!state.stopped && state.pending.length > 0) start(state, options);
    });
}

async function run(state: State, options: InserterOptions): Promise<void> {
  const { clock } = options;
  while (!state.stopped && state.pending.length > 0) {
    const now = clock.monotonic();
    const ready = state.pending.find((item) => item.notBefore <= now);
    if (ready) {
      await attempt(ready, state, options);
      continue;
    }
    state.wake = new AbortController();
    await clock.sleep(Math.min(...state.pending.map((item) => item.notBefore)) - now, state.wake.signal);
  }
}

async function attempt(item: Pending, state: State, options: InserterOptions): Promise<void> {
  const { segment } = item;
  try {
    await insertSegment(segment, item.attempts > 0, options);
    state.error = null;
  } catch (thrown) {
    const failure = thrown instanceof Error ? thrown : new Error(String(thrown));
    state.error = `${segment.table} segment ${segment.number}: ${failure.message.slice(0, 500)}`;
    item.attempts += 1;
    const poison = failure instanceof EngineError && poisonCodes.has(failure.code);
    if (!poison && item.attempts < attemptsMax) {
      insertFailures.inc({ table: segment.table });
      const delayMs = Math.min(retryDelayMs * 2 ** (item.attempts - 1), retryDelayMsMax);
      item.notBefore = options.clock.monotonic() + delayMs;
      options.log.warn({ err: failure, segment: segment.path, attempts: item.attempts }, 'insert failed');
      return;
    }
    await setAside(segment, failure, options);
    state.setAside += 1;
  }
  done(item, state, options);
}

function done(item: Pending, state: State, options: InserterOptions): void {
  state.pending.splice(state.pending.indexOf(item), 1);
  options.onDone(item.segment);
  for (const watcher of [...state.watchers]) {
    watcher.left.delete(item.segment);
    if (watcher.left.size > 0) continue;
    state.watchers.splice(state.watchers.indexOf(watcher), 1);
    watcher.resolve();
  }
}

const least = (a: number | undefined, b: number): number => (a === undefined || b < a ? b : a);
const quoteName = (name: string): string => `\`${name.replaceAll('`', '\\`')}\``;
const quoteText = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function insertSql(segment: ClosedSegment, columns: TableColumns, onlyMissing: boolean): string {
  const known = columns[segment.table];
  const names = known.map((column) => quoteName(column.name)).join(', ');
  const structure = known.map((column) => `${quoteName(column.name)} ${column.type}`).join(', ');
  const missing = `WHERE EventId NOT IN (SELECT EventId FROM ${segment.table} WHERE ${eventIdRange(segment.number)})`;
  const token = `${segment.number}${onlyMissing ? '-missing' : ''}`;
  // One thread and one block: the token then names the whole segment, and every replay cuts it the same way. Partitions
  // are not limited: a sender that replays a year of old records must not stop everybody's segment.
  return `INSERT INTO ${segment.table} (${names})
SELECT ${names} FROM file(${quoteText(segment.path)}, 'Native', ${quoteText(structure)})
${onlyMissing ? missing : ''}
SETTINGS insert_deduplicate = 1, insert_deduplication_token = '${token}', deduplicate_insert_select = 'force_enable',
  max_threads = 1, max_insert_threads = 1, min_insert_block_size_rows = ${segment.rows + 1}, min_insert_block_size_bytes = 0,
  max_insert_block_size = ${segment.rows + 1}, optimize_on_insert = 0, max_partitions_per_insert_block = 0, log_comment = 'segment.insert'`;
}

function eventIdRange(segment: number): string {
  const first = BigInt(segment) << BigInt(positionBits);
  return `EventId >= ${first} AND EventId < ${first + (1n << BigInt(positionBits))}`;
}

/**
 * A first insert is proven by its success. One that may have run before is proven by counting, before and after: the tokens that
 * the engine remembers are of one table and of the last inserts alone (a migration that moves the rows starts without), and it
 * notes a token before it publishes the part, so a kill between the two makes the token refuse rows that are not there.
 */
async function insertSegment(
  segment: ClosedSegment,
  again: boolean,
  options: InserterOptions,
): Promise<void> {
  const { engine, clock } = options;
  const started = clock.monotonic();
  if (segment.replayed || again) await insertWhatIsMissing(segment, options);
  else await engine.run('insert', insertSql(segment, options.columns, false));
  await (segment.handedOver === true ? removeData : removeSegment)(segment.path);
  insertSeconds.observe({ table: segment.table }, (clock.monotonic() - started) / 1000);
  insertedRows.inc({ table: segment.table }, segment.rows);
}

async function insertWhatIsMissing(segment: ClosedSegment, options: InserterOptions): Promise<void> {
  const { engine } = options;
  let present = await countRows(segment, engine);
  if (present === 0) {
    await engine.run('insert', insertSql(segment, options.columns, false));
    present = await countRows(segment, engine);
  }
  if (present >= segment.rows) return;
  options.log.warn({ segment: segment.path, present, rows: segment.rows }, 'inserting the missing rows');
  await engine.run('insert', insertSql(segment, options.columns, true));
}

async function countRows(segment: ClosedSegment, engine: Engine): Promise<number> {
  const text = await engine.run(
    'insert',
    `SELECT count() FROM ${segment.table} WHERE ${eventIdRange(segment.number)}`,
    undefined,
    'TabSeparated',
  );
  return Number(text);
}

async function setAside(segment: ClosedSegment, failure: Error, options: InserterOptions): Promise<void> {
  const folder = join(options.dir, 'quarantine');
  const target = join(folder, basename(segment.path));
  options.log.error({ err: failure, segment: segment.path, target, rows: segment.rows }, 'segment set aside');
  quarantined.inc({ table: segment.table });
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(`${target}.error`, `${failure.message}\n`);
    // The data first: without its index it would be taken for torn at the next start, and removed.
    await rename(segment.path, target);
    await rename(indexPath(segment.path), indexPath(target));
  } catch (error) {
    // It stays where it is and is tried again at the next start.
    options.log.error({ err: error, segment: segment.path }, 'segment could not be moved to quarantine');
  }
}
