import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Clock, Logger } from '../lib/index.ts';
import type { DetailTable } from '../model/index.ts';
import {
  type ClosedSegment,
  dataPath,
  indexPath,
  parseSegmentName,
  readIndex,
  syncDirectory,
} from './segment.ts';

/**
 * A process that only takes in writes its segments in `ingest/` and moves closed ones to `handed/`, where the process with
 * the engine inserts them and removes their data. A segment counts as handed over when its index is there, which is
 * moved last. The indexes stay some seconds without data: they hold the fingerprints of requests whose answers may be lost.
 */
export const ingestDir = (walDir: string): string => join(walDir, 'ingest');
export const handedDir = (walDir: string): string => join(walDir, 'handed');

/** An answer leaves within this after its request is on disk, or is known as lost. */
const answerMs = 10_000;
/** Beyond it the oldest indexes without data are removed before their time. */
const remnantsMax = 5_000;
/** How often it is looked at what was taken; listing many files must not cost more than a twentieth of the time. */
const lookMs = 200;
const lookShare = 20;
const retryMs = 1_000;
/** While nothing waits only indexes grow old. */
const idleMs = 1_000;

export interface HandOverOptions {
  from: string;
  to: string;
  clock: Clock;
  log: Logger;
  /** So many bytes were inserted (or set aside) by the other process. */
  onTaken: (bytes: number) => void;
}

interface Waiting {
  bytes: number;
  since: number;
}

/** The giving end. What is added is moved in order, however often the disk refuses; what waits is known by listing. */
export class HandOver {
  readonly #options: HandOverOptions;
  readonly #waiting = new Map<string, Waiting>();
  readonly #stopping = new AbortController();
  #queue: ClosedSegment[] = [];
  #wake = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #lastError: string | null = null;

  constructor(options: HandOverOptions) {
    this.#options = options;
  }

  /** `found` are segments that were handed over before, and wait. */
  start(found: readonly ClosedSegment[]): void {
    for (const segment of found) this.#waiting.set(basename(segment.path), segment);
    this.#loop = this.#run();
  }

  add(segment: ClosedSegment): void {
    this.#queue.push(segment);
    this.#waiting.set(basename(segment.path), segment);
    this.#wake.abort();
  }

  /** Segments on their way to the other process, and waiting there. */
  get segments(): number {
    return this.#waiting.size;
  }

