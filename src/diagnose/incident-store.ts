/** What the stores know about a span of time, as the rows that an incident is judged by. */
import type { DetailStore, QueryParam } from '../detail/index.ts';
import { isServerSpan, spanFailed } from '../detect/index.ts';
import { type EpochMs, sentence, type TimeWindow } from '../model/index.ts';
import {
  type Caveat,
  caveat,
  type Incident,
  type LogRow,
  type Series,
  type SpanRow,
  type Symptom,
  type TopologyEdge,
} from './incident.ts';
import { chained } from './incident-live.ts';
import { ratesOf } from './indicators/index.ts';
import { Repeats } from './repeats.ts';
import { seriesName } from './series-name.ts';

/** Points of a series: what a chart shows, and enough to see an onset. */
const pointsPerSeries = 240;
const grainSMin = 5;
const seriesMax = 3_000;
/**
 * Spans of whole traces, and log records, of the incident and of as long a time before it. `read`: spans or records that a
 * question which reads ids or bodies looks at, of the incident and of the time before alike.
 */
const samplesMax: SampleLimits = { spans: 40_000, logs: 20_000, read: 1_000_000 };
/** Spans that a question reads at most, about; of busier times less of the time before is looked at. */
const rowsReadMax = 6_000_000;
/** A service with fewer requests than this per point of a series shows its load, errors and times in none. */
const requestsPerPointMin = 0.5;
const changesMax = 500;
const changeLookbackMs = 6 * 3_600_000;
const answerMsMax = 10_000;

export interface IncidentQuestion {
  tenant: string;
  /** When somebody noticed. */
  at: EpochMs;
  window: TimeWindow;
  baseline: TimeWindow;
  symptom: Symptom | null;
}

export interface IncidentReader {
  store: Pick<DetailStore, 'query'>;
  /** What stands on what, as far as it is known beside the calls. */
  edges: (tenant: string, at: EpochMs) => Promise<TopologyEdge[]>;
}

/** Reads an incident by a handful of bounded questions; what was left out stands in its caveats. */
export async function readIncident(reader: IncidentReader, question: IncidentQuestion): Promise<Incident> {
  const { tenant, at, window, baseline, symptom } = question;
  const span = { from: Math.min(baseline.from, window.from), to: window.to };
  const caveats: Caveat[] = [];
  const ask = askOf(reader.store, tenant);
  const grainS = Math.max(grainSMin, Math.ceil((span.to - span.from) / 1000 / pointsPerSeries));
  const perMs = await rowsPerMs(ask, 'otel_traces', span);
  const looked = Math.max(span.to - rowsReadMax / Math.max(perMs, 1e-9), span.from);
  if (looked > span.from && looked < window.from)
    caveats.push(
      caveat(
        'otel_traces',
        sentence('caveat.short_baseline', { minutes: Math.round((baseline.to - looked) / 60_000) }),
      ),
    );
  const series = [
    ...(await requestSeries(
      ask,
      { from: Math.min(looked, baseline.to - grainS * 10_000), to: span.to },
      grainS,
    )),
    ...(await metricSeries(ask, span, grainS, caveats)),
  ];
  const { spans, logs } = await sampled(ask, question, { perMs, span }, caveats, samplesMax);
  return {
    name: `${tenant} ${new Date(at).toISOString()}`,
    at,
    symptom,
    alert: null,
    window,
    baseline,
    series,
    spans,
    logs,
    calls: [],
    edges: await reader.edges(tenant, at),
    events: await changes(ask, { from: window.from - changeLookbackMs, to: window.to }),
    caveats,
    files: {},
  };
}

interface SampleLimits {
  spans: number;
  logs: number;
  read: number;
}

/** An even sample of spans and records of an incident and of the time before; what was left out stands in the caveats. */
export async function readSamples(
  store: Pick<DetailStore, 'query'>,
  question: Omit<IncidentQuestion, 'symptom'>,
  limits: SampleLimits,
): Promise<Pick<Incident, 'spans' | 'logs' | 'caveats'>> {
  const { tenant, window, baseline } = question;
  const caveats: Caveat[] = [];
  const ask = askOf(store, tenant);
  const span = { from: baseline.from, to: window.to };
  const perMs = await rowsPerMs(ask, 'otel_traces', span);
  return { ...(await sampled(ask, question, { perMs, span }, caveats, limits)), caveats };
}

