import { counter, gauge, histogram } from '../lib/index.ts';

export const windowLag = gauge(
  'window_lag_seconds',
  'Time between now and the end of the newest window that a job finished.',
  ['job', 'tenant'],
);
export const windowsTotal = counter('etl_windows_total', 'Windows that a job ended, by how they ended.', [
  'job',
  'state',
]);
export const rowsTotal = counter(
  'etl_rows_total',
  'Rows that a job read from the detail store or wrote to the ledger.',
  ['job', 'direction'],
);
export const conflictsTotal = counter(
  'etl_conflicts_total',
  'Rows that a job wrote over rows of an earlier run of the same bucket.',
  ['job'],
);
export const leftOutTotal = counter(
  'etl_left_out_total',
  'Series, patterns or edges beyond a bound of a window.',
  ['job', 'what'],
);
export const retriesTotal = counter(
  'etl_retries_total',
  'Windows that failed and were put back to be tried again.',
  ['job'],
);
export const takeoversTotal = counter(
  'etl_takeovers_total',
  'Windows taken over from a process that stopped in the middle of them.',
  ['job'],
);
export const circuitOpen = gauge('etl_circuit_open', '1 while a job is paused after repeated failures.', [
  'job',
  'tenant',
]);
export const windowSeconds = histogram('etl_window_seconds', 'Duration of one window of a job.', ['job']);
export const skippedTotal = counter(
  'etl_windows_skipped_total',
  'Windows that were not made up for because they lie further back than rollup.catch_up_s.',
  ['job'],
);
export const lateTotal = counter(
  'etl_late_windows_total',
  'Windows that were opened again because rows came after they were done.',
  ['job'],
);
export const tooLateTotal = counter(
  'etl_too_late_rows_total',
  'Rows that came later than rollup.lateness_s; they can be asked for, but no window was opened for them.',
  ['table'],
);
export const queueWindows = gauge('etl_queue_windows', 'Windows of a job that wait, by state.', [
  'job',
  'state',
]);
