import { counter, gauge, histogram } from '../lib/index.ts';

/** What this room tells about itself at /metrics. */
export const querySeconds = histogram(
  'clew_query_seconds',
  'Time of one query of the detail store, the wait for a free slot included.',
  ['name'],
  [0.005, 0.02, 0.1, 0.5, 2, 10, 30],
);
export const queryErrors = counter('clew_query_errors_total', 'Queries of the detail store that failed.', [
  'name',
  'code',
]);
export const commitSeconds = histogram(
  'clew_wal_commit_seconds',
  'Time of one group commit of the write-ahead segments: write and fsync of every file touched.',
  [],
  [0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.2, 1],
);
export const insertSeconds = histogram(
  'clew_segment_insert_seconds',
  'Time to insert one closed segment.',
  ['table'],
  [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 20],
);
export const insertedRows = counter('clew_segment_rows_total', 'Rows inserted from segments.', ['table']);
export const insertFailures = counter(
  'clew_segment_insert_failures_total',
  'Attempts to insert a segment that failed and are tried again.',
  ['table'],
);
export const quarantined = counter(
  'clew_segments_quarantined_total',
  'Segments set aside because the engine refuses their bytes. Their rows wait in the quarantine folder.',
  ['table'],
);
export const repeatedRows = counter(
  'clew_repeated_rows_total',
  'Rows of repeated requests whose answer had been lost: durable before, not stored again.',
  ['table'],
);
export const replayedSegments = counter(
  'clew_segments_replayed_total',
  'Segments found at start and inserted again.',
);
export const tornBytes = counter(
  'clew_segment_torn_bytes_total',
  'Bytes cut off the ends of segments at start: written, but never acknowledged.',
);
export const mergesHeld = gauge('clew_merges_held', '1 while merges wait for a burst of ingest to pass.');
export const pendingBytes = gauge(
  'clew_segment_pending_bytes',
  'Bytes acknowledged or being written that are not inserted yet.',
);
export const handedBytes = gauge(
  'clew_segment_handed_bytes',
  'Bytes that another process took in and handed over, not inserted yet.',
);
