import { Worker } from 'node:worker_threads';
import { ClewError, type Clock, isClewError, type Logger, oneByOne } from '../../lib/index.ts';
import type { CallsGraph, CallsGraphs, CypherAnswer, CypherLimits } from './contract.ts';
import { checkCypher } from './guard.ts';
import { graphName, timedOut } from './sql.ts';

/** What the worker is asked, and answers. */
export type WorkerRequest =
  | { id: number; kind: 'replace'; name: string; graph: CallsGraph }
  | { id: number; kind: 'ask'; name: string; cypher: string; limits: CypherLimits };
export type WorkerAnswer =
  | { kind: 'ready' }
  | { kind: 'failed'; message: string }
  | { id: number; kind: 'done'; answer: CypherAnswer | null }
  | { id: number; kind: 'refused'; code: ClewError['code']; message: string };

/** Unused for so long, the worker is ended and its memory given back. */
const idleMsMax = 120_000;
/** The first start makes an empty database. */
const startMsMax = 60_000;
/** Questions that wait for the one that runs. */
const waitingMax = 8;
/** A question for which the process grows by more is ended: the engine itself knows no such bound. */
const growthBytesMax = 536_870_912;
const watchMs = 50;

export interface EmbeddedOptions {
  /** Directory of the worker's own engine. */
  dir: string;
  defaultTenantId: number;
  clock: Clock;
  log: Logger;
  rss: () => number;
}

/**
 * Cypher beside the embedded ledger. The engine runs where it is started and can't be interrupted there: one question
 * (`MATCH (a),(b),(c),(d)`) would stop the whole program. So questions run in a worker thread with an engine of its own,
 * which holds nothing but the calls graphs and is ended when a question takes too long. It is started by the first
 * question (about 3 s, later 0.5 s, 190 MB) and ended when nobody asks.
 */
export class EmbeddedGraphs implements CallsGraphs {
  readonly unavailable = null;
  readonly #options: EmbeddedOptions;
  readonly #graphs = new Map<number, { graph: CallsGraph; version: number }>();
  #worker: LiveWorker | null = null;
  readonly #oneByOne = oneByOne();
  #waiting = 0;
  #version = 0;
  #idle = new AbortController();
  #closed = false;

  constructor(options: EmbeddedOptions) {
    this.#options = options;
  }

  nameOf(tenantId: number): string {
    return graphName(tenantId, this.#options.defaultTenantId);
  }

  async replace(_tx: unknown, tenantId: number, graph: CallsGraph): Promise<void> {
    this.#graphs.set(tenantId, { graph, version: ++this.#version });
  }

  async ask(tenantId: number, cypher: string, limits: CypherLimits): Promise<CypherAnswer> {
    if (this.#closed) throw new ClewError('unavailable', 'The ledger is closed.');
    // Before the worker is started for it: most faults of a question are seen here.
    checkCypher(cypher);
    if (this.#waiting >= waitingMax)
      throw new ClewError(
        'overloaded',
        `${this.#waiting} questions in Cypher wait already; the limit is ${waitingMax}.`,
        {
          details: { retry_after_s: 2 },
        },
      );
    this.#waiting++;
    try {
      return await this.#oneByOne(() => this.#ask(tenantId, cypher, limits));
    } finally {
      this.#waiting--;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#idle.abort();
    await this.#worker?.end();
    this.#worker = null;
  }

  async #ask(tenantId: number, cypher: string, limits: CypherLimits): Promise<CypherAnswer> {
    this.#idle.abort();
    const worker = this.#worker ?? (await this.#start());
    const name = this.nameOf(tenantId);
    try {
      const held = this.#graphs.get(tenantId) ?? { graph: { vertices: [], edges: [] }, version: 0 };
      if (worker.versions.get(name) !== held.version) {
        await worker.send({ kind: 'replace', name, graph: held.graph }, startMsMax, Number.POSITIVE_INFINITY);
        worker.versions.set(name, held.version);
      }
      const answer = await worker.send(
        { kind: 'ask', name, cypher, limits },
        limits.timeoutMs,
        growthBytesMax,
      );
      return answer ?? { columns: [], rows: [], truncated: false };
    } catch (error) {
      // A refused question leaves the worker well; one that did not come back has cost it its life.
      if (!worker.alive) this.#worker = null;
      throw error;
    } finally {
      this.#endWhenIdle();
    }
  }

  async #start(): Promise<LiveWorker> {
    const worker = new LiveWorker(this.#options);
    this.#worker = worker;
    try {
      await worker.ready();
      return worker;
    } catch (error) {
      this.#worker = null;
      await worker.end();
      throw error;
    }
  }

  #endWhenIdle(): void {
    this.#idle = new AbortController();
    const { signal } = this.#idle;
    void this.#options.clock.sleep(idleMsMax, signal).then(async () => {
      if (signal.aborted || this.#waiting > 0) return;
      const worker = this.#worker;
      this.#worker = null;
      await worker?.end();
    });
  }
}

type Sent = WorkerRequest extends infer One ? (One extends { id: number } ? Omit<One, 'id'> : never) : never;

class LiveWorker {
  /** Which version of each graph it holds. */
  readonly versions = new Map<string, number>();
  alive = true;
  readonly #options: EmbeddedOptions;
  readonly #worker: Worker;
  #next = 0;
  #listener: ((answer: WorkerAnswer) => void) | null = null;