async function sampled(
  ask: Ask,
  question: Omit<IncidentQuestion, 'symptom'>,
  { perMs, span }: { perMs: number; span: TimeWindow },
  caveats: Caveat[],
  limits: SampleLimits,
): Promise<Pick<Incident, 'spans' | 'logs'>> {
  const parts = partsOf(question, perMs, limits.read);
  const spans = finished(await sampledSpans(ask, parts, caveats, limits.spans), parts.during.to);
  const logsPerMs = await rowsPerMs(ask, 'otel_logs', span);
  return {
    spans,
    logs: await sampledLogs(ask, partsOf(question, logsPerMs, limits.read), caveats, limits.logs),
  };
}

/** The times that rows are read of: all, or of busy systems as much as may be read, next before it began and around when it was noticed. */
function partsOf(
  { window, baseline, at }: Omit<IncidentQuestion, 'symptom'>,
  rowsPerMs: number,
  readMax: number,
): Parts {
  const ms = readMax / Math.max(rowsPerMs, 1e-9);
  const from = Math.max(window.from, Math.min(at - ms / 2, window.to - ms));
  return {
    before: { from: Math.max(baseline.from, baseline.to - ms), to: baseline.to },
    during: { from, to: Math.min(window.to, from + ms) },
  };
}

type Ask = <Row>(
  name: string,
  window: TimeWindow,
  sql: string,
  params?: Record<string, QueryParam>,
  rowsMax?: number,
) => Promise<Row[]>;

const askOf =
  (store: Pick<DetailStore, 'query'>, tenant: string): Ask =>
  async (name, window, sql, params = {}, rowsResultMax = seriesMax) => {
    const limits = { timeMsMax: answerMsMax, rowsResultMax };
    const query = { name: `diagnose.incident_${name}`, tenant, window, sql, params, limits };
    return (await store.query<never>(query)).rows;
  };

const within =
  'Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(9)} AND Timestamp < {to:DateTime64(9)}';

type Table = 'otel_traces' | 'otel_logs';

async function rowsIn(ask: Ask, table: Table, when: TimeWindow): Promise<number> {
  const [row] = await ask<{ n: number }>(
    'rows',
    when,
    `SELECT toFloat64(count()) AS n FROM ${table} WHERE ${within}`,
  );
  return row?.n ?? 0;
}

const rowsPerMs = async (ask: Ask, table: Table, when: TimeWindow): Promise<number> =>
  (await rowsIn(ask, table, when)) / Math.max(1, when.to - when.from);

/** One row or trace of how many is read, so that no more than `rowsMax` are: the same of before and during, for counts are compared. */
async function shareOf(ask: Ask, table: Table, { before, during }: Parts, rowsMax: number): Promise<number> {
  const total = (await rowsIn(ask, table, before)) + (await rowsIn(ask, table, during));
  return Math.max(1, Math.ceil(total / rowsMax));
}

interface RequestRow {
  service: string;
  at: number[];
  rate: number[];
  errors: number[];
  mean: number[];
  p95: number[];
}

