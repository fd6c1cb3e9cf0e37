import type { Queryable } from '../../ledger/index.ts';
import {
  iso,
  type MetricLine,
  type MetricLook,
  type MetricName,
  type SeriesStat,
  type TimeWindow,
  type UnusualTime,
} from '../../model/index.ts';
import { derivedMetrics } from '../../rollup/index.ts';
import { median, spread } from '../series/robust.ts';

/** Names of one answer; a person who sees more does not read them, the search narrows. */
const namesMax = 500;
/** Names are gathered from the end of a long window: what came in its last two hours. */
const namesWindowMs = 7_200_000;
export const seriesMax = 20;
/** Points of a line; wider windows have longer steps. */
const pointsMax = 240;
const minuteMs = 60_000;
/** How much before the window tells what is usual. */
const usualMs = { least: 1_800_000, most: 21_600_000 };
/** Fewer points before it say nothing about what is usual. */
const usualPointsMin = 5;
/** Band of what is usual: standard deviations around the median. */
const bandSigmas = 3;
/** An event is written some minutes after what it is about, and what it tells of may last for hours. */
const eventDelayMs = 900_000;
const eventLastsMsMax = 21_600_000;
const eventsMax = 500;

const namesSql = `SELECT m.metric, (array_agg(DISTINCT r.name ORDER BY r.name))[1:8] AS services, count(DISTINCT (m.resource_id, m.labels_hash))::int AS series
  FROM metric_1m m JOIN dim_resource r ON r.resource_id = m.resource_id
  WHERE m.tenant_id = $1 AND m.bucket >= $2 AND m.bucket < $3 AND ($4::text IS NULL OR r.name = $4)
  GROUP BY m.metric ORDER BY m.metric LIMIT ${namesMax}`;

/** Names of the metrics that have points in a window, of one service or of all. */
export async function metricNames(
  ledger: Queryable,
  tenantId: number,
  window: TimeWindow,
  service: string | undefined,
): Promise<MetricName[]> {
  const from = Math.max(window.from, window.to - namesWindowMs);
  return ledger.query<MetricName>(namesSql, [tenantId, iso(from), iso(window.to), service ?? null]);
}

const columns: Record<SeriesStat, { value: string; merged: string }> = {
  avg: { value: 'coalesce(m.avg_val, m.p95_val)', merged: 'avg' },
  p95: { value: 'coalesce(m.p95_val, m.avg_val)', merged: 'max' },
  max: { value: 'coalesce(m.max_val, m.p95_val, m.avg_val)', merged: 'max' },
};

// A counter is kept as its rate under a name of its own; asked by the counter's name it is meant. Largest lines first: the
// twenty that a chart can hold are those that a person looks for.
const pointsSql = (stat: SeriesStat): string => `
WITH chosen AS (
  SELECT m.resource_id, m.metric, m.labels_hash, r.name, r.urn, min(m.labels::text) AS labels, max(abs(${columns[stat].value})) AS largest
    FROM metric_1m m JOIN dim_resource r ON r.resource_id = m.resource_id
   WHERE m.tenant_id = $1 AND m.metric IN ($2, $2 || '.per_second') AND m.bucket >= $4 AND m.bucket < $5
     AND ($6::text IS NULL OR r.name = $6)
   GROUP BY m.resource_id, m.metric, m.labels_hash, r.name, r.urn
   ORDER BY largest DESC NULLS LAST, r.name, m.labels_hash LIMIT ${seriesMax + 1})
SELECT c.resource_id::text AS resource_id, c.metric, c.labels_hash, c.name, c.urn, c.labels,
       (floor(extract(epoch FROM m.bucket) / $7) * $7)::float8 AS at_s, ${columns[stat].merged}(${columns[stat].value}) AS value
  FROM chosen c JOIN metric_1m m
    ON m.tenant_id = $1 AND m.resource_id = c.resource_id AND m.metric = c.metric AND m.labels_hash = c.labels_hash
 WHERE m.bucket >= $3 AND m.bucket < $5
 GROUP BY c.resource_id, c.metric, c.labels_hash, c.name, c.urn, c.labels, c.largest, at_s
 ORDER BY c.largest DESC NULLS LAST, c.name, c.labels_hash, at_s`;

interface PointRow {
  resource_id: string;
  metric: string;
  labels_hash: string;
  name: string;
  urn: string;
  labels: string;
  at_s: number;
  value: number | null;
}

export type Look = Omit<MetricLook, 'unit' | 'stat'>;

