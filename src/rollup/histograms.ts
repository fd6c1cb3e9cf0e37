import type { DetailQuery } from '../detail/index.ts';
import type { TimeWindow } from '../model/index.ts';
import {
  counterLookbackS,
  labelsBytesMax,
  labelsFit,
  type MetricRow,
  metricFits,
  seriesSql,
} from './metrics.ts';
import { type Buckets, bucketMaximum, bucketQuantile, mergeBuckets } from './quantile.ts';
import { heavy } from './slices.ts';
import type { Tables } from './source/tables.ts';

/** Series of histograms per window that are kept; the ones with the most observations win. */
export const histogramSeriesMax = 5_000;

/** What one series of histograms or summaries observed in a window. */
export interface HistogramRow {
  metric: string;
  service: string;
  labels: Record<string, string>;
  count: number;
  sum: number;
  /** Largest value, where every point of the window says its own (delta temporality); NaN as text otherwise. */
  max: number | string;
  /** Explicit buckets: one count more than bounds. */
  bounds: number[];
  counts: number[];
  /** Exponential buckets at `scale`: index to count. */
  scale: number;
  zero: number;
  positive: [number[], number[]];
  negative: [number[], number[]];
  /** Summaries: what the sender computed itself, of its newest point. */
  quantiles: number[];
  quantile_values: (number | string)[];
}

// A point of a cumulative series counts what came since the one before it. Written out, every point of the window is added
// and the one before each is taken away, unless the series was reset between them: so a point's factor is 1, 0 or -1, and
// buckets are added up by `sumForEach` and, for exponential ones at the smallest scale of all, by `sumMap`.
const histogramsSql = (tables: Tables): string => `
WITH {from:DateTime64(3)} AS t_from, {to:DateTime64(3)} AS t_to
SELECT metric, service, labels, sum_count AS count, sum_sum AS sum, max_known AS max,
  bounds, arrayMap(x -> toFloat64(x), arrayReduce('sumForEach', arrayMap((p, f) -> arrayMap(c -> toInt64(c) * f, p.6), points, factors))) AS counts,
  scale, toFloat64(arraySum((p, f) -> toInt64(p.8) * f, points, factors)) AS zero,
  arrayReduce('sumMap', arrayMap(p -> arrayMap(i -> toInt32(floor((p.9 + i - 1) / exp2(p.7 - scale))), arrayEnumerate(p.10)), points),
    arrayMap((p, f) -> arrayMap(c -> toFloat64(toInt64(c) * f), p.10), points, factors)) AS positive,
  arrayReduce('sumMap', arrayMap(p -> arrayMap(i -> toInt32(floor((p.11 + i - 1) / exp2(p.7 - scale))), arrayEnumerate(p.12)), points),
    arrayMap((p, f) -> arrayMap(c -> toFloat64(toInt64(c) * f), p.12), points, factors)) AS negative,
  quantiles, points[-1].13 AS quantile_values
FROM (
  SELECT metric, service, labels, bounds, quantiles, points, factors, arrayMin(p -> if(empty(p.10) AND empty(p.12), 20, p.7), points) AS scale,
    toFloat64(arraySum((p, f) -> toInt64(p.3) * f, points, factors)) AS sum_count,
    arraySum((p, f) -> if(f = 0, 0., p.4 * f), points, factors) AS sum_sum,
    if(temporality = 'delta', arrayMax(points.5), nan) AS max_known
  FROM (
    SELECT MetricName AS metric, ServiceName AS service, attributes AS labels, bounds, quantiles, temporality, all_points AS points,
      -- 1 for a point of the window that has something before it; less 1 for a point that another one continues.
      arrayMap((inside, based, continued) -> toInt64(inside AND based) - toInt64(continued),
        arrayMap(p -> p.1 >= toUnixTimestamp64Milli(t_from), all_points),
        arrayMap((p, i) -> temporality = 'delta' OR i > 1 OR (p.2 > toUnixTimestamp64Milli(t_from) - 1000 * {lookback:UInt32}), all_points, arrayEnumerate(all_points)),
        if(temporality = 'delta', arrayMap(p -> 0, all_points),
          arrayPushBack(arrayMap((p, q) -> NOT (q.3 < p.3 OR q.2 > p.1), arrayPopBack(all_points), arrayPopFront(all_points)), 0))
      ) AS factors
    FROM (
      SELECT SeriesId, MetricName, ServiceName, bounds, quantiles,
        arraySort(p -> p.1, groupArrayIf(point, Timestamp >= t_from)) AS inside,
        argMaxIf(point, Timestamp, Timestamp < t_from) AS before,
        if(before.1 > 0, arrayPushFront(inside, before), inside) AS all_points
      FROM (
        SELECT SeriesId, MetricName, ServiceName, Timestamp, ExplicitBounds AS bounds, Quantiles AS quantiles,
          (toUnixTimestamp64Milli(Timestamp), toUnixTimestamp64Milli(StartTimestamp), Count, Sum, Max, BucketCounts, Scale, ZeroCount,
           PositiveOffset, PositiveBucketCounts, NegativeOffset, NegativeBucketCounts, QuantileValues) AS point
        FROM ${tables.histograms}
        WHERE Tenant = {tenant:String} AND Timestamp >= t_from - toIntervalSecond({lookback:UInt32}) AND Timestamp < t_to
          AND bitAnd(Flags, 1) = 0 AND isFinite(Sum) AND ${metricFits}
      )
      GROUP BY SeriesId, MetricName, ServiceName, bounds, quantiles
      HAVING notEmpty(inside)
    ) AS points_of
    INNER JOIN (${seriesSql(tables, tables.histograms)}) AS series USING (SeriesId)
    WHERE ${labelsFit}
  )
)
WHERE count > 0
ORDER BY count DESC, metric, service, toString(labels), toString(bounds)
LIMIT {series_max:UInt32}`;

