import type { DetailQuery } from '../detail/index.ts';
import type { TimeWindow } from '../model/index.ts';
import { nameBytesMax, sketch } from './call-sides.ts';
import { heavy } from './slices.ts';
import type { Tables } from './source/tables.ts';

/** Names of the series that we derive from spans ourselves; the columns avg, max and p95 are those of the window. */
export const derivedMetrics = {
  /** Requests per second: avg over the window, max and p95 over its seconds. */
  rate: 'clew.requests_per_second',
  /** Share of failed requests 0–1: avg over the window, max and p95 over its seconds with requests. */
  errors: 'clew.error_rate',
  /** Request duration, milliseconds: avg, max and p95 over the requests. */
  duration: 'clew.duration_ms',
} as const;

/** Series per window that are kept; the ones with the most samples win. */
export const seriesMax = 20_000;

/**
 * A cumulative counter needs the sample before the window; one that is older than this is not compared with, seconds.
 * Prometheus calls a series gone after the same time.
 */
export const counterLookbackS = 300;

/** Names and values of one series' labels together, bytes. A megabyte of label says nothing that a person could read. */
export const labelsBytesMax = 16_384;

export interface MetricRow {
  metric: string;
  service: string;
  labels: Record<string, string>;
  avg_val: number | null;
  max_val: number | null;
  p95_val: number | null;
  samples: number;
}

/** What is known of the series that have samples of the window. */
export const seriesSql = (tables: Tables, samples: string): string => `
  SELECT SeriesId, newest.1 AS attributes, newest.2 AS monotonic, newest.3 AS temporality
  FROM (
    SELECT SeriesId, argMax((mapSort(Attributes), IsMonotonic = 1, toString(Temporality)), LastSeen) AS newest
    FROM ${tables.series}
    WHERE Tenant = {tenant:String} AND SeriesId IN (
      SELECT SeriesId FROM ${samples} WHERE Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(3)} AND Timestamp < {to:DateTime64(3)})
    GROUP BY SeriesId)`;

export const labelsFit = `arraySum(arrayMap((k, v) -> length(k) + length(v), mapKeys(attributes), mapValues(attributes))) <= ${labelsBytesMax}`;
export const metricFits = `MetricName != '' AND length(MetricName) <= ${nameBytesMax} AND ServiceName != '' AND length(ServiceName) <= ${nameBytesMax}`;

/**
 * Gauges as their values; monotonic sums as their rate per second (named `….per_second`), because the average of a total
 * says nothing. Of a cumulative sum each sample counts against the one before it; a total that falls, or that says that it
 * started later, was reset, and then its new value is the increase. A series whose first sample says when it started grew
 * from 0 since then. A delta counts over the time that it says, or else since the sample before.
 *
 * Series that differ only in resource attributes (replicas of a service) are one: their values fall together, their rates
 * add up (the maximum and p95 of a sum of rates are at most the sums given).
 */
const samplesSql = (tables: Tables): string => `
SELECT metric, service, labels,
  if(counter, sum(whole), sum(whole) / sum(n)) AS avg_val, if(counter, sum(most), max(most)) AS max_val,
  if(counter, sum(arrayReduce('quantileExact(0.95)', values)), quantileExactArray(0.95)(values)) AS p95_val, toFloat64(sum(n)) AS samples
FROM (
  SELECT if(counter, concat(MetricName, '.per_second'), MetricName) AS metric, ServiceName AS service, attributes AS labels, counter, values,
    if(counter, arraySum(parts.1) / arraySum(parts.2), arraySum(values)) AS whole, arrayMax(values) AS most, length(values) AS n
  FROM (
    SELECT MetricName, ServiceName, attributes, counter, parts,
      if(counter, arrayMap(r -> r.1 / r.2, parts), points.3) AS values
    FROM (
      SELECT MetricName, ServiceName, attributes, points, monotonic AND temporality IN ('cumulative', 'delta') AS counter,
        arrayFilter(r -> r.2 > 0 AND r.1 >= 0 AND isFinite(r.1), if(counter, arrayMap((p, b) ->
            if(temporality = 'delta',
              (p.3, (p.1 - if(p.2 > 0 AND p.2 < p.1, p.2, b.1)) / 1000),
              (if(p.3 < b.3 OR p.2 > b.1, p.3, p.3 - b.3), (p.1 - b.1) / 1000)),
          points, befores), [])) AS parts
      FROM (
        SELECT SeriesId, MetricName, ServiceName, points,
          -- Without a sample before it the first counts from its start, if it says one that is not long ago.
          arrayPushFront(arrayPopBack(points), multiIf(before.1 > 0, before,
            first.2 > {lookback_ms:Int64} AND first.2 < first.1, (first.2, first.2, 0.), (first.1, toInt64(0), first.3))) AS befores
        FROM (
          SELECT SeriesId, MetricName, ServiceName, arraySort(inside) AS points, points[1] AS first, before
          FROM (
            SELECT SeriesId, MetricName, ServiceName, groupArrayIf(point, own) AS inside, argMaxIf(point, Timestamp, NOT own) AS before
            FROM (
              SELECT SeriesId, MetricName, ServiceName, Timestamp, Timestamp >= {from:DateTime64(3)} AS own,
                (toUnixTimestamp64Milli(Timestamp), toUnixTimestamp64Milli(StartTimestamp), Value) AS point
              FROM ${tables.samples}
              WHERE Tenant = {tenant:String} AND Timestamp >= fromUnixTimestamp64Milli({lookback_ms:Int64}) AND Timestamp < {to:DateTime64(3)}
                AND bitAnd(Flags, 1) = 0 AND isFinite(Value) AND ${metricFits})
            GROUP BY SeriesId, MetricName, ServiceName)
          WHERE notEmpty(inside))) AS points_of
      INNER JOIN (${seriesSql(tables, tables.samples)}) AS series USING (SeriesId)
      WHERE ${labelsFit})
    WHERE NOT counter OR notEmpty(parts)))
GROUP BY metric, service, labels, counter
ORDER BY samples DESC, metric, service, toString(labels)
LIMIT {series_max:UInt32}`;

