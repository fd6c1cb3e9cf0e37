/**
 * detail — every log record, span, metric sample, change event and dead letter, in ClickHouse's dialect.
 *
 * Contract: `append` resolves when the block is on disk (write-ahead segment, fsync by group commit); the rows can be
 * queried a moment later, each exactly once, also after a kill at any time. A process that only takes in opens the
 * write-ahead log alone (`openIngestStore`), and hands its segments over. Queries are named values with tenant and
 * window; a user's SQL is fenced. Only `open.ts` knows which twin runs.
 * What never happens here: reading wire formats, deciding what a row means, dropping a segment silently.
 */
export type { ArrivalLook, ArrivalQuestion, Arrivals, LateMinute } from './arrivals.ts';
export type {
  DetailHealth,
  DetailQuery,
  DetailResult,
  DetailStore,
  QueryParam,
  QueryStatistics,
  SingleSegments,
  TableResult,
  WritableStore,
} from './contract.ts';
export { type IngestStore, type IngestStoreOptions, openIngestStore } from './ingest-store.ts';
export { type DetailOptions, openDetailStore } from './open.ts';