export const histogramsQuery = (tenant: string, window: TimeWindow, tables: Tables): DetailQuery => ({
  name: 'rollup.metric_histograms',
  tenant,
  window,
  sql: histogramsSql(tables),
  params: { lookback: counterLookbackS, series_max: histogramSeriesMax + 1 },
  limits: heavy,
});

/** Series of the window whose labels are too long to be kept. */
export const overlongLabelsQuery = (tenant: string, window: TimeWindow, tables: Tables): DetailQuery => ({
  name: 'rollup.overlong_labels',
  tenant,
  window,
  sql: `WITH {from:DateTime64(3)} AS t_from, {to:DateTime64(3)} AS t_to
SELECT toFloat64(uniqExact(SeriesId)) AS n FROM ${tables.series}
WHERE Tenant = {tenant:String} AND arraySum(arrayMap((k, v) -> length(k) + length(v), mapKeys(Attributes), mapValues(Attributes))) > ${labelsBytesMax}
  AND SeriesId IN (
    SELECT SeriesId FROM ${tables.samples} WHERE Tenant = {tenant:String} AND Timestamp >= t_from AND Timestamp < t_to
    UNION ALL
    SELECT SeriesId FROM ${tables.histograms} WHERE Tenant = {tenant:String} AND Timestamp >= t_from AND Timestamp < t_to)`,
});

const numberOf = (value: number | string | undefined): number =>
  value === undefined ? Number.NaN : Number(value);

export const bucketsOfRow = (row: HistogramRow): Buckets => ({
  bounds: row.bounds,
  counts: row.counts,
  scale: row.scale,
  zero: row.zero,
  positive: new Map(row.positive[0].map((index, i) => [index, row.positive[1][i] ?? 0])),
  negative: new Map(row.negative[0].map((index, i) => [index, row.negative[1][i] ?? 0])),
});

/**
 * Average, maximum and p95 of each metric, service and labels: replicas are merged as histograms, not as quantiles. The
 * maximum is the largest that was said, or the upper bound of the highest bucket that was hit.
 */
export function histogramMetrics(rows: readonly HistogramRow[]): MetricRow[] {
  const groups = new Map<string, HistogramRow[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.metric, row.service, Object.entries(row.labels).sort()]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()].flatMap((group): MetricRow[] => {
    const [first] = group;
    if (first === undefined) return [];
    const count = group.reduce((sum, row) => sum + row.count, 0);
    const total = group.reduce((sum, row) => sum + row.sum, 0);
    const shown = first.quantiles.length > 0 ? ofSummary(first) : ofBuckets(group);
    return [
      {
        metric: first.metric,
        service: first.service,
        labels: first.labels,
        avg_val: total / count,
        ...shown,
        samples: count,
      },
    ];
  });
}

type Shown = Pick<MetricRow, 'max_val' | 'p95_val'>;

function ofBuckets(group: readonly HistogramRow[]): Shown {
  const buckets = mergeBuckets(group.map(bucketsOfRow));
  const said = group.map((row) => numberOf(row.max));
  const known = said.every((value) => Number.isFinite(value));
  const max = known ? Math.max(...said) : bucketMaximum(buckets);
  const p95 = bucketQuantile(buckets, 0.95);
  // Inside the highest bucket a quantile is a guess; it is never more than the largest value.
  return { max_val: max, p95_val: p95 === null || max === null ? p95 : Math.min(p95, max) };
}

/** A summary's quantiles can't be merged or recomputed: those of its newest point stand for the window. */
function ofSummary(row: HistogramRow): Shown {
  const at = (quantile: number): number | null => {
    const value = numberOf(row.quantile_values[row.quantiles.indexOf(quantile)]);
    return Number.isFinite(value) ? value : null;
  };
  return { max_val: at(1), p95_val: at(0.95) };
}