  constructor(options: EmbeddedOptions) {
    this.#options = options;
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: { dir: options.dir } });
    this.#worker.on('message', (answer: WorkerAnswer) => this.#listener?.(answer));
    this.#worker.on('error', (error: Error) => {
      options.log.warn({ err: error }, 'the worker that answers Cypher failed');
      this.#listener?.({ kind: 'failed', message: error.message });
    });
    this.#worker.on('exit', () => {
      this.alive = false;
      this.#listener?.({ kind: 'failed', message: 'it ended' });
    });
  }

  async ready(): Promise<void> {
    const answer = await this.#wait(startMsMax, Number.POSITIVE_INFINITY, () => undefined);
    if (answer === 'late' || answer === 'large' || answer.kind !== 'ready') {
      const why =
        typeof answer === 'string' || answer.kind !== 'failed' ? 'it does not come up' : answer.message;
      throw new ClewError(
        'not_available',
        `Cypher is not available: the engine for it can't be started (${why}).`,
      );
    }
  }

  /** One at a time; the caller sees to it. */
  async send(request: Sent, timeoutMs: number, growthMax: number): Promise<CypherAnswer | null> {
    const id = this.#next++;
    const answer = await this.#wait(timeoutMs, growthMax, () => this.#worker.postMessage({ ...request, id }));
    if (answer === 'late' || answer === 'large') {
      await this.end();
      if (answer === 'late') throw timedOut(timeoutMs);
      throw new ClewError(
        'unprocessable',
        `query: needs more than ${growthBytesMax} bytes of memory; narrow it.`,
      );
    }
    if (answer.kind === 'done') return answer.answer;
    if (answer.kind === 'refused') throw new ClewError(answer.code, answer.message);
    await this.end();
    throw new ClewError('unavailable', 'The engine that answers Cypher ended; ask again.');
  }

  async end(): Promise<void> {
    this.alive = false;
    await this.#worker.terminate();
  }

  /** The next answer, or that it takes too long or too much memory. */
  async #wait(
    timeoutMs: number,
    growthMax: number,
    begin: () => void,
  ): Promise<WorkerAnswer | 'late' | 'large'> {
    const { clock, rss } = this.#options;
    const over = new AbortController();
    const before = rss();
    const told = new Promise<WorkerAnswer>((resolve) => {
      this.#listener = resolve;
    });
    const watched = async (): Promise<'late' | 'large'> => {
      const until = clock.monotonic() + timeoutMs;
      while (clock.monotonic() < until && !over.signal.aborted) {
        await clock.sleep(watchMs, over.signal);
        if (rss() - before > growthMax) return 'large';
      }
      return 'late';
    };
    begin();
    try {
      return await Promise.race([told, watched()]);
    } finally {
      over.abort();
      this.#listener = null;
    }
  }
}

/** An error that came over from the worker as code and message. */
export const refusal = (id: number, error: unknown): WorkerAnswer =>
  isClewError(error)
    ? { id, kind: 'refused', code: error.code, message: error.message }
    : {
        id,
        kind: 'refused',
        code: 'internal',
        message: error instanceof Error ? error.message : String(error),
      };
