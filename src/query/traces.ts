import type { DetailQuery, DetailStore, QueryStatistics } from '../detail/contract.ts';
import type { EpochMs, TimeWindow } from '../model/index.ts';
import { addStatistics, type Binder, createBinder, joinClauses, noStatistics, nsToMs } from './clause.ts';
import { type AttributeFilter, attributeClause } from './log-filter.ts';
import { walkBack } from './window.ts';

/**
 * Service, operation, status and attributes must hold on one and the same span of the trace. The duration is that of the
 * span when a service or an operation is named, and that of the root span (the whole request) when not.
 */
export interface TraceFilter {
  services?: readonly string[];
  operation?: string;
  status?: 'error' | 'ok';
  minMs?: number;
  maxMs?: number;
  attributes?: readonly AttributeFilter[];
  /**
   * Children arrive before their root, which ends last. Spans younger than this count only where they are the root, so
   * that a list of everything does not begin with halves of traces.
   */
  settledAt?: EpochMs;
}

export interface TraceSummary {
  traceId: string;
  at: EpochMs;
  /** Of the root span, or of the earliest span where the root is missing. */
  service: string;
  operation: string;
  durationMs: number;
  spans: number;
  errors: number;
  services: { service: string; spans: number }[];
}

/** Status code and span kinds as the OpenTelemetry ClickHouse exporter writes them. */
export const statusError = "StatusCode = 'Error'";

// Spans of one trace lie within this of the span that was found; a trace that takes longer is listed with part of its
// spans and shown whole when it is opened.
const traceSpreadMs = 300_000;

function spanClauses(filter: TraceFilter, binder: Binder): string[] {
  const clauses: string[] = [];
  if (filter.services?.length)
    clauses.push(`ServiceName IN ${binder.bind('Array(String)', filter.services)}`);
  if (filter.operation) clauses.push(`SpanName = ${binder.bind('String', filter.operation)}`);
  if (filter.status === 'error') clauses.push(statusError);
  if (filter.status === 'ok') clauses.push(`NOT ${statusError}`);
  for (const attribute of filter.attributes ?? [])
    clauses.push(attributeClause(['SpanAttributes', 'ResourceAttributes'], attribute, binder));
  return clauses;
}

function durationClauses(filter: TraceFilter, binder: Binder): string[] {
  const clauses: string[] = [];
  const nanoseconds = (ms: number) => binder.bind('UInt64', Math.round(ms * 1e6));
  if (filter.minMs !== undefined) clauses.push(`Duration >= ${nanoseconds(filter.minMs)}`);
  if (filter.maxMs !== undefined) clauses.push(`Duration <= ${nanoseconds(filter.maxMs)}`);
  return clauses;
}

/** Spans of the traces that have their driving span in the part: they may lie outside of it. */
function aroundClause(window: TimeWindow, binder: Binder): string {
  const time = (ms: number) => `${binder.bind('String', (ms / 1000).toFixed(3))}`;
  const from = `toDateTime64(${time(window.from - traceSpreadMs)}, 9, 'UTC')`;
  const to = `toDateTime64(${time(window.to + traceSpreadMs)}, 9, 'UTC')`;
  return `Tenant = {tenant:String} AND Timestamp >= ${from} AND Timestamp < ${to}
    AND toStartOfMinute(Timestamp) >= toStartOfMinute(${from}) AND toStartOfMinute(Timestamp) <= toStartOfMinute(${to})`;
}

/**
 * Without a service or an operation `status: ok` asks for traces without any failed span, and a duration for that of the
 * root, whatever span meets the other conditions.
 */
function clausesOf(filter: TraceFilter, window: TimeWindow, binder: Binder): string[] {
  const durations = durationClauses(filter, binder);
  const ofOneSpan = Boolean(filter.services?.length) || Boolean(filter.operation);
  if (ofOneSpan) return [...spanClauses(filter, binder), ...durations];
  const tracesWith = (conditions: readonly string[]) =>
    `(SELECT TraceId FROM otel_traces
    WHERE ${joinClauses(conditions, aroundClause(window, binder))})`;
  const clauses: string[] = [];
  if (filter.settledAt !== undefined)
    clauses.push(
      `(ParentSpanId = '' OR Timestamp < toDateTime64(${binder.bind('String', (filter.settledAt / 1000).toFixed(3))}, 9, 'UTC'))`,
    );
  const ofSpan = spanClauses(filter.status === 'ok' ? { ...filter, status: undefined } : filter, binder);
  if (durations.length > 0) {
    clauses.push("ParentSpanId = ''", ...durations);
    if (ofSpan.length > 0) clauses.push(`TraceId IN ${tracesWith(ofSpan)}`);
  } else clauses.push(...ofSpan);
  if (filter.status === 'ok') clauses.push(`TraceId NOT IN ${tracesWith([statusError])}`);
  return clauses;
}

