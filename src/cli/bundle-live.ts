/** What a running Clew knows of a span of time, asked by its own API, into a bundle. */
import { type BundleWriter, seriesName } from '../diagnose/import/index.ts';
import type { TimeWindow } from '../model/index.ts';
import { type ApiAddress, callApi } from './api.ts';

export type LiveSource = ApiAddress;

/** Rows of one question; a slice of time that has more is cut in two. */
const rowsPerQuestion = 20_000;
/** Rows of each kind that a bundle holds; of more, an even share of the traces and every tenth record of logs is kept. */
const rowsMax = 400_000;
const sliceMsMin = 1_000;
/** Series that are told by their attributes. */
const seriesMax = 50_000;
/** Metric values are averaged over so long: counters and gauges of an incident need no finer grain. */
const grainS = 15;

type Row = unknown[];

/** Fills the bundle; answers nothing, for the writer counts. */
export async function liveBundle(live: LiveSource, span: TimeWindow, writer: BundleWriter): Promise<void> {
  await metrics(live, span, writer);
  const share = (rows: number) => Math.max(1, Math.ceil(rows / rowsMax));
  const spans = share(await countOf(live, 'otel_traces', span));
  await each(
    live,
    span,
    (when) => spansSql(when, spans),
    (row) => spanRow(row, writer),
  );
  const logs = share(await countOf(live, 'otel_logs', span));
  await each(
    live,
    span,
    (when) => logsSql(when, logs),
    (row) => logRow(row, writer),
  );
  await each(live, span, changesSql, (row) => changeRow(row, writer));
}

const between = ({ from, to }: TimeWindow): string =>
  `Timestamp >= fromUnixTimestamp64Milli(toInt64(${Math.floor(from)})) AND Timestamp < fromUnixTimestamp64Milli(toInt64(${Math.ceil(to)}))`;

/** A trace is kept whole or not at all; records of logs without one by their position. */
const spansSql = (when: TimeWindow, share: number): string => `
SELECT TraceId, SpanId, ParentSpanId, ServiceName, SpanName, toUnixTimestamp64Micro(Timestamp), Duration, StatusCode, SpanAttributes, StatusMessage
FROM otel_traces WHERE ${between(when)}${share > 1 ? ` AND cityHash64(TraceId) % ${share} = 0` : ''}`;
const logsSql = (when: TimeWindow, share: number): string => `
SELECT toUnixTimestamp64Micro(Timestamp), ServiceName, SeverityText, substring(Body, 1, 4096), TraceId, LogAttributes
FROM otel_logs WHERE ${between(when)}${share > 1 ? ` AND (SeverityNumber >= 13 OR cityHash64(EventId) % ${share} = 0)` : ''}`;
const changesSql = (when: TimeWindow): string => `
SELECT toUnixTimestamp64Milli(Timestamp), Kind, Id, ServiceName, Title, Actor, Labels FROM change_events FINAL WHERE ${between(when)}`;

async function metrics(live: LiveSource, span: TimeWindow, writer: BundleWriter): Promise<void> {
  const labels = new Map<string, Record<string, string>>();
  for (const [id, attributes] of await ask(
    live,
    `SELECT toString(SeriesId), toJSONString(any(Attributes)) FROM metric_series GROUP BY SeriesId LIMIT ${seriesMax}`,
  ))
    labels.set(String(id), JSON.parse(String(attributes)) as Record<string, string>);
  const sql = (when: TimeWindow) => `
SELECT toUnixTimestamp(toStartOfInterval(Timestamp, INTERVAL ${grainS} SECOND)) * 1000 AS at, ServiceName, MetricName, toString(SeriesId), avg(Value)
FROM metric_samples WHERE ${between(when)} GROUP BY at, ServiceName, MetricName, SeriesId`;
  await each(live, span, sql, ([at, service, metric, id, value]) => {
    const number = Number(value);
    if (Number.isFinite(number))
      writer.metric(
        Number(at),
        String(service),
        seriesName(String(metric), labels.get(String(id)) ?? {}),
        number,
      );
  });
}

function spanRow(row: Row, writer: BundleWriter): void {
  const [trace, id, parent, service, name, start, duration, status, attributes, message] = row;
  const more: Record<string, string> = String(message) === '' ? {} : { 'status.message': String(message) };
  writer.span({
    trace_id: String(trace),
    span_id: String(id),
    parent_id: String(parent),
    service: String(service),
    name: String(name),
    start: Number(start) / 1000,
    duration_ms: Number(duration) / 1e6,
    status: /error/i.test(String(status)) ? 'ERROR' : /ok/i.test(String(status)) ? 'OK' : '',
    attributes: { ...mapOf(attributes), ...more },
  });
}

function logRow([at, service, severity, body, trace, attributes]: Row, writer: BundleWriter): void {
  writer.log({
    ts: Number(at) / 1000,
    service: String(service),
    severity: String(severity),
    body: String(body),
    trace_id: String(trace),
    attributes: mapOf(attributes),
  });
}

function changeRow([at, kind, id, service, title, actor, labels]: Row, writer: BundleWriter): void {
  writer.event({ ts: Number(at), kind, id, service: service === '' ? null : service, title, actor, labels });
}

const mapOf = (value: unknown): Record<string, string> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).map(([key, each]) => [key, String(each)]))
    : {};

async function countOf(live: LiveSource, table: string, span: TimeWindow): Promise<number> {
  const [row] = await ask(live, `SELECT count() FROM ${table} WHERE ${between(span)}`);
  return Number(row?.[0] ?? 0);
}

/** Asks by slices of time that fit into one answer each. */
async function each(
  live: LiveSource,
  span: TimeWindow,
  sql: (when: TimeWindow) => string,
  take: (row: Row) => void,
): Promise<void> {
  const rows = await ask(live, `${sql(span)} LIMIT ${rowsPerQuestion + 1}`);
  if (rows.length <= rowsPerQuestion || span.to - span.from <= sliceMsMin) {
    for (const row of rows) take(row);
    return;
  }
  // Cut on the grain, so that no average is cut in two.
  const grain = grainS * 1000;
  const half = Math.floor((span.from + span.to) / 2);
  const middle = span.to - span.from > 2 * grain ? Math.floor(half / grain) * grain : half;
  await each(live, { from: span.from, to: middle }, sql, take);
  await each(live, { from: middle, to: span.to }, sql, take);
}

const ask = async (live: LiveSource, sql: string): Promise<Row[]> =>
  (await callApi<{ rows: Row[] }>(live, '/sql', { sql })).rows;
