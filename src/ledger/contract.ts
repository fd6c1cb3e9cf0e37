/** Runs one SQL statement. `$1`, `$2`, … are bound; bigint comes back as string, timestamptz as Date, jsonb parsed. */
export interface Queryable {
  query<Row>(sql: string, params?: readonly unknown[]): Promise<Row[]>;
}

/**
 * The ledger as every other room sees it: PostgreSQL's dialect on either twin. The embedded twin has one connection, so
 * inside `transaction` use only `tx` — a query on the ledger itself would wait for the transaction for ever — and do no
 * network or file work there.
 */
export interface Ledger extends Queryable {
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /**
   * The ledger as a user of one tenant may read it: only `SELECT`, one statement at a time, and the engine itself shows
   * no row of another tenant, whatever the statement says. Two to four round trips more than `query`.
   */
  forTenant(tenantId: number): Queryable;
  readonly capabilities: LedgerCapabilities;
  /** `tenant_id` of a tenant code; created on first use. Cached. */
  tenantId(code: string): Promise<number>;
  health(): Promise<LedgerHealth>;
  close(): Promise<void>;
}

export interface LedgerHealth {
  ready: boolean;
  latencyMs: number;
  lastError: string | null;
  /** Differences between the schema and what the migrations made of it; empty when all is well. */
  drift: string[];
}

/** A part of the ledger that may be missing, and what is done then. */
export interface Capability {
  name: string;
  present: boolean;
  version: string | null;
  /** Whether someone should do something about its absence; otherwise the ledger merely does without. */
  trouble: boolean;
  message: string;
}

/** What the engine can do, found by asking it at opening. */
export interface LedgerCapabilities {
  embedded: boolean;
  /** Of PostgreSQL. */
  version: string;
  timescale: boolean;
  /** Whether a table of the ledger is a compressed hypertable. */
  compression: boolean;
  vector: boolean;
  age: boolean;
  /** Whether `forTenant` is kept to its tenant by the engine itself. */
  rowSecurity: boolean;
  list: readonly Capability[];
}