/** Rate, errors and duration of each service's own requests. Attributes are not read: of millions of spans they cost seconds. */
async function requestSeries(ask: Ask, span: TimeWindow, grainS: number): Promise<Series[]> {
  const rows = await ask<RequestRow>(
    'requests',
    span,
    `SELECT service, groupArray(at) AS at, groupArray(rate) AS rate, groupArray(errors) AS errors, groupArray(mean) AS mean, groupArray(p95) AS p95
FROM (SELECT toString(ServiceName) AS service, toUnixTimestamp(toStartOfInterval(Timestamp, INTERVAL {grain:UInt32} SECOND)) AS at,
    count() AS n, n / {grain:UInt32} AS rate, countIf(StatusCode = 'Error') / count() AS errors, avg(Duration) / 1e6 AS mean, quantileTiming(0.95)(Duration / 1e6) AS p95
  FROM otel_traces WHERE ${within} AND ${isServerSpan} GROUP BY service, at ORDER BY service, at)
GROUP BY service HAVING sum(n) >= {least:Float64} LIMIT ${seriesMax}`,
    { grain: grainS, least: (requestsPerPointMin * (span.to - span.from)) / 1000 / grainS },
  );
  return rows.flatMap((row) => {
    const times = row.at.map((second) => second * 1000);
    const one = (metric: string, values: number[]): Series => ({
      service: row.service,
      metric,
      times,
      values,
    });
    return [
      one('request_rate', row.rate),
      one('error_ratio', row.errors),
      one('latency_mean_ms', row.mean),
      one('latency_p95_ms', row.p95),
    ];
  });
}

interface MetricRow {
  service: string;
  metric: string;
  labels: Record<string, string>;
  counter: number;
  points: [number, number][];
}

/** Every metric; counters as their rise per second. */
async function metricSeries(
  ask: Ask,
  span: TimeWindow,
  grainS: number,
  caveats: Caveat[],
): Promise<Series[]> {
  const rows = await ask<MetricRow>(
    'metrics',
    span,
    `SELECT any(service) AS service, any(metric) AS metric, any(s.labels) AS labels, any(s.counter) AS counter, arraySort(groupArray((at, value))) AS points
FROM (SELECT SeriesId, any(toString(ServiceName)) AS service, any(toString(MetricName)) AS metric,
    toUnixTimestamp(toStartOfInterval(Timestamp, INTERVAL {grain:UInt32} SECOND)) AS at, argMax(Value, Timestamp) AS value
  FROM metric_samples WHERE ${within} AND isFinite(Value) GROUP BY SeriesId, at) AS samples
LEFT JOIN (SELECT SeriesId, any(Attributes) AS labels, max(IsMonotonic AND Temporality != 'Delta') AS counter
  FROM metric_series WHERE Tenant = {tenant:String} GROUP BY SeriesId) AS s USING SeriesId
GROUP BY SeriesId ORDER BY metric, service, SeriesId LIMIT ${seriesMax + 1}`,
    { grain: grainS },
    seriesMax + 1,
  );
  if (rows.length > seriesMax)
    caveats.push(caveat('metric_samples', sentence('caveat.series_limit', { limit: seriesMax })));
  const series = rows.slice(0, seriesMax).map((row) => {
    const told = row.points.map(([second, value]) => ({ at: second * 1000, value }));
    const points = row.counter === 1 ? ratesOf(told) : told;
    return {
      service: row.service,
      metric: seriesName(row.metric, row.labels),
      times: points.map((point) => point.at),
      values: points.map((point) => point.value),
    };
  });
  return chained(series);
}

interface Parts {
  before: TimeWindow;
  during: TimeWindow;
}

/** Not at once: each takes both cores, and the memory of one is enough. */
const inTurn = async <Row>(
  { before, during }: Parts,
  read: (part: TimeWindow) => Promise<Row[]>,
): Promise<Row[]> => [...(await read(before)), ...(await read(during))];

interface SpanAnswer {
  trace: string;
  span: string;
  parent: string;
  service: string;
  name: string;
  kind: string;
  start: number;
  ms: number;
  failed: number;
  message: string;
  version: string;
  attributes: Record<string, string>;
}

/** Senders tell in batches: of requests that ended right before the end a part may not have come, or lies beyond it. */
const batchMs = 1_000;

/** Without the traces that a window's end cuts off: what they lack is no sign of anything. */
function finished(spans: readonly SpanRow[], until: EpochMs): SpanRow[] {
  const open = new Set(
    spans.filter((span) => span.start + span.durationMs > until - batchMs).map((span) => span.traceId),
  );
  return spans.filter((span) => !open.has(span.traceId));
}

