import type { EpochMs } from './time.ts';

/** What the job ledger tells of its windows: as the API answers it and the console reads it. */
export const runStates = ['queued', 'running', 'success', 'failed'] as const;
export type RunState = (typeof runStates)[number];

export type CircuitState = 'closed' | 'open' | 'half_open';

export interface JobStatus {
  job: string;
  /** End of the newest window that was done. */
  done_to: EpochMs | null;
  /** Time between now and that end, seconds; null before the first. */
  lag_s: number | null;
  /** Windows that wait and are due, and where the oldest of them begins. */
  waiting: number;
  waiting_from: EpochMs | null;
  /** Of them: because of late rows, because of a request. */
  waiting_late: number;
  waiting_replay: number;
  running: number;
  /** Given up; somebody must run them again. */
  failed: number;
  last_error: string | null;
  last_error_at: EpochMs | null;
  /** Of the last windows done, milliseconds. */
  duration_ms_p50: number | null;
  duration_ms_p95: number | null;
  circuit: {
    state: CircuitState;
    failures: number;
    opened_at: EpochMs | null;
    open_until: EpochMs | null;
    last_error: string | null;
  };
}

/** A job with its timing and how it stands. */
export interface JobRow extends Omit<JobStatus, 'job'> {
  name: string;
  tenant: string;
  after: readonly string[];
  /** Once for each tenant, or once for all. */
  scope: string;
  align_s: number;
  delay_s: number;
  initial_lookback_s: number;
  replay_windows_max: number;
}

export interface HistoryCell {
  from: EpochMs;
  to: EpochMs;
  /** Windows that begin in it, by state. */
  states: Partial<Record<RunState, number>>;
  /** Longest of them, milliseconds. */
  duration_ms_max: number | null;
  /** Largest time between a window's end and its being done, of windows done once by the schedule, seconds. */
  lag_s_max: number | null;
  rows_read: number;
  rows_written: number;
  retries: number;
}

export interface JobHistory {
  job: string;
  from: EpochMs;
  to: EpochMs;
  cell_ms: number;
  align_ms: number;
  cells: HistoryCell[];
}

export interface RunRow {
  run_id: string;
  job: string;
  tenant: string;
  from: EpochMs;
  to: EpochMs;
  state: RunState;
  /** Why it is, or was last, in the queue: the schedule, late rows, a request. */
  kind: 'planned' | 'late' | 'replay';
  attempts: number;
  /** How often it was done; more than once after late rows or a replay. */
  successes: number;
  worker: string | null;
  error: string | null;
  rows_read: number;
  rows_written: number;
  rows_conflict: number;
  left_out: Record<string, number>;
  queued_at: EpochMs;
  started_at: EpochMs | null;
  finished_at: EpochMs | null;
  /** When it may be tried again, while it waits after a failure. */
  not_before: EpochMs | null;
}
