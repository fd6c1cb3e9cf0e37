import type { Block, DetailTable, TimeWindow } from '../model/index.ts';
import type { Arrivals } from './arrivals.ts';
import type { QueryParam } from './bind.ts';

export type { QueryParam } from './bind.ts';

/** A query is a named value: tenant and window are required by type, and both are bound to it as parameters. */
export interface DetailQuery {
  /** Lower-case dotted name; goes into `log_comment` and the query metrics. */
  name: string;
  tenant: string;
  /** Bound as `{from:DateTime64(9)}` and `{to:DateTime64(9)}`; the tenant as `{tenant:String}`. */
  window: TimeWindow;
  sql: string;
  params?: Record<string, QueryParam>;
  limits?: {
    timeMsMax?: number;
    bytesReadMax?: number;
    rowsResultMax?: number;
    /** 1 for what nobody waits for: takes longer, less memory and a twelfth less of the processor. Default 2. */
    threadsMax?: 1 | 2;
  };
}

export interface QueryStatistics {
  rows_read: number;
  bytes_read: number;
  elapsed_ms: number;
}

export interface DetailResult<Row> {
  rows: Row[];
  statistics: QueryStatistics;
}

export interface TableResult {
  columns: { name: string; type: string }[];
  rows: unknown[][];
  statistics: QueryStatistics;
}

/** The detail store as every other room sees it. 64-bit integers come back as strings, times as `YYYY-MM-DD hh:mm:ss.fff` UTC. */
export interface DetailStore {
  /** Resolves once the block is on disk (fsync); rejects with `overloaded` when too much waits to be inserted. */
  append(block: Block): Promise<void>;
  /**
   * The blocks of a request (of one table, or all) are durable but its sender may not know: when they are appended again,
   * `append` resolves without storing them. Requests found in the write-ahead log at start are expected again anyway.
   */
  expectAgain(request: string, table?: DetailTable): void;
  query<Row>(query: DetailQuery): Promise<DetailResult<Row>>;
  /**
   * Runs an `INSERT INTO … SELECT` of ours from details into a table of `clew_internal`, or into a file of a table
   * function. It is on disk when this resolves; rows of a failed statement may be there.
   */
  derive(query: DetailQuery): Promise<void>;
  /** A user's own SQL: read-only, filtered to the tenant, bounded. Throws `bad_request` with the engine's message. */
  userSql(tenant: string, sql: string): Promise<TableResult>;
  /** Resolves when everything appended before the call can be queried. */
  flush(): Promise<void>;
  health(): DetailHealth;
  /** Stops taking appends, inserts what is closed, releases the engine. Idempotent. */
  close(): Promise<void>;
}

/**
 * A segment that holds all of some blocks of one table or nothing, also after a crash. `reserve` gives its number, which
 * the caller notes before it writes; `write` resolves once it is on disk; `has` says later whether it was written.
 */
export interface SingleSegments {
  reserve(): number;
  write(number: number, blocks: readonly Block[]): Promise<void>;
  has(number: number, table: DetailTable): Promise<boolean>;
}

/** The store that this process writes. */
export interface WritableStore extends DetailStore {
  segments: SingleSegments;
  arrivals: Arrivals;
}

export interface DetailHealth {
  ready: boolean;
  pendingBytes: number;
  pendingSegments: number;
  /** Age of the oldest record that is acknowledged but not yet queryable, milliseconds. */
  insertLagMs: number;
  lastError: string | null;
}
