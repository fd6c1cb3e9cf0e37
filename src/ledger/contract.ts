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

export interface LedgerCapabilities {
  embedded: boolean;
  timescale: boolean;
  vector: boolean;
}
