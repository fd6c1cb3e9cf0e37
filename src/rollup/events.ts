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
