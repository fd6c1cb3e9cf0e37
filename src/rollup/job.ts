import type { TimeWindow } from '../model/index.ts';

export interface Tenant {
  code: string;
  id: number;
}

export interface JobContext {
  tenant: Tenant;
  window: TimeWindow;
  /** Nothing newer than this is complete yet; buckets are filled up to here. */
  completeTo: number;
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
 * for a replay: it must overwrite what it wrote before and never add to it.
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
  run(context: JobContext): Promise<JobResult>;
}
