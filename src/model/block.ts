/** Tables of the detail store that receivers write. */
export const detailTables = [
  'otel_logs',
  'otel_traces',
  'metric_series',
  'metric_samples',
  'metric_histograms',
  'metric_exemplars',
  'change_events',
  'network_flows',
  'dead_letters',
  'dead_letter_states',
] as const;
export type DetailTable = (typeof detailTables)[number];

/**
 * One block of rows in ClickHouse's `Native` format, ready to be appended to a write-ahead segment. The last column
 * is always `EventId UInt64`; its `rows * 8` bytes stand at the end of `bytes` and are filled in place (segment number
 * in the high bits, position in the low) when the block gets its place in a segment.
 */
export interface Block {
  table: DetailTable;
  rows: number;
  bytes: Uint8Array;
  /** Fingerprint of the request it came with, 32 hexadecimal digits, by which a repetition is known. */
  request?: string;
}
