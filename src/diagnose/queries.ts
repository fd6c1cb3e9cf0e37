import type { DetailQuery, QueryParam } from '../detail/index.ts';
import { httpStatus, isCallSpan, isServerSpan, peerColumns, spanFailed } from '../detect/index.ts';
import type { TimeWindow } from '../model/index.ts';

/** Rows of one answer; more than this is no longer something a person or a score can use. */
export const rowsMax = 2_000;
const inWindow =
  "Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(9, 'UTC')} AND Timestamp < {to:DateTime64(9, 'UTC')}";
/** 1 during the incident, 0 before it; what lies between baseline and onset belongs to neither and is left out. */
const phase = 'toUInt8(toUnixTimestamp64Milli(Timestamp) >= {since:Int64})';
const settled =
  '(toUnixTimestamp64Milli(Timestamp) >= {since:Int64} OR toUnixTimestamp64Milli(Timestamp) < {baseline_to:Int64})';
const statementText = `multiIf(SpanAttributes['db.query.text'] != '', SpanAttributes['db.query.text'], SpanAttributes['db.statement'] != '', SpanAttributes['db.statement'], SpanName)`;
const statementColumn = `multiIf(SpanAttributes['db.query.text'] != '', 'SpanAttributes.db.query.text', SpanAttributes['db.statement'] != '', 'SpanAttributes.db.statement', 'SpanName')`;
const table = `if(SpanAttributes['db.collection.name'] != '', SpanAttributes['db.collection.name'], SpanAttributes['db.sql.table'])`;
const perPhase = (expression: string, condition: string): string =>
  `${expression.replace('?', `${condition} = 0`)} AS baseline_value, ${expression.replace('?', `${condition} = 1`)} AS incident_value`;

const text = {
  statements: `SELECT service, db_system, db_namespace, address, statement, argMax(sample_text, phase) AS sample, toUInt32(uniq(sample_text)) AS texts, argMax(span_name, phase) AS span_name, any(text_column) AS text_column, any(table_name) AS table_name,
      toUInt32(countIf(phase = 0)) AS baseline_count, toUInt32(countIf(phase = 1)) AS incident_count,
      ifNotFinite(avgIf(ms, phase = 0), 0) AS baseline_mean, ifNotFinite(avgIf(ms, phase = 1), 0) AS incident_mean,
      ifNotFinite(quantileIf(0.95)(ms, phase = 0), 0) AS baseline_p95, ifNotFinite(quantileIf(0.95)(ms, phase = 1), 0) AS incident_p95
    FROM (SELECT ServiceName AS service, ${peerColumns}, normalizeQuery(${statementText}) AS statement, ${statementText} AS sample_text, SpanName AS span_name, ${statementColumn} AS text_column,
        ${table} AS table_name, Duration / 1e6 AS ms, ${phase} AS phase
      FROM otel_traces WHERE ${inWindow} AND ${settled} AND ${isCallSpan})
    WHERE db_system != '' GROUP BY service, db_system, db_namespace, address, statement
    ORDER BY incident_count * incident_mean DESC LIMIT 300`,
  origins: `SELECT failed.service AS service, operation, span_kind, version, peer_service, db_system, db_namespace, address, status, exception,
      any(message) AS message, toUInt32(countIf(phase = 0)) AS baseline_count, toUInt32(countIf(phase = 1)) AS incident_count,
      argMax(failed.TraceId, phase) AS trace_id
    FROM (SELECT TraceId, cityHash64(TraceId, SpanId) AS id, ServiceName AS service, SpanName AS operation, SpanKind AS span_kind, ResourceAttributes['service.version'] AS version,
        ${peerColumns}, ${httpStatus} AS status, ${phase} AS phase,
        multiIf(SpanAttributes['exception.type'] != '', SpanAttributes['exception.type'],
          arrayExists(a -> a['exception.type'] != '', \`Events.Attributes\`), arrayFirst(a -> a['exception.type'] != '', \`Events.Attributes\`)['exception.type'],
          SpanAttributes['error.type']) AS exception,
        substring(if(StatusMessage != '', StatusMessage, arrayFirst(a -> a['exception.message'] != '', \`Events.Attributes\`)['exception.message']), 1, 300) AS message
      FROM otel_traces WHERE ${inWindow} AND ${settled} AND ${spanFailed}) AS failed
    LEFT ANTI JOIN (SELECT cityHash64(TraceId, ParentSpanId) AS id FROM otel_traces WHERE ${inWindow} AND ${spanFailed} AND ParentSpanId != '') AS child
      ON child.id = failed.id
    GROUP BY service, operation, span_kind, version, peer_service, db_system, db_namespace, address, status, exception
    ORDER BY incident_count DESC LIMIT 300`,
  statusCodes: `SELECT ServiceName AS service, ${httpStatus} AS code, ${perPhase('toUInt32(countIf(?))', phase)}
    FROM otel_traces WHERE ${inWindow} AND ${settled} AND ${isServerSpan}
    GROUP BY service, code HAVING code > 0 ORDER BY incident_value DESC LIMIT 500`,
  changes: `SELECT Id AS id, toUnixTimestamp64Milli(Timestamp) AS at, Kind AS kind, ServiceName AS service, Title AS title, Actor AS actor, Labels AS labels
    FROM change_events FINAL WHERE Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(9, 'UTC')} AND Timestamp < {to:DateTime64(9, 'UTC')}
    ORDER BY Timestamp DESC LIMIT 200`,
  // Only values that repeat can separate affected from unaffected users; ids, urls and the outcome itself can't.
  dimensions: `SELECT pair.1 AS key, pair.2 AS value, toUInt32(countIf(affected)) AS affected_count, toUInt32(count()) AS total_count
    FROM (SELECT arrayJoin(arrayZip(arrayConcat(mapKeys(SpanAttributes), ['operation', 'service.version', 'service.instance.id']),
        arrayConcat(mapValues(SpanAttributes), [toString(SpanName), toString(ResourceAttributes['service.version']), toString(ResourceAttributes['service.instance.id'])]))) AS pair,
        (${spanFailed} OR Duration > {slow_ns:UInt64}) AS affected
      FROM otel_traces WHERE ${inWindow} AND ServiceName = {service:String} AND ${isServerSpan} LIMIT 400000)
    WHERE pair.2 != '' AND length(pair.2) <= 100 AND NOT match(pair.1, '(status_code|error|exception|url\\\\.(full|path|query)|\\\\bid$|[._]id$|port|address|protocol|user_agent|size|target|traceparent)')
      OR pair.1 = 'service.instance.id' AND pair.2 != ''
    GROUP BY key, value HAVING affected_count >= 5 ORDER BY affected_count DESC LIMIT 200`,
} as const;

export function diagnoseQuery(
  name: keyof typeof text,
  tenant: string,
  window: TimeWindow,
  params: Record<string, QueryParam> = {},
): DetailQuery {
  return {
    name: `diagnose.${name.toLowerCase()}`,
    tenant,
    window,
    sql: text[name],
    params,
    limits: { timeMsMax: 10_000, rowsResultMax: rowsMax },
  };
}