/** The lines of a metric over a window, what is usual for each, and where it was not. */
export async function lookAtMetric(
  ledger: Queryable,
  tenantId: number,
  window: TimeWindow,
  asked: { metric: string; stat: SeriesStat; service?: string | undefined },
): Promise<Look> {
  const span = window.to - window.from;
  const stepMs = Math.ceil(Math.max(span, minuteMs) / pointsMax / minuteMs) * minuteMs;
  const before = Math.min(usualMs.most, Math.max(usualMs.least, span));
  const rows = await ledger.query<PointRow>(pointsSql(asked.stat), [
    tenantId,
    asked.metric,
    iso(window.from - before),
    iso(window.from),
    iso(window.to),
    asked.service ?? null,
    stepMs / 1_000,
  ]);
  const bySeries = Map.groupBy(rows, (row) => `metric:${row.resource_id}:${row.metric}:${row.labels_hash}`);
  const events = await unusualOf(ledger, tenantId, window, [...bySeries.keys()]);
  const found = [...bySeries].slice(0, seriesMax).map(([key, own]): MetricLine => {
    const [first] = own as [PointRow];
    const unusual = events.filter((event) => isAbout(event, key, first));
    return {
      key,
      service: first.name,
      urn: first.urn,
      labels: JSON.parse(first.labels) as Record<string, string>,
      points: gridded(own, window, stepMs),
      usual: usualIn(own, window, unusual),
      unusual,
    };
  });
  return {
    metric: rows[0]?.metric ?? asked.metric,
    step_ms: stepMs,
    series: found,
    truncated: bySeries.size > seriesMax,
  };
}

/** A point for every step: where nothing was measured the line has a gap. */
function gridded(rows: PointRow[], window: TimeWindow, stepMs: number): MetricLine['points'] {
  const values = new Map(rows.map((row) => [row.at_s * 1_000, row.value]));
  const first = Math.ceil(window.from / stepMs) * stepMs;
  const steps = Math.max(0, Math.ceil((window.to - first) / stepMs));
  return Array.from({ length: steps }, (_, i) => ({
    at: first + i * stepMs,
    value: values.get(first + i * stepMs) ?? null,
  }));
}

function usualIn(rows: PointRow[], window: TimeWindow, unusual: UnusualTime[]): MetricLine['usual'] {
  const valuesBefore = (end: number): number[] =>
    rows.flatMap((row) => (row.at_s * 1_000 < end && row.value !== null ? [row.value] : []));
  const firstUnusual = Math.min(...unusual.map((event) => event.from));
  let values = valuesBefore(Math.min(window.from, firstUnusual));
  if (values.length < usualPointsMin && Number.isFinite(firstUnusual)) values = valuesBefore(firstUnusual);
  if (values.length < usualPointsMin) return null;
  const middle = median(values);
  const away = bandSigmas * spread(values, middle);
  // What is never negative has no usual range below zero.
  const floor = values.every((value) => value >= 0) ? 0 : Number.NEGATIVE_INFINITY;
  return {
    median: middle,
    low: Math.max(floor, middle - away),
    high: middle + away,
    points: values.length,
  };
}

const eventsSql = `SELECT event_id::text AS id, kind, severity::text AS severity, coalesce(title, '') AS title, labels,
    extract(epoch FROM detected_at)::float8 * 1000 AS detected_at
  FROM event_envelope
  WHERE tenant_id = $1 AND kind IN ('anomaly', 'slo_violation') AND detected_at >= $2 AND detected_at < $3
    AND (labels->>'series' = ANY($4::text[]) OR labels->>'series' IS NULL)
  ORDER BY detected_at DESC LIMIT ${eventsMax}`;

interface EventRow {
  id: string;
  kind: string;
  severity: string;
  title: string;
  labels: Record<string, unknown>;
  detected_at: number;
}

async function unusualOf(
  ledger: Queryable,
  tenantId: number,
  window: TimeWindow,
  keys: string[],
): Promise<UnusualTime[]> {
  if (keys.length === 0) return [];
  const until = window.to + eventDelayMs;
  const rows = await ledger.query<EventRow>(eventsSql, [
    tenantId,
    iso(window.from - eventLastsMsMax),
    iso(until),
    keys,
  ]);
  return rows.flatMap(({ id, labels, detected_at, ...row }) => {
    const number = (name: string): number | undefined =>
      typeof labels[name] === 'number' ? labels[name] : undefined;
    const from = number('since') ?? number('onset_from') ?? detected_at;
    // Detection tells when what it watches by the second is over; until then it lasts.
    const lasting =
      labels.series === undefined ? window.to : Math.max(from, number('onset_to') ?? detected_at);
    const to = number('resolved_at') ?? lasting;
    return to < window.from || from >= window.to ? [] : [{ ...row, event_id: id, labels, from, to }];
  });
}

/** Indicators that detection watches by the second, and the metric of the ledger that shows the same. */
const metricOfIndicator: Record<string, string> = {
  latency_p95: derivedMetrics.duration,
  error_rate: derivedMetrics.errors,
  availability: derivedMetrics.errors,
  throughput: derivedMetrics.rate,
};

const isAbout = ({ labels }: UnusualTime, key: string, series: PointRow): boolean =>
  labels.series === undefined
    ? labels.service === series.name && metricOfIndicator[String(labels.indicator)] === series.metric
    : labels.series === key;
