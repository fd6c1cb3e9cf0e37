import type { Queryable } from '../ledger/index.ts';
import type { DetailTable, TimeWindow } from '../model/index.ts';

export interface Tenant {
  code: string;
  id: number;
}

export interface JobContext {
  tenant: Tenant;
  window: TimeWindow;
  /** Nothing newer than this is complete yet; buckets are filled up to here. */
  completeTo: number;
  /**
   * Aborted when the window is no longer ours: another worker took it over, it took longer than it may, or the process
   * stops. Long work looks at it between steps; `commit` refuses afterwards anyway.
   */
  signal: AbortSignal;
  /**
   * Writes the result and the window's success in one transaction: both are there or neither, and a worker that lost its
   * window meanwhile writes nothing. Use it once, for everything that the window writes to the ledger. Inside `work` only
   * `tx`, no network, no files. A job whose work can't be one transaction (VACUUM) leaves it out and is marked afterwards.
   */
  commit(work: (tx: Queryable) => Promise<JobResult>): Promise<JobResult>;
}

export interface JobResult {
  rowsRead: number;
  rowsWritten: number;
  rowsConflict: number;
  /** What bounds left out, by name; empty when nothing was. */
  leftOut: Record<string, number>;
}

/**
 * Work that is done once per tenant and window of time. `run` may be called again for the same window, after a crash or
 * for a replay: it must overwrite what it wrote before and never add to it. It answers with what `commit` answered.
 */
export interface Job {
  /** Lower-case with dashes; stands in the job ledger and in metrics. */
  name: string;
  /** Jobs whose windows up to the same end must be finished first. */
  after: readonly string[];
  /** Length and alignment of a window. */
  alignMs: number;
  /** How long after its end a window is ready. */
  delayMs: number;
  /** How far back the first run of a tenant starts. */
  initialLookbackMs: number;
  /** `ledger`: once for the whole ledger, under the first tenant. Otherwise once per tenant. */
  scope?: 'tenant' | 'ledger';
  /**
   * Windows of one group (aligned to this) never run at the same time. For a job whose windows compute something larger
   * than themselves, as five-minute buckets: the one that read first must not write last.
   */
  groupMs?: number;
  /** Tables whose late rows open their window again. Absent: windows stay as they are. */
  lateTables?: readonly DetailTable[];
  run(context: JobContext): Promise<JobResult>;
}
