import type { DetailQuery, DetailStore, QueryStatistics } from '../detail/contract.ts';
import { ClewError } from '../lib/index.ts';
import type { EpochMs, TimeWindow } from '../model/index.ts';
import { addStatistics, createBinder, joinClauses, nsToMs } from './clause.ts';
import { criticalPath } from './critical-path.ts';
import { type LogRow, logsOfTrace } from './logs.ts';

export interface TraceSpan {
  spanId: string;
  parentSpanId: string;
  service: string;
  name: string;
  kind: string;
  /** Microseconds after the start of the trace. */
  atUsOffset: number;
  durationUs: number;
  status: 'error' | 'ok' | 'unset';
  statusMessage: string;
  attributes: Record<string, string>;
  resource: Record<string, string>;
  scope: string;
  events: { atUsOffset: number; name: string; attributes: Record<string, string> }[];
  links: { traceId: string; spanId: string }[];
  /** On the path that the duration of the trace hangs on. */
  critical: boolean;
}

export interface Trace {
  traceId: string;
  at: EpochMs;
  durationMs: number;
  spans: TraceSpan[];
  logs: LogRow[];
  /** The trace has more spans or logs than are shown. */
  truncated: boolean;
  statistics: QueryStatistics;
}

// A waterfall of more is not readable and costs the browser seconds; the largest traces of a batch job go far beyond.
const spansMax = 10_000;
const logsMax = 1_000;
/** Records of a trace are written while it runs; clocks of hosts and late exporters differ by less than this. */
const logSlackMs = 60_000;

interface StoredSpan {
  span_id: string;
  parent_span_id: string;
  service: string;
  name: string;
  kind: string;
  start_ns: string;
  duration_ns: string;
  status: string;
  status_message: string;
  attributes: Record<string, string>;
  resource: Record<string, string>;
  scope: string;
  event_ns: string[];
  event_names: string[];
  event_attributes: Record<string, string>[];
  link_trace_ids: string[];
  link_span_ids: string[];
}

export function traceQuery(tenant: string, window: TimeWindow, traceId: string): DetailQuery {
  const binder = createBinder();
  return {
    name: 'trace.spans',
    tenant,
    window,
    sql: `SELECT SpanId AS span_id, ParentSpanId AS parent_span_id, ServiceName AS service, SpanName AS name,
  SpanKind AS kind, toString(toUnixTimestamp64Nano(Timestamp)) AS start_ns, toString(Duration) AS duration_ns,
  StatusCode AS status, StatusMessage AS status_message, SpanAttributes AS attributes, ResourceAttributes AS resource,
  ScopeName AS scope, arrayMap(at -> toString(toUnixTimestamp64Nano(at)), \`Events.Timestamp\`) AS event_ns,
  \`Events.Name\` AS event_names, \`Events.Attributes\` AS event_attributes,
  \`Links.TraceId\` AS link_trace_ids, \`Links.SpanId\` AS link_span_ids
FROM otel_traces
WHERE ${joinClauses([`TraceId = ${binder.bind('String', traceId)}`])}
ORDER BY Timestamp, EventId
LIMIT ${spansMax + 1}`,
    params: binder.params,
  };
}

/** One trace with its logs. `window` bounds where it is looked for; the trace id index makes a wide one cheap. */
export async function readTrace(
  detail: DetailStore,
  tenant: string,
  window: TimeWindow,
  traceId: string,
): Promise<Trace> {
  const found = await detail.query<StoredSpan>(traceQuery(tenant, window, traceId));
  const stored = uniqueSpans(found.rows.slice(0, spansMax));
  const first = stored[0];
  if (first === undefined) {
    throw new ClewError(
      'not_found',
      `There is no trace "${traceId}" between ${new Date(window.from).toISOString()} and ${new Date(window.to).toISOString()}.`,
      { details: { trace_id: traceId } },
    );
  }
  const startNs = BigInt(first.start_ns);
  let endNs = startNs;
  for (const row of stored) {
    const end = BigInt(row.start_ns) + BigInt(row.duration_ns);
    if (end > endNs) endNs = end;
  }
  const at = nsToMs(first.start_ns);
  const endMs = nsToMs(endNs.toString());
  const logs = await logsOfTrace(
    detail,
    tenant,
    { from: at - logSlackMs, to: endMs + logSlackMs },
    traceId,
    logsMax + 1,
  );
  const spans = stored.map((row) => toSpan(row, startNs));
  const path = criticalPath(
    spans.map((span) => ({ ...span, start: span.atUsOffset, end: span.atUsOffset + span.durationUs })),
  );
  for (const span of spans) span.critical = path.has(span.spanId);
  return {
    traceId,
    at,
    durationMs: Number(endNs - startNs) / 1e6,
    spans,
    logs: logs.rows.slice(0, logsMax),
    truncated: found.rows.length > spansMax || logs.rows.length > logsMax,
    statistics: addStatistics(found.statistics, logs.statistics),
  };
}

/** A sender that retries may deliver a span twice; the first one stands. */
function uniqueSpans(rows: readonly StoredSpan[]): StoredSpan[] {
  const seen = new Set<string>();
  return rows.filter((row) => !seen.has(row.span_id) && seen.add(row.span_id));
}

const statusNames: Record<string, TraceSpan['status']> = { Error: 'error', Ok: 'ok' };

function toSpan(row: StoredSpan, traceStartNs: bigint): TraceSpan {
  const offsetUs = (ns: string) => Number(BigInt(ns) - traceStartNs) / 1e3;
  return {
    spanId: row.span_id,
    parentSpanId: row.parent_span_id,
    service: row.service,
    name: row.name,
    kind: row.kind,
    atUsOffset: offsetUs(row.start_ns),
    durationUs: Number(row.duration_ns) / 1e3,
    status: statusNames[row.status] ?? 'unset',
    statusMessage: row.status_message,
    attributes: row.attributes,
    resource: row.resource,
    scope: row.scope,
    events: row.event_ns.map((ns, i) => ({
      atUsOffset: offsetUs(ns),
      name: row.event_names[i] ?? '',
      attributes: row.event_attributes[i] ?? {},
    })),
    links: row.link_trace_ids.map((traceId, i) => ({ traceId, spanId: row.link_span_ids[i] ?? '' })),
    critical: false,
  };
}
