import { setImmediate } from 'node:timers/promises';
import type pg from 'pg';
import { ClewError, type Clock } from '../lib/index.ts';
import type { Ledger, LedgerCapabilities, LedgerHealth, Queryable } from './contract.ts';

/** A health question that takes longer than this counts as not ready, milliseconds. */
const healthTimeoutMs = 3_000;

interface Parts {
  pool: pg.Pool;
  /** Frees the engine under the pool, after the pool has ended. */
  release(): Promise<void>;
  capabilities: LedgerCapabilities;
  /** Differences between the schema and the migrations, found at opening. */
  drift: string[];
  clock: Clock;
}

/** The ledger over a `pg` pool: of one connection on the embedded twin, of several on a server. */
export class PoolLedger implements Ledger {
  readonly capabilities: LedgerCapabilities;
  readonly #parts: Parts;
  readonly #tenants = new Map<string, number>();
  #closing: Promise<void> | null = null;
  #lastError: string | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.capabilities = parts.capabilities;
  }

  async query<Row>(sql: string, params?: readonly unknown[]): Promise<Row[]> {
    this.#assertOpen();
    return this.#run<Row>(this.#parts.pool, sql, params);
  }

  async transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T> {
    this.#assertOpen();
    const client = await this.#parts.pool.connect();
    let broken: Error | undefined;
    try {
      await client.query('BEGIN');
      const result = await work({ query: (sql, params) => this.#run(client, sql, params) });
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch((rollbackError: Error) => {
        // The connection is in an unknown state: the pool must throw it away.
        broken = rollbackError;
      });
      throw error;
    } finally {
      client.release(broken);
    }
  }

  async tenantId(code: string): Promise<number> {
    const known = this.#tenants.get(code);
    if (known !== undefined) return known;
    // Two statements: one that inserts and reads would not see a row that another process commits in between.
    await this.query('INSERT INTO dim_tenant (code, name) VALUES ($1, $1) ON CONFLICT (code) DO NOTHING', [
      code,
    ]);
    const rows = await this.query<{ tenant_id: string }>('SELECT tenant_id FROM dim_tenant WHERE code = $1', [
      code,
    ]);
    const first = rows[0];
    if (!first) throw new ClewError('conflict', `Tenant ${code} was removed while it was being looked up.`);
    const id = Number(first.tenant_id);
    this.#tenants.set(code, id);
    return id;
  }

  async health(): Promise<LedgerHealth> {
    const start = this.#parts.clock.monotonic();
    const timer = new AbortController();
    const asked = this.query('SELECT 1').then(
      () => null,
      (error: Error) => error.message,
    );
    const late = this.#parts.clock
      .sleep(healthTimeoutMs, timer.signal)
      .then(() => `no answer within ${healthTimeoutMs} ms`);
    const error = await Promise.race([asked, late]);
    timer.abort();
    this.#lastError = error ?? this.#lastError;
    return {
      ready: error === null,
      latencyMs: this.#parts.clock.monotonic() - start,
      lastError: this.#lastError,
      drift: this.#parts.drift,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#parts.pool.end().then(() => this.#parts.release());
    return this.#closing;
  }

  #assertOpen(): void {
    if (this.#closing) throw new ClewError('unavailable', 'The ledger is closed.');
  }

  /**
   * The embedded engine works on the main thread and answers in microtasks, so statements in a row would hold up timers
   * and sockets for all of them together. Letting the event loop turn after each bounds the pause to one statement.
   */
  async #run<Row>(on: Runs, sql: string, params?: readonly unknown[]): Promise<Row[]> {
    const result = await on.query(sql, params ? [...params] : undefined);
    if (this.capabilities.embedded) await setImmediate();
    return result.rows as Row[];
  }
}

interface Runs {
  query(sql: string, params?: unknown[]): Promise<{ rows: unknown[] }>;
}