  /** Clock time of the oldest record in them. */
  oldest(): number | undefined {
    // Segments wait in the order in which they were closed.
    for (const { since } of this.#waiting.values()) return since;
    return undefined;
  }

  lastError(): string | null {
    return this.#lastError;
  }

  /** Resolves when what was added before is moved, or once the disk refuses. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake.abort();
    await this.#loop;
    await this.#moveAll();
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options;
    let lookAt = 0;
    while (!this.#stopping.signal.aborted) {
      this.#wake = new AbortController();
      const moved = await this.#moveAll();
      const started = clock.monotonic();
      if (started >= lookAt) {
        await this.#look().catch((error) =>
          log.warn({ err: error }, 'segments handed over could not be listed'),
        );
        const pauseMs = this.segments === 0 ? idleMs : lookMs;
        lookAt = started + Math.max(pauseMs, (clock.monotonic() - started) * lookShare);
      }
      if (!moved) await clock.sleep(retryMs, this.#stopping.signal);
      else if (this.#queue.length === 0) await clock.sleep(lookAt - clock.monotonic(), this.#wake.signal);
    }
  }

  async #moveAll(): Promise<boolean> {
    const batch = this.#queue;
    if (batch.length === 0) return true;
    try {
      await moveSegments(
        batch.map((segment) => basename(segment.path)),
        this.#options,
      );
      this.#queue = this.#queue.slice(batch.length);
      this.#lastError = null;
      return true;
    } catch (error) {
      this.#lastError = error instanceof Error ? error.message : String(error);
      this.#options.log.error({ err: error, to: this.#options.to }, 'segments could not be handed over');
      return false;
    }
  }

  /** What has gone from the folder was taken. */
  async #look(): Promise<void> {
    const { to, clock, onTaken } = this.#options;
    const notMoved = new Set(this.#queue.map((segment) => basename(segment.path)));
    const known = [...this.#waiting].filter(([file]) => !notMoved.has(file));
    const files = new Set(await readdir(to));
    for (const [file, { bytes }] of known) {
      if (files.has(file)) continue;
      this.#waiting.delete(file);
      onTaken(bytes);
    }
    await removeRemnants(to, files, clock.now());
  }
}

/** Each step can be done again: a kill may come between any two. */
async function moveSegments(files: readonly string[], { from, to }: HandOverOptions): Promise<void> {
  for (const file of files) await moveIfThere(join(from, file), join(to, file));
  // Data is durable in its new place before it can be taken: what was taken and removed must not come back.
  await syncDirectory(to);
  await syncDirectory(from);
  for (const file of files) await moveIfThere(indexPath(join(from, file)), indexPath(join(to, file)));
}

async function moveIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

async function removeRemnants(dir: string, files: ReadonlySet<string>, nowMs: number): Promise<void> {
  const remnants = [...files]
    .filter((file) => file.endsWith('.index') && !files.has(dataFileOf(file)))
    .toSorted();
  for (const [place, file] of remnants.entries()) {
    const path = join(dir, file);
    const surplus = remnants.length - place > remnantsMax;
    // Numbers rise with time, so the first that is young ends it.
    if (!surplus && nowMs - (await modifiedMs(path)) < answerMs) return;
    await rm(path, { force: true });
  }
}

const dataFileOf = (index: string): string => index.replace(/\.index$/, '.native');

async function modifiedMs(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}

/** Ends what a kill left half moved: an index whose data has gone on follows it. */
export async function settleHandOver(walDir: string): Promise<void> {
  const from = ingestDir(walDir);
  const files = await listed(from);
  for (const file of files)
    if (file.endsWith('.index') && !files.includes(dataFileOf(file)))
      await moveIfThere(join(from, file), join(handedDir(walDir), file));
}

/** A quarantine that can't be read is told by whoever wants to put something in; nobody waits for it. */
export const listedQuarantine = (walDir: string): Promise<string[]> =>
  readdir(join(walDir, 'quarantine')).catch(() => []);

/** The names in a folder; none when there is no folder. */
export async function listed(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

export interface Handed {
  /** Those that can be taken. */
  segments: ClosedSegment[];
  /** Numbers of data whose index is not there yet. */
  unfinished: number[];
}

/** What lies in the folder of handed segments, but for what is known already. Files may go while it is read. */
export async function readHanded(dir: string, known: ReadonlySet<number> = new Set()): Promise<Handed> {
  const files = new Set(await listed(dir));
  const handed: Handed = { segments: [], unfinished: [] };
  for (const file of [...files].toSorted()) {
    const name = parseSegmentName(file);
    if (name === undefined || known.has(name.number)) continue;
    const path = dataPath(dir, name);
    if (!files.has(basename(indexPath(path)))) {
      handed.unfinished.push(name.number);
      continue;
    }
    const { rows, bytes } = readIndex(await readIfThere(indexPath(path)));
    const since = await bornMs(path);
    if (since === undefined || rows === 0) continue;
    handed.segments.push({ ...name, path, rows, bytes, since, replayed: false, handedOver: true });
  }
  return handed;
}

const cleanFile = (walDir: string): string => join(ingestDir(walDir), 'stopped-cleanly');

/** Every answer was given, or noted as lost: the next start need not expect requests again. */
export const noteCleanStop = (walDir: string): Promise<void> => writeFile(cleanFile(walDir), '');

/**
 * Tells the requests that were stored in the last moments before the ingest process was killed, so that their answers may be
 * lost, each with its table; then their indexes are needed no more. Those of older segments were answered.
 */
export async function eachUnanswered(
  walDir: string,
  tell: (request: string, table: DetailTable) => void,
): Promise<void> {
  const dir = handedDir(walDir);
  const clean = (await listed(ingestDir(walDir))).includes(basename(cleanFile(walDir)));
  await rm(cleanFile(walDir), { force: true });
  const indexes: { file: string; modified: number }[] = [];
  for (const file of await listed(dir))
    if (file.endsWith('.index')) indexes.push({ file, modified: await modifiedMs(join(dir, file)) });
  const newest = indexes.reduce((most, { modified }) => Math.max(most, modified), 0);
  for (const { file, modified } of indexes) {
    const name = parseSegmentName(dataFileOf(file));
    if (clean || name === undefined || modified < newest - answerMs) continue;
    for (const request of readIndex(await readIfThere(join(dir, file))).requests) tell(request, name.table);
  }
  await dropRemnants(dir);
}

async function readIfThere(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isMissing(error)) return Buffer.alloc(0);
    throw error;
  }
}

/** When the segment was begun; undefined when it is not there. Some file systems don't know: then when it was last written. */
async function bornMs(path: string): Promise<number | undefined> {
  try {
    const { birthtimeMs, mtimeMs } = await stat(path);
    return birthtimeMs > 0 ? Math.min(birthtimeMs, mtimeMs) : mtimeMs;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function dropRemnants(dir: string): Promise<void> {
  const files = new Set(await listed(dir));
  for (const file of files)
    if (file.endsWith('.index') && !files.has(dataFileOf(file))) await rm(join(dir, file), { force: true });
}
