import type { DetailQuery, DetailStore, QueryStatistics } from '../detail/contract.ts';
import { type EpochMs, type Severity, severities, type TimeWindow } from '../model/index.ts';
import { addStatistics, bindUInt64s, createBinder, joinClauses, noStatistics, windowMs } from './clause.ts';
import { type LogFilter, logClauses, severityAt, severityIndexSql } from './log-filter.ts';
import { collapseDigits, type PatternLookup, patternIdOf, type Template } from './templates.ts';
import { type Buckets, bucketStarts, bucketsOf } from './window.ts';

export interface LogPattern {
  patternId: string | null;
  template: string;
  /** What a person calls it; '' when nobody named it. */
  name: string;
  /** Services that sent it, at most `servicesMax`. */
  services: string[];
  /** The worst severity seen. */
  severity: Severity;
  count: number;
  errorCount: number;
  firstSeen: EpochMs;
  lastSeen: EpochMs;
  spark: number[];
  /** Not seen before the window (as far as an equally long look back, at least an hour, can tell). */
  isNew: boolean;
}

export interface LogPatterns {
  patterns: LogPattern[];
  stepMs: number;
  at: EpochMs[];
  /** True when there were more shapes than were read: rare ones are then missing. */
  truncated: boolean;
  statistics: QueryStatistics;
}

// A service has tens to hundreds of shapes; this holds a large system, and a flood of random text is cut.
const shapesMax = 5_000;
const servicesMax = 16;
const sparkBuckets = 30;
const lookBackMsMin = 3_600_000;

interface StoredShape {
  shape: string;
  severity: number;
  records: string;
  errors: string;
  first_ms: string;
  last_ms: string;
  sample_id: string;
  services: string[];
  spark: [number, string][];
}

/** Counts by shape and bucket first, then by shape: one pass without reading a body. */
export function shapesQuery(
  tenant: string,
  window: TimeWindow,
  filter: LogFilter,
  buckets: Buckets,
): DetailQuery {
  const binder = createBinder();
  const clauses = logClauses(filter, binder);
  const origin = binder.bind('Int64', buckets.origin);
  const step = binder.bind('Int64', buckets.stepMs);
  return {
    name: 'logs.patterns',
    tenant,
    window,
    params: binder.params,
    sql: `SELECT toString(shape_id) AS shape, max(worst) AS severity, sum(n) AS records, sum(e) AS errors,
  min(first_at) AS first_ms, max(last_at) AS last_ms, toString(argMax(newest, last_at)) AS sample_id,
  groupUniqArrayArray(${servicesMax})(services_of) AS services, groupArray((bucket, n)) AS spark
FROM (
  SELECT Shape AS shape_id, toUInt32(intDiv(toUnixTimestamp64Milli(Timestamp) - ${origin}, ${step})) AS bucket,
    max(${severityIndexSql}) AS worst, count() AS n, countIf(SeverityNumber >= 17) AS e,
    toUnixTimestamp64Milli(min(Timestamp)) AS first_at, toUnixTimestamp64Milli(max(Timestamp)) AS last_at,
    argMax(EventId, Timestamp) AS newest, groupUniqArray(${servicesMax})(toString(ServiceName)) AS services_of
  FROM otel_logs
  WHERE ${joinClauses(clauses)}
  GROUP BY shape_id, bucket
)
GROUP BY shape_id
ORDER BY records DESC, shape_id
LIMIT ${shapesMax + 1}`,
  };
}

/** One message per shape, found by the ids that the first query chose; `Shape` prunes granules by its set index. */
export function samplesQuery(
  tenant: string,
  window: TimeWindow,
  rows: readonly { shape: string; sample_id: string }[],
): DetailQuery {
  const binder = createBinder();
  const shapes = bindUInt64s(
    binder,
    rows.map((row) => row.shape),
  );
  const ids = bindUInt64s(
    binder,
    rows.map((row) => row.sample_id),
  );
  return {
    name: 'logs.patterns.samples',
    tenant,
    window,
    params: binder.params,
    sql: `SELECT toString(Shape) AS shape, Body AS body
FROM otel_logs
PREWHERE Shape IN ${shapes} AND EventId IN ${ids}
WHERE ${joinClauses([])}
LIMIT 1 BY Shape`,
  };
}

export function knownShapesQuery(
  tenant: string,
  window: TimeWindow,
  services: readonly string[] | undefined,
): DetailQuery {
  const binder = createBinder();
  const clauses = logClauses(services ? { services } : {}, binder);
  return {
    name: 'logs.patterns.known',
    tenant,
    window,
    params: binder.params,
    sql: `SELECT DISTINCT toString(Shape) AS shape
FROM otel_logs
WHERE ${joinClauses(clauses)}
LIMIT 100000`,
  };
}

