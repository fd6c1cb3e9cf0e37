import type { DetailQuery, DetailStore, QueryStatistics } from '../detail/contract.ts';
import { type EpochMs, type Severity, severities, type TimeWindow } from '../model/index.ts';
import { createBinder, joinClauses } from './clause.ts';
import { type LogFilter, logClauses, severityAt, severityIndexSql } from './log-filter.ts';
import { type Buckets, bucketStarts, bucketsOf } from './window.ts';

export interface LogHistogram {
  stepMs: number;
  at: EpochMs[];
  /** Records per bucket of each severity that occurs, most severe first. */
  series: Partial<Record<Severity, number[]>>;
  statistics: QueryStatistics;
}

export function histogramQuery(
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
    name: 'logs.histogram',
    tenant,
    window,
    params: binder.params,
    sql: `SELECT toUInt32(intDiv(toUnixTimestamp64Milli(Timestamp) - ${origin}, ${step})) AS bucket,
  ${severityIndexSql} AS severity, count() AS records
FROM otel_logs
WHERE ${joinClauses(clauses)}
GROUP BY bucket, severity`,
  };
}

export async function logHistogram(
  detail: DetailStore,
  tenant: string,
  window: TimeWindow,
  filter: LogFilter,
  wanted: number,
): Promise<LogHistogram> {
  const buckets = bucketsOf(window, wanted);
  const result = await detail.query<{ bucket: number; severity: number; records: string }>(
    histogramQuery(tenant, window, filter, buckets),
  );
  const series: Partial<Record<Severity, number[]>> = {};
  const present = new Set(result.rows.map((row) => severityAt(row.severity)));
  for (const severity of severities.toReversed())
    if (present.has(severity)) series[severity] = new Array<number>(buckets.count).fill(0);
  for (const row of result.rows) {
    const counts = series[severityAt(row.severity)];
    if (counts !== undefined && row.bucket < counts.length) counts[row.bucket] = Number(row.records);
  }
  return { stepMs: buckets.stepMs, at: bucketStarts(buckets), series, statistics: result.statistics };
}