export const samplesQuery = (tenant: string, window: TimeWindow, tables: Tables): DetailQuery => ({
  name: 'rollup.metric_samples',
  tenant,
  window,
  sql: samplesSql(tables),
  params: { lookback_ms: window.from - counterLookbackS * 1_000, series_max: seriesMax + 1 },
  limits: heavy,
});

export interface ServiceRow {
  service: string;
  requests: number;
  rate_max: number;
  rate_p95: number;
  error_rate: number;
  error_max: number;
  error_p95: number;
  ms_avg: number;
  ms_max: number;
  ms_p95: number;
}

/** What each service was asked: server and consumer spans, first per second, then over the window. */
const servicesSql = (traces: string): string => `
SELECT service, toFloat64(sum(n)) AS requests,
  toFloat64(max(n)) AS rate_max, toFloat64(quantileExact(0.95)(n)) AS rate_p95,
  sum(failed) / sum(n) AS error_rate, max(failed / n) AS error_max, quantileExact(0.95)(failed / n) AS error_p95,
  sum(ms_sum) / sum(n) AS ms_avg, max(ms_most) AS ms_max, ${sketch.replace('(', 'Merge(')}(ms)[2] AS ms_p95
FROM (
  SELECT ServiceName AS service, count() AS n, countIf(StatusCode = 'Error') AS failed,
    sum(Duration / 1e6) AS ms_sum, max(Duration / 1e6) AS ms_most, ${sketch.replace('(', 'State(')}(Duration / 1e6) AS ms
  FROM ${traces}
  WHERE Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(9)} AND Timestamp < {to:DateTime64(9)}
    AND SpanKind IN ('Server', 'Consumer') AND ServiceName != '' AND length(ServiceName) <= ${nameBytesMax}
  GROUP BY service, toStartOfSecond(Timestamp)
)
GROUP BY service ORDER BY requests DESC, service LIMIT {services_max:UInt32}`;

/** Services per window that are kept, the busiest first. */
export const servicesMax = 5_000;

export const servicesQuery = (
  tenant: string,
  window: TimeWindow,
  tables: Pick<Tables, 'traces'> = { traces: 'otel_traces' },
): DetailQuery => ({
  name: 'rollup.services',
  tenant,
  window,
  sql: servicesSql(tables.traces),
  params: { services_max: servicesMax + 1 },
});

/** The three derived series of each service. */
export function derivedRows(rows: readonly ServiceRow[], windowS: number): MetricRow[] {
  return rows.flatMap((row) => {
    const of = (metric: string, avg_val: number, max_val: number, p95_val: number): MetricRow => ({
      metric,
      service: row.service,
      labels: {},
      avg_val,
      max_val,
      p95_val,
      samples: row.requests,
    });
    return [
      of(derivedMetrics.rate, row.requests / windowS, row.rate_max, row.rate_p95),
      of(derivedMetrics.errors, row.error_rate, row.error_max, row.error_p95),
      of(derivedMetrics.duration, row.ms_avg, row.ms_max, row.ms_p95),
    ];
  });
}