/** Whole traces, an even share of them. */
async function sampledSpans(ask: Ask, parts: Parts, caveats: Caveat[], spansMax: number): Promise<SpanRow[]> {
  const share = await shareOf(ask, 'otel_traces', parts, spansMax);
  if (share > 1) caveats.push(caveat('otel_traces', sentence('caveat.trace_share', { share })));
  const sql = `SELECT TraceId AS trace, SpanId AS span, ParentSpanId AS parent, toString(ServiceName) AS service, toString(SpanName) AS name, lower(toString(SpanKind)) AS kind,
  toUnixTimestamp64Micro(Timestamp) / 1000 AS start, Duration / 1e6 AS ms, toUInt8(StatusCode = 'Error' OR ${spanFailed}) AS failed, StatusMessage AS message, ResourceAttributes['service.version'] AS version, SpanAttributes AS attributes
FROM otel_traces WHERE ${within} AND cityHash64(TraceId) % {share:UInt32} = 0 LIMIT ${2 * spansMax}`;
  const rows = await inTurn(parts, (part) => ask<SpanAnswer>('traces', part, sql, { share }, 2 * spansMax));
  const spans = rows.map((row) => ({
    traceId: row.trace,
    spanId: row.span,
    parentId: row.parent,
    service: row.service,
    name: row.name,
    kind: row.kind,
    start: row.start,
    durationMs: row.ms,
    status: row.failed === 1 ? 'ERROR' : 'OK',
    version: row.version,
    attributes: row.message === '' ? row.attributes : { ...row.attributes, 'status.message': row.message },
  }));
  const repeats = new Repeats();
  const once = spans.filter((span) => repeats.isNewSpan(span));
  if (repeats.spans > 0)
    caveats.push(caveat('otel_traces', sentence('caveat.repeated_spans', { count: repeats.spans })));
  return once;
}

interface LogAnswer {
  at: number;
  service: string;
  severity: string;
  body: string;
  trace: string;
  span: string;
  attributes: Record<string, string>;
}

/** An even share of the records of each shape, so that rare ones are there. */
async function sampledLogs(ask: Ask, parts: Parts, caveats: Caveat[], logsMax: number): Promise<LogRow[]> {
  const sql = `SELECT toUnixTimestamp64Micro(Timestamp) / 1000 AS at, toString(ServiceName) AS service, SeverityText AS severity, substring(Body, 1, 2048) AS body,
  TraceId AS trace, SpanId AS span, LogAttributes AS attributes
FROM otel_logs WHERE ${within} AND cityHash64(EventId, Timestamp) % {share:UInt32} = 0 LIMIT ${2 * logsMax}`;
  const share = await shareOf(ask, 'otel_logs', parts, logsMax);
  if (share > 1) caveats.push(caveat('otel_logs', sentence('caveat.record_share', { share })));
  const rows = await inTurn(parts, (part) => ask<LogAnswer>('logs', part, sql, { share }, 2 * logsMax));
  const repeats = new Repeats();
  const once = rows
    .map(({ trace, span, ...row }) => ({ ...row, traceId: trace, spanId: span }))
    .filter((log) => repeats.isNewLog(log, log.at));
  if (repeats.logs > 0)
    caveats.push(caveat('otel_logs', sentence('caveat.repeated_logs', { count: repeats.logs })));
  return once;
}

interface ChangeAnswer {
  at: number;
  kind: string;
  id: string;
  service: string;
  title: string;
  actor: string;
  labels: Record<string, string>;
}

const changes = async (ask: Ask, when: TimeWindow): Promise<Incident['events']> =>
  (
    await ask<ChangeAnswer>(
      'changes',
      when,
      `SELECT toUnixTimestamp64Milli(Timestamp) AS at, toString(Kind) AS kind, Id AS id, toString(ServiceName) AS service, Title AS title, Actor AS actor, Labels AS labels
FROM change_events FINAL WHERE Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(3)} AND Timestamp < {to:DateTime64(3)} ORDER BY at DESC LIMIT ${changesMax}`,
    )
  ).map((row) => ({ ...row, at: Number(row.at), kind: row.kind.toLowerCase() }));
