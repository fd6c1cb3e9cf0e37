import type { DetailQuery } from '../detail/index.ts';
import type { TimeWindow } from '../model/index.ts';

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

/** A cumulative counter needs the sample before the window; senders report at least this often, seconds. */
const counterLookbackS = 120;

export interface MetricRow {
  metric: string;
  service: string;
  labels: Record<string, string>;
  avg_val: number;
  max_val: number;
  p95_val: number;
  samples: number;
}

/**
 * Gauges and delta sums as their values; cumulative monotonic sums as their rate per second (named `….per_second`),
 * because the average of a total says nothing. A total that falls was reset, and then its new value is the increase.
 */
const samplesSql = `
WITH
  {from:DateTime64(3)} AS t_from, {to:DateTime64(3)} AS t_to,
  series AS (
    SELECT SeriesId, argMax(Attributes, LastSeen) AS attributes,
      argMax(IsMonotonic = 1 AND Temporality = 'cumulative', LastSeen) AS counter
    FROM metric_series WHERE Tenant = {tenant:String} GROUP BY SeriesId
  )
SELECT
  if(counter, concat(MetricName, '.per_second'), MetricName) AS metric,
  ServiceName AS service, attributes AS labels,
  arrayAvg(values) AS avg_val, arrayMax(values) AS max_val,
  arrayReduce('quantileExact(0.95)', values) AS p95_val, toFloat64(length(values)) AS samples
FROM (
  SELECT MetricName, ServiceName, attributes, counter,
    arraySort(p -> p.1, groupArray((toUnixTimestamp64Milli(Timestamp), Value))) AS points,
    if(counter,
      arrayFilter(r -> isFinite(r), arrayMap(i ->
        if(points[i].1 >= toUnixTimestamp64Milli(t_from) AND points[i].1 > points[i - 1].1,
          (if(points[i].2 >= points[i - 1].2, points[i].2 - points[i - 1].2, points[i].2)) * 1000 / (points[i].1 - points[i - 1].1),
          nan), arraySlice(arrayEnumerate(points), 2))),
      arrayMap(p -> p.2, arrayFilter(p -> p.1 >= toUnixTimestamp64Milli(t_from), points))) AS values
  FROM metric_samples
  INNER JOIN series USING (SeriesId)
  WHERE Tenant = {tenant:String} AND Timestamp >= t_from - toIntervalSecond({lookback:UInt32}) AND Timestamp < t_to
    AND bitAnd(Flags, 1) = 0 AND isFinite(Value)
  GROUP BY SeriesId, MetricName, ServiceName, attributes, counter
)
WHERE notEmpty(values)
ORDER BY samples DESC, metric, service, toString(attributes)
LIMIT {series_max:UInt32}`;

export const samplesQuery = (tenant: string, window: TimeWindow): DetailQuery => ({
  name: 'rollup.metric_samples',
  tenant,
  window,
  sql: samplesSql,
  params: { lookback: counterLookbackS, series_max: seriesMax + 1 },
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
const servicesSql = `
SELECT service, toFloat64(sum(n)) AS requests,
  toFloat64(max(n)) AS rate_max, toFloat64(quantileExact(0.95)(n)) AS rate_p95,
  sum(failed) / sum(n) AS error_rate, max(failed / n) AS error_max, quantileExact(0.95)(failed / n) AS error_p95,
  sum(ms_sum) / sum(n) AS ms_avg, max(ms_most) AS ms_max, quantileExactMerge(0.95)(ms) AS ms_p95
FROM (
  SELECT ServiceName AS service, count() AS n, countIf(StatusCode = 'Error') AS failed,
    sum(Duration / 1e6) AS ms_sum, max(Duration / 1e6) AS ms_most, quantileExactState(0.95)(Duration / 1e6) AS ms
  FROM otel_traces
  WHERE Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(9)} AND Timestamp < {to:DateTime64(9)}
    AND SpanKind IN ('Server', 'Consumer')
  GROUP BY service, toStartOfSecond(Timestamp)
)
GROUP BY service ORDER BY requests DESC, service LIMIT {services_max:UInt32}`;

/** Services per window that are kept, the busiest first. */
export const servicesMax = 5_000;

export const servicesQuery = (tenant: string, window: TimeWindow): DetailQuery => ({
  name: 'rollup.services',
  tenant,
  window,
  sql: servicesSql,
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
