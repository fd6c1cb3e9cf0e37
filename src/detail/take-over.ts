import { type FSWatcher, mkdirSync, watch } from 'node:fs';
import type { Clock, Logger } from '../lib/index.ts';
import { type Handed, listed, readHanded } from './hand-over.ts';
import { type ClosedSegment, parseSegmentName } from './segment.ts';

/** File events can get lost; then a segment waits this long. */
const pollMs = 1_000;
/** Events come in twos and threes; they are looked at together. */
const gatherMs = 20;

export interface TakeOverOptions {
  dir: string;
  clock: Clock;
  log: Logger;
  /** Inserts it, then removes its data. */
  take: (segment: ClosedSegment) => void;
}

/** The taking end: watches the folder of handed segments, and takes each once. */
export class TakeOver {
  readonly #options: TakeOverOptions;
  readonly #taken = new Set<number>();
  /** Data that lay there at the start without its index: it may have been inserted before the last power cut. */
  readonly #doubtful: ReadonlySet<number>;
  readonly #stopping = new AbortController();
  #wake = new AbortController();
  #watcher: FSWatcher | undefined;
  #loop: Promise<void> = Promise.resolve();
  #looking: Promise<void> | undefined;

  /** `found` is what lay there at the start, which the caller takes itself. */
  constructor(options: TakeOverOptions, found: Handed) {
    this.#options = options;
    this.#doubtful = new Set(found.unfinished);
    for (const { number } of found.segments) this.#taken.add(number);
  }

  start(): void {
    const { dir, log } = this.#options;
    mkdirSync(dir, { recursive: true });
    try {
      this.#watcher = watch(dir, () => this.#wake.abort());
      this.#watcher.on('error', (error) => log.warn({ err: error, dir }, 'the folder is polled only'));
    } catch (error) {
      log.warn({ err: error, dir }, 'the folder is polled only');
    }
    this.#loop = this.#run();
  }

  /** Takes what is there now. */
  look(): Promise<void> {
    if (this.#stopping.signal.aborted) return Promise.resolve();
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake.abort();
    this.#watcher?.close();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options;
    while (!this.#stopping.signal.aborted) {
      this.#wake = new AbortController();
      await this.look().catch((error) => log.error({ err: error }, 'handed segments could not be listed'));
      await clock.sleep(pollMs, this.#wake.signal);
      await clock.sleep(gatherMs, this.#stopping.signal);
    }
  }

  async #look(): Promise<void> {
    const { dir, take } = this.#options;
    const { segments } = await readHanded(dir, this.#taken);
    // A stop that came meanwhile leaves them to the next start.
    if (this.#stopping.signal.aborted) return;
    for (const segment of segments) {
      this.#taken.add(segment.number);
      take({ ...segment, replayed: this.#doubtful.has(segment.number) });
    }
    await this.#forgetGone();
  }

  async #forgetGone(): Promise<void> {
    const there = new Set((await listed(this.#options.dir)).map((file) => parseSegmentName(file)?.number));
    for (const number of this.#taken) if (!there.has(number)) this.#taken.delete(number);
  }
}
