import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type Histogram, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { asError, type Telemetry } from './telemetry.ts';

export type Row = Record<string, unknown>;
type Param = string | number;
interface Reply {
  id: number;
  rows?: Row[];
  error?: string;
}

export class DatabaseError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DatabaseError';
  }
}

/** An SQLite file served by a thread. */
export class Database {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve(rows: Row[]): void; reject(error: Error): void }>();
  #next = 0;

  constructor(file: string) {
    this.#worker = new Worker(new URL('./database-worker.ts', import.meta.url), { workerData: { file } });
    this.#worker.unref();
    this.#worker.on('message', (reply: Reply) => {
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if (reply.error === undefined) waiting?.resolve(reply.rows ?? []);
      else waiting?.reject(new DatabaseError(reply.error));
    });
    this.#worker.on('error', (error) => {
      for (const waiting of this.#waiting.values()) waiting.reject(asError(error));
      this.#waiting.clear();
    });
  }

  query(sql: string, params: Param[]): Promise<Row[]> {
    return this.#send(sql, params);
  }

  /** Runs several statements that return nothing. */
  async script(sql: string): Promise<void> {
    await this.#send(sql, null);
  }

  #send(sql: string, params: Param[] | null): Promise<Row[]> {
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, sql, params });
    });
  }
}

export interface ConnectionOptions {
  database: Database;
  telemetry: Telemetry;
  file: string;
  /** One way to the database server and back, milliseconds. */
  networkMs: number;
}

/** One session with the database: every statement is a client span named by operation and table. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #namespace: string;
  readonly #duration: Histogram;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#namespace = basename(options.file);
    this.#duration = options.telemetry.meter.createHistogram('db.client.operation.duration', { unit: 's' });
  }

  async query(operation: string, table: string, sql: string, params: Param[]): Promise<Row[]> {
    const { telemetry, database, networkMs } = this.#options;
    const attributes = {
      'db.system.name': 'sqlite',
      'db.namespace': this.#namespace,
      'db.operation.name': operation,
      'db.collection.name': table,
    };
    const span = telemetry.tracer.startSpan(`${operation} ${table}`, {
      kind: SpanKind.CLIENT,
      attributes: { ...attributes, 'db.query.text': sql, 'db.query.summary': `${operation} ${table}` },
    });
    const started = performance.now();
    try {
      await sleep(networkMs);
      const rows = await database.query(sql, params);
      span.setAttribute('db.response.returned_rows', rows.length);
      return rows;
    } catch (thrown) {
      const error = asError(thrown);
      span.recordException(error);
      span.setAttribute('error.type', error.name);
      span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
      throw error;
    } finally {
      this.#duration.record((performance.now() - started) / 1_000, attributes);
      span.end();
    }
  }
}
