import type { DetailQuery } from '../detail/index.ts';
import type { TimeWindow } from '../model/index.ts';
import { labelsFit, metricFits, seriesSql } from './metrics.ts';
import type { Tables } from './source/tables.ts';

/** Series of a window whose exemplars are kept as locators, those with the largest values first. */
const exemplarsMax = 2_000;

export interface ExemplarRow {
  metric: string;
  service: string;
  labels: Record<string, string>;
  /** Trace and span of the largest value. */
  trace_id: string;
  span_id: string;
  value: number;
}

/** Per metric, service and labels the exemplar that a person would open first: the one with the largest value. */
const exemplarsSql = (tables: Tables): string => `
WITH {from:DateTime64(3)} AS t_from, {to:DateTime64(3)} AS t_to
SELECT MetricName AS metric, ServiceName AS service, attributes AS labels,
  argMax((TraceId, SpanId), (Value, TraceId)) AS span, span.1 AS trace_id, span.2 AS span_id, max(Value) AS value
FROM (
  SELECT SeriesId, MetricName, ServiceName, TraceId, SpanId, Value FROM ${tables.exemplars}
  WHERE Tenant = {tenant:String} AND Timestamp >= t_from AND Timestamp < t_to AND TraceId != '' AND length(TraceId) <= 64
    AND isFinite(Value) AND ${metricFits}
) AS given
INNER JOIN (${seriesSql(tables, tables.exemplars)}) AS series USING (SeriesId)
WHERE ${labelsFit}
GROUP BY metric, service, labels
ORDER BY value DESC, metric, service, toString(labels)
LIMIT ${exemplarsMax}`;

export const exemplarsQuery = (tenant: string, window: TimeWindow, tables: Tables): DetailQuery => ({
  name: 'rollup.exemplars',
  tenant,
  window,
  sql: exemplarsSql(tables),
});
