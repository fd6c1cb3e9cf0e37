import { ClewError, type Clock } from '../lib/index.ts';
import type { Ledger, LedgerCapabilities, LedgerHealth, Queryable } from './contract.ts';
import type { Driver, Run } from './driver.ts';
import { becomeTenant } from './isolation.ts';
import { textOf } from './values.ts';

/** A health question that takes longer than this counts as not ready, milliseconds. */
const healthTimeoutMs = 1_500;

interface Parts {
  driver: Driver;
  capabilities: LedgerCapabilities;
  /** Differences between the schema and the migrations, found at opening. */
  drift: string[];
  clock: Clock;
}

/** Statements of other rooms: any value as a parameter, rows typed by the caller. */
export const queryableOf = (run: Run): Queryable => ({
  query: async <Row>(sql: string, params: readonly unknown[] = []) =>
    (await run(sql, params.map(textOf))) as Row[],
});

/** The ledger over a driver: one connection on the embedded twin, several on a server. */
export class DriverLedger implements Ledger {
  readonly capabilities: LedgerCapabilities;
  readonly #parts: Parts;
  readonly #queryable: Queryable;
  readonly #tenants = new Map<string, number>();
  #closing: Promise<void> | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#queryable = queryableOf(parts.driver.run);
    this.capabilities = parts.capabilities;
  }

  async query<Row>(sql: string, params?: readonly unknown[]): Promise<Row[]> {
    this.#assertOpen();
    return this.#queryable.query<Row>(sql, params);
  }

  async transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T> {
    this.#assertOpen();
    return this.#parts.driver.transaction((run) => work(queryableOf(run)));
  }

  forTenant(tenantId: number): Queryable {
    if (!this.capabilities.rowSecurity) return this;
    const setup = becomeTenant(tenantId);
    return {
      query: async <Row>(sql: string, params: readonly unknown[] = []) => {
        this.#assertOpen();
        return (await this.#parts.driver.runAs(setup, sql, params.map(textOf))) as Row[];
      },
    };
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
    return {
      ready: error === null,
      latencyMs: this.#parts.clock.monotonic() - start,
      lastError: error === null ? null : (this.#parts.driver.outage() ?? error),
      drift: this.#parts.drift,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#parts.driver.close();
    return this.#closing;
  }

  #assertOpen(): void {
    if (this.#closing) throw new ClewError('unavailable', 'The ledger is closed.');
  }
}
