import type { DetailQuery, DetailStore, QueryStatistics } from '../detail/contract.ts';
import { ClewError } from '../lib/index.ts';
import { type EpochMs, type Severity, severityOf, type TimeWindow } from '../model/index.ts';
import { addStatistics, createBinder, joinClauses, noStatistics, nsToMs } from './clause.ts';
import { type LogFilter, logClauses } from './log-filter.ts';
import { walkBack } from './window.ts';

/** A log record as the store gives it back. */
export interface LogRow {
  eventId: string;
  at: EpochMs;
  atNs: string;
  service: string;
  severity: Severity;
  severityNumber: number;
  body: string;
  traceId: string;
  spanId: string;
  /** 64-bit shape, decimal text. */
  shape: string;
  resource: Record<string, string>;
  attributes: Record<string, string>;
  scope: string;
}

export interface LogPage {
  rows: LogRow[];
  /** Where the next (older) page begins; null when nothing is left. */
  cursor: string | null;
  statistics: QueryStatistics;
}

interface StoredLog {
  event_id: string;
  at_ns: string;
  service: string;
  severity_number: number;
  body: string;
  trace_id: string;
  span_id: string;
  shape: string;
  resource: Record<string, string>;
  attributes: Record<string, string>;
  scope: string;
}

/** Position of a row in the order of the list: newest first, ties broken by the row's own id. */
interface Position {
  atNs: string;
  eventId: string;
}

/** One part of a page; exported for its golden test. */
export function logsQuery(
  tenant: string,
  window: TimeWindow,
  filter: LogFilter,
  limit: number,
  before: Position | null,
  order: 'newest' | 'oldest' = 'newest',
): DetailQuery {
  const binder = createBinder();
  const clauses = logClauses(filter, binder);
  if (before) {
    const atNs = binder.bind('Int64', before.atNs);
    const eventId = binder.bind('UInt64', before.eventId);
    clauses.push(`(Timestamp, EventId) < (fromUnixTimestamp64Nano(${atNs}, 'UTC'), ${eventId})`);
  }
  const direction = order === 'newest' ? 'DESC' : 'ASC';
  return {
    name: 'logs.list',
    tenant,
    window,
    params: binder.params,
    sql: `SELECT
  toString(EventId) AS event_id, toString(toUnixTimestamp64Nano(Timestamp)) AS at_ns, ServiceName AS service,
  SeverityNumber AS severity_number, Body AS body, TraceId AS trace_id, SpanId AS span_id, toString(Shape) AS shape,
  ResourceAttributes AS resource, LogAttributes AS attributes, ScopeName AS scope
FROM otel_logs
WHERE ${joinClauses(clauses)}
ORDER BY Timestamp ${direction}, EventId ${direction}
LIMIT ${binder.bind('UInt32', limit)}`,
  };
}

/** The newest `limit` records of the window that match, or those after `cursor`. */
export async function searchLogs(
  detail: DetailStore,
  tenant: string,
  window: TimeWindow,
  filter: LogFilter,
  page: { limit: number; cursor?: string },
): Promise<LogPage> {
  const before = page.cursor === undefined ? null : decodeCursor(page.cursor);
  // A row at the cursor's own millisecond may still follow it, hence + 1.
  const to = before ? Math.min(window.to, nsToMs(before.atNs) + 1) : window.to;
  const rows: LogRow[] = [];
  let statistics = noStatistics;
  for (const part of walkBack({ from: window.from, to })) {
    const wanted = page.limit - rows.length;
    const result = await detail.query<StoredLog>(logsQuery(tenant, part, filter, wanted, before));
    statistics = addStatistics(statistics, result.statistics);
    rows.push(...result.rows.map(toLogRow));
    if (rows.length >= page.limit) break;
  }
  const last = rows.at(-1);
  const cursor = last !== undefined && rows.length >= page.limit ? encodeCursor(last) : null;
  return { rows, cursor, statistics };
}

/** Records of one trace in the order in which they were written. */
export async function logsOfTrace(
  detail: DetailStore,
  tenant: string,
  window: TimeWindow,
  traceId: string,
  limit: number,
): Promise<{ rows: LogRow[]; statistics: QueryStatistics }> {
  const query = logsQuery(tenant, window, { traceId }, limit, null, 'oldest');
  const result = await detail.query<StoredLog>({ ...query, name: 'logs.of_trace' });
  return { rows: result.rows.map(toLogRow), statistics: result.statistics };
}

const toLogRow = (row: StoredLog): LogRow => ({
  eventId: row.event_id,
  at: nsToMs(row.at_ns),
  atNs: row.at_ns,
  service: row.service,
  severity: severityOf(row.severity_number),
  severityNumber: row.severity_number,
  body: row.body,
  traceId: row.trace_id,
  spanId: row.span_id,
  shape: row.shape,
  resource: row.resource,
  attributes: row.attributes,
  scope: row.scope,
});

const encodeCursor = (row: Position): string =>
  Buffer.from(`${row.atNs}.${row.eventId}`).toString('base64url');

const int64Max = 9_223_372_036_854_775_807n;
const uint64Max = 18_446_744_073_709_551_615n;

function decodeCursor(cursor: string): Position {
  const match = /^(\d{1,19})\.(\d{1,20})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'));
  const [, atNs, eventId] = match ?? [];
  if (atNs === undefined || eventId === undefined || BigInt(atNs) > int64Max || BigInt(eventId) > uint64Max) {
    throw new ClewError(
      'bad_request',
      'cursor is not one of ours; take it unchanged from the previous answer, or leave it out for the first page.',
      { details: { cursor } },
    );
  }
  return { atNs, eventId };
}