/** Newest matching traces by id; one part of the walk back. */
export function traceIdsQuery(
  tenant: string,
  window: TimeWindow,
  filter: TraceFilter,
  limit: number,
): DetailQuery {
  const binder = createBinder();
  return {
    name: 'traces.ids',
    tenant,
    window,
    sql: `SELECT TraceId AS trace_id, toString(toUnixTimestamp64Nano(max(Timestamp))) AS newest_ns
FROM otel_traces
WHERE ${joinClauses(clausesOf(filter, window, binder))}
GROUP BY trace_id
ORDER BY newest_ns DESC, trace_id
LIMIT ${binder.bind('UInt32', limit)}`,
    params: binder.params,
  };
}

export function traceSummariesQuery(
  tenant: string,
  window: TimeWindow,
  traceIds: readonly string[],
): DetailQuery {
  const binder = createBinder();
  return {
    name: 'traces.summaries',
    tenant,
    window,
    sql: `SELECT TraceId AS trace_id, toString(min(toUnixTimestamp64Nano(Timestamp))) AS start_ns,
  toString(max(toUnixTimestamp64Nano(Timestamp) + Duration)) AS end_ns,
  argMin(ServiceName, (ParentSpanId != '', Timestamp)) AS service,
  argMin(SpanName, (ParentSpanId != '', Timestamp)) AS operation,
  count() AS spans, countIf(${statusError}) AS errors, sumMap([toString(ServiceName)], [toUInt32(1)]) AS services
FROM otel_traces
WHERE ${joinClauses([`TraceId IN ${binder.bind('Array(String)', traceIds)}`])}
GROUP BY trace_id`,
    params: binder.params,
  };
}

interface StoredSummary {
  trace_id: string;
  start_ns: string;
  end_ns: string;
  service: string;
  operation: string;
  spans: string;
  errors: string;
  services: [string[], (string | number)[]];
}

export async function searchTraces(
  detail: DetailStore,
  tenant: string,
  window: TimeWindow,
  filter: TraceFilter,
  limit: number,
): Promise<{ traces: TraceSummary[]; statistics: QueryStatistics }> {
  const newest = new Map<string, number>();
  let statistics = noStatistics;
  for (const part of walkBack(window)) {
    // A trace that straddles two parts is found twice, so ask for as many as are still missing plus those known.
    const result = await detail.query<{ trace_id: string; newest_ns: string }>(
      traceIdsQuery(tenant, part, filter, limit),
    );
    statistics = addStatistics(statistics, result.statistics);
    for (const row of result.rows)
      if (!newest.has(row.trace_id) && newest.size < limit) newest.set(row.trace_id, nsToMs(row.newest_ns));
    if (newest.size >= limit) break;
  }
  if (newest.size === 0) return { traces: [], statistics };
  const around = {
    from: Math.min(...newest.values()) - traceSpreadMs,
    to: Math.max(...newest.values()) + traceSpreadMs,
  };
  const result = await detail.query<StoredSummary>(traceSummariesQuery(tenant, around, [...newest.keys()]));
  const traces = result.rows.map(toSummary).sort((a, b) => b.at - a.at || a.traceId.localeCompare(b.traceId));
  return { traces, statistics: addStatistics(statistics, result.statistics) };
}

function toSummary(row: StoredSummary): TraceSummary {
  const [names, counts] = row.services;
  return {
    traceId: row.trace_id,
    at: nsToMs(row.start_ns),
    service: row.service,
    operation: row.operation,
    durationMs: Number(BigInt(row.end_ns) - BigInt(row.start_ns)) / 1e6,
    spans: Number(row.spans),
    errors: Number(row.errors),
    services: names.map((service, i) => ({ service, spans: Number(counts[i] ?? 0) })),
  };
}
