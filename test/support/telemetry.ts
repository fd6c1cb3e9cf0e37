import type { SqlDetail } from './detail.ts';

/** Rows for tests, put in as literals of our own; nothing here comes from outside. */
export interface TestLog {
  tenant?: string;
  at: number;
  service: string;
  severity?: number;
  body: string;
  traceId?: string;
  spanId?: string;
  resource?: Record<string, string>;
  attributes?: Record<string, string>;
  shape?: string;
  eventId: number;
}

export interface TestSpan {
  tenant?: string;
  at: number;
  traceId: string;
  spanId: string;
  parent?: string;
  service: string;
  name: string;
  kind?: string;
  durationMs: number;
  status?: 'Error' | 'Ok' | 'Unset';
  attributes?: Record<string, string>;
  event?: { at: number; name: string };
  eventId: number;
}

const text = (value: string) => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const time = (ms: number) => `fromUnixTimestamp64Milli(toInt64(${ms}), 'UTC')`;
const map = (value: Record<string, string> = {}) => {
  const entries = Object.entries(value).flat().map(text);
  return entries.length === 0 ? `CAST(map() AS Map(String, String))` : `map(${entries.join(', ')})`;
};

export async function putLogs(detail: SqlDetail, logs: readonly TestLog[]): Promise<void> {
  const rows = logs.map(
    (log) =>
      `(${text(log.tenant ?? 'default')}, ${time(log.at)}, ${text(log.traceId ?? '')}, ${text(log.spanId ?? '')}, ${log.severity ?? 9}, ${text(log.service)}, ${text(log.body)}, ${map(log.resource)}, ${map(log.attributes)}, ${log.shape ?? '1'}, ${log.eventId})`,
  );
  await detail.exec(
    `INSERT INTO otel_logs (Tenant, Timestamp, TraceId, SpanId, SeverityNumber, ServiceName, Body, ResourceAttributes, LogAttributes, Shape, EventId) VALUES ${rows.join(', ')}`,
  );
}

export async function putSpans(detail: SqlDetail, spans: readonly TestSpan[]): Promise<void> {
  const rows = spans.map((span) => {
    const events = span.event
      ? `[${time(span.event.at)}], [${text(span.event.name)}], [map('k', 'v')]`
      : '[], [], []';
    return `(${text(span.tenant ?? 'default')}, ${time(span.at)}, ${text(span.traceId)}, ${text(span.spanId)}, ${text(span.parent ?? '')}, ${text(span.name)}, ${text(span.kind ?? 'Server')}, ${text(span.service)}, ${map(span.attributes)}, ${Math.round(span.durationMs * 1e6)}, ${text(span.status ?? 'Unset')}, ${events}, ${span.eventId})`;
  });
  await detail.exec(
    `INSERT INTO otel_traces (Tenant, Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, SpanAttributes, Duration, StatusCode, \`Events.Timestamp\`, \`Events.Name\`, \`Events.Attributes\`, EventId) VALUES ${rows.join(', ')}`,
  );
}