export async function logPatterns(
  detail: DetailStore,
  tenant: string,
  window: TimeWindow,
  filter: LogFilter,
  lookup: PatternLookup,
): Promise<LogPatterns> {
  const buckets = bucketsOf(window, sparkBuckets);
  const result = await detail.query<StoredShape>(shapesQuery(tenant, window, filter, buckets));
  const stored = result.rows.slice(0, shapesMax);
  const shapes = stored.map((row) => row.shape);
  const templates = lookup.templatesOf
    ? await lookup.templatesOf(tenant, shapes)
    : new Map<string, Template>();
  const unknown = stored.filter((row) => !templates.has(row.shape));
  const samples = await readSamples(detail, tenant, unknown);
  const novelty = await readNovelty(detail, tenant, window, filter, stored);
  const patterns = new Map<string, LogPattern>();
  for (const row of stored) {
    const patternId = patternIdOf(row.shape, templates);
    const known = templates.get(row.shape);
    const next: LogPattern = {
      patternId,
      template: known?.template ?? collapseDigits(samples.messages.get(row.shape) ?? ''),
      name: known?.name ?? '',
      services: row.services,
      severity: severityAt(row.severity),
      count: Number(row.records),
      errorCount: Number(row.errors),
      firstSeen: Number(row.first_ms),
      lastSeen: Number(row.last_ms),
      spark: sparkOf(row.spark, buckets.count),
      isNew: novelty.isNew(row, known?.firstSeen),
    };
    const key = patternId ?? '';
    const seen = patterns.get(key);
    patterns.set(key, seen ? merge(seen, next) : next);
  }
  return {
    patterns: [...patterns.values()].map(inOrder).sort((a, b) => b.count - a.count),
    stepMs: buckets.stepMs,
    at: bucketStarts(buckets),
    truncated: result.rows.length > shapesMax,
    statistics: addStatistics(result.statistics, samples.statistics, novelty.statistics),
  };
}

async function readSamples(
  detail: DetailStore,
  tenant: string,
  rows: readonly StoredShape[],
): Promise<{ messages: Map<string, string>; statistics: QueryStatistics }> {
  if (rows.length === 0) return { messages: new Map(), statistics: noStatistics };
  // The samples are the newest of their shapes, so they lie close together: most of the window needs no reading.
  const newest = rows.map((row) => Number(row.last_ms));
  const window = { from: Math.min(...newest), to: Math.max(...newest) + 1 };
  const result = await detail.query<{ shape: string; body: string }>(samplesQuery(tenant, window, rows));
  return {
    messages: new Map(result.rows.map((row) => [row.shape, row.body])),
    statistics: result.statistics,
  };
}

/**
 * What was not there before the window is new in it. With nothing stored before, the first minute of the window takes
 * its place: what a system logs while it starts is not news.
 */
async function readNovelty(
  detail: DetailStore,
  tenant: string,
  window: TimeWindow,
  filter: LogFilter,
  stored: readonly StoredShape[],
): Promise<{ isNew: (row: StoredShape, knownSince?: EpochMs) => boolean; statistics: QueryStatistics }> {
  const before = { from: window.from - Math.max(lookBackMsMin, windowMs(window)), to: window.from };
  const result = await detail.query<{ shape: string }>(knownShapesQuery(tenant, before, filter.services));
  const known = new Set(result.rows.map((row) => row.shape));
  const start = stored.reduce((earliest, row) => Math.min(earliest, Number(row.first_ms)), Infinity);
  return {
    isNew: (row, knownSince) =>
      known.size > 0
        ? (knownSince ?? window.from) >= window.from && !known.has(row.shape)
        : Number(row.first_ms) >= start + firstMinuteMs,
    statistics: result.statistics,
  };
}

const firstMinuteMs = 60_000;

function sparkOf(points: readonly [number, string][], count: number): number[] {
  const spark = new Array<number>(count).fill(0);
  for (const [bucket, n] of points) if (bucket < count) spark[bucket] = Number(n);
  return spark;
}

const inOrder = (pattern: LogPattern): LogPattern => ({ ...pattern, services: [...pattern.services].sort() });

const merge = (a: LogPattern, b: LogPattern): LogPattern => ({
  patternId: a.patternId,
  template: a.template,
  name: a.name,
  services: [...new Set([...a.services, ...b.services])].slice(0, servicesMax),
  severity: severities.indexOf(a.severity) >= severities.indexOf(b.severity) ? a.severity : b.severity,
  count: a.count + b.count,
  errorCount: a.errorCount + b.errorCount,
  firstSeen: Math.min(a.firstSeen, b.firstSeen),
  lastSeen: Math.max(a.lastSeen, b.lastSeen),
  spark: a.spark.map((n, i) => n + (b.spark[i] ?? 0)),
  isNew: a.isNew && b.isNew,
});
