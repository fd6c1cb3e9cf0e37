import type { Clock, Logger } from '../lib/index.ts';

/**
 * Long work about a case, at most one piece per name: a second request for work that is under way joins it. The work
 * gets a signal that aborts when the program stops; what it had done by then is on record and is taken up after start.
 */
export class Jobs {
  readonly #running = new Map<string, Promise<unknown>>();
  readonly #stop = new AbortController();
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  get stopping(): boolean {
    return this.#stop.signal.aborted;
  }

  running(name: string): boolean {
    return this.#running.has(name);
  }

  /** Resolves or rejects with the work, whoever started it. */
  run<T>(name: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const known = this.#running.get(name);
    if (known) return known as Promise<T>;
    const promise = work(this.#stop.signal).finally(() => this.#running.delete(name));
    this.#running.set(name, promise);
    return promise;
  }

  /** Starts the work and does not wait for it; a failure goes to the log. */
  start(name: string, work: (signal: AbortSignal) => Promise<void>): void {
    if (this.running(name) || this.stopping) return;
    this.run(name, work).catch((error: unknown) => {
      if (!this.stopping) this.#log.error({ err: error, job: name }, 'work on a case failed');
    });
  }

  /** Repeats `work` with a pause before each time, until the program stops; a failure waits for the next time. */
  every(clock: Clock, pauseMs: number, name: string, work: () => Promise<void>): void {
    this.start(name, async (signal) => {
      for (;;) {
        await clock.sleep(pauseMs, signal);
        if (signal.aborted) return;
        await work().catch((error: unknown) =>
          this.#log.warn({ err: error, job: name }, 'will be tried again'),
        );
      }
    });
  }

  /** Aborts and waits. Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#running.values());
  }
}
