import { Worker } from 'node:worker_threads';
import { ClewError } from '../lib/index.ts';
import { keepFirstTier, type LiteEngine, type TextRows } from './lite-engine.ts';

export interface LiteOptions {
  /** Directory of the data, or `memory://`. */
  dir: string;
  /** A data directory (tar) to start from instead of an empty one. */
  snapshot?: Blob;
}

export type LiteRequest =
  | { id: number; kind: 'query'; sql: string; params: (string | null)[] }
  | { id: number; kind: 'script'; sql: string }
  | { id: number; kind: 'close' };
export type LiteAnswer =
  | { kind: 'ready' }
  | { kind: 'failed'; error: ErrorDetails }
  | { id: number; kind: 'done'; rows: TextRows | null }
  | { id: number; kind: 'refused'; error: ErrorDetails };

/** What an error says of itself: a thread's errors come over without their SQLSTATE. */
type ErrorDetails = { message: string } & Record<string, string>;

/** Not the statement and its parameters, which the engine's errors carry too: they may hold what no log may. */
const detailKeys = ['name', 'code', 'severity', 'detail', 'hint', 'schema', 'table', 'column', 'constraint'];

export function detailsOf(error: unknown): ErrorDetails {
  if (!(error instanceof Error)) return { message: String(error) };
  const details: ErrorDetails = { message: error.message };
  for (const [key, value] of Object.entries(error))
    if (detailKeys.includes(key) && typeof value === 'string') details[key] = value;
  return details;
}

const errorOf = ({ message, ...details }: ErrorDetails): Error => Object.assign(new Error(message), details);

interface Waiting {
  resolve: (rows: TextRows | null) => void;
  reject: (error: Error) => void;
}

type Sent = LiteRequest extends infer One ? (One extends { id: number } ? Omit<One, 'id'> : never) : never;

/**
 * The embedded engine on a thread of its own. It is synchronous: on the main thread a window of twenty thousand series held
 * up senders for two seconds. What runs there can't be interrupted; when the thread ends by itself (no memory left) every
 * statement is refused as `unavailable` and the ledger says so to who asks for its health.
 */
export class LiteThread implements LiteEngine {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #ended: string | null = null;

  private constructor(options: LiteOptions) {
    keepFirstTier();
    this.#worker = new Worker(new URL('./lite-worker.ts', import.meta.url), { workerData: options });
  }

  /** Throws what the engine says when it can't open the directory. */
  static async open(options: LiteOptions): Promise<LiteThread> {
    const thread = new LiteThread(options);
    try {
      await thread.#ready();
      return thread;
    } catch (error) {
      await thread.#worker.terminate();
      throw error;
    }
  }

  async query(sql: string, params: (string | null)[]): Promise<TextRows> {
    return (await this.#ask({ kind: 'query', sql, params })) ?? { fields: [], rows: [] };
  }

  async script(sql: string): Promise<void> {
    await this.#ask({ kind: 'script', sql });
  }

  async close(): Promise<void> {
    if (this.#ended !== null) return;
    await this.#ask({ kind: 'close' });
    this.#ended = 'it is closed';
    await this.#worker.terminate();
  }

  outage(): string | null {
    return this.#ended;
  }

  #ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      const ended = (why: string): void => {
        this.#end(why);
        reject(new Error(`The embedded ledger does not come up: ${why}.`));
      };
      this.#worker.on('error', (error: Error) => ended(error.message));
      this.#worker.on('exit', () => ended('its thread ended'));
      this.#worker.on('message', (answer: LiteAnswer) => {
        if (answer.kind === 'ready') {
          // From here on it holds the process up only while somebody waits for it.
          this.#worker.unref();
          resolve();
        } else if (answer.kind === 'failed') reject(errorOf(answer.error));
        else this.#settle(answer);
      });
    });
  }

  #ask(request: Sent): Promise<TextRows | null> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== null) return reject(gone(this.#ended));
      const id = this.#next++;
      this.#waiting.set(id, { resolve, reject });
      if (this.#waiting.size === 1) this.#worker.ref();
      this.#worker.postMessage({ ...request, id });
    });
  }

  #settle(answer: Extract<LiteAnswer, { id: number }>): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if (answer.kind === 'done') waiting?.resolve(answer.rows);
    else waiting?.reject(errorOf(answer.error));
  }

  #end(why: string): void {
    this.#ended ??= why;
    for (const { reject } of this.#waiting.values()) reject(gone(this.#ended));
    this.#waiting.clear();
  }
}

const gone = (why: string): ClewError =>
  new ClewError('unavailable', `The embedded ledger works no more: ${why}. Start Clew again.`);
