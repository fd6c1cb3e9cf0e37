import type { Queryable } from '../../ledger/index.ts';
import { iso, type TimeWindow } from '../../model/index.ts';

export type StoredTable = 'metric_1m' | 'service_call_5m' | 'log_pattern_5m';

/** Which series a sample belongs to, and how its row is found again. */
export interface StoredSeries {
  key: string;
  table: StoredTable;
  /** What it is about: the resource measured, or the callee of a call. */
  resourceId: string;
  resource: string;
  resourceType: string;
  /** The caller of a call; null otherwise. */
  callerId: string | null;
  /** The column or metric: `p95_ms`, `cpu`, … */
  measure: string;
  /** Columns that, with the bucket, find the row. */
  row: Record<string, string>;
  /** No row means zero: rates and counts. Of other measures it means nothing was measured. */
  zeroFilled: boolean;
}

export interface StoredSample {
  series: StoredSeries;
  bucket: number;
  value: number;
}

/** Rows read at once; a tenant with more per window has more series than are watched anyway. */
export const rowsMax = 100_000;

const metricSql = `SELECT m.bucket, m.resource_id::text AS resource_id, r.name, r.type, m.metric, m.labels_hash, coalesce(m.avg_val, m.p95_val) AS value
  FROM metric_1m m JOIN dim_resource r ON r.resource_id = m.resource_id
  WHERE m.tenant_id = $1 AND m.bucket >= $2 AND m.bucket < $3 ORDER BY m.bucket, m.resource_id, m.metric, m.labels_hash LIMIT ${rowsMax}`;
const callSql = `SELECT c.bucket, c.src_resource_id::text AS src, c.dst_resource_id::text AS dst, r.name, r.type, c.rps, c.err_rate, c.p95_ms
  FROM service_call_5m c JOIN dim_resource r ON r.resource_id = c.dst_resource_id
  WHERE c.tenant_id = $1 AND c.bucket >= $2 AND c.bucket < $3 ORDER BY c.bucket, c.src_resource_id, c.dst_resource_id LIMIT ${rowsMax}`;
const patternSql = `SELECT p.bucket, p.resource_id::text AS resource_id, r.name, r.type, p.fingerprint_id::text AS pattern, p.count_total::float8 AS value
  FROM log_pattern_5m p JOIN dim_resource r ON r.resource_id = p.resource_id
  WHERE p.tenant_id = $1 AND p.bucket >= $2 AND p.bucket < $3 ORDER BY p.bucket, p.resource_id, p.fingerprint_id LIMIT ${rowsMax}`;

interface MetricRow {
  bucket: Date;
  resource_id: string;
  name: string;
  type: string;
  metric: string;
  labels_hash: string;
  value: number | null;
}

interface CallRow {
  bucket: Date;
  src: string;
  dst: string;
  name: string;
  type: string;
  rps: number | null;
  err_rate: number | null;
  p95_ms: number | null;
}

interface PatternRow {
  bucket: Date;
  resource_id: string;
  name: string;
  type: string;
  pattern: string;
  value: number;
}

/** Samples of one table in a window, in order of time. Every query is bounded by tenant, time and `rowsMax`. */
export async function readSamples(
  ledger: Queryable,
  table: StoredTable,
  tenantId: number,
  window: TimeWindow,
): Promise<StoredSample[]> {
  const bounds = [tenantId, iso(window.from), iso(window.to)];
  if (table === 'metric_1m')
    return (await ledger.query<MetricRow>(metricSql, bounds)).flatMap((row) =>
      sample(row.bucket, row.value, {
        key: `metric:${row.resource_id}:${row.metric}:${row.labels_hash}`,
        table,
        resourceId: row.resource_id,
        resource: row.name,
        resourceType: row.type,
        callerId: null,
        measure: row.metric,
        row: { resource_id: row.resource_id, metric: row.metric, labels_hash: row.labels_hash },
        zeroFilled: false,
      }),
    );
  if (table === 'service_call_5m') return (await ledger.query<CallRow>(callSql, bounds)).flatMap(callSamples);
  return (await ledger.query<PatternRow>(patternSql, bounds)).flatMap((row) =>
    sample(row.bucket, row.value, {
      key: `pattern:${row.resource_id}:${row.pattern}`,
      table,
      resourceId: row.resource_id,
      resource: row.name,
      resourceType: row.type,
      callerId: null,
      measure: 'count_total',
      row: { resource_id: row.resource_id, fingerprint_id: row.pattern },
      zeroFilled: true,
    }),
  );
}

function callSamples(row: CallRow): StoredSample[] {
  return (['rps', 'err_rate', 'p95_ms'] as const).flatMap((measure) =>
    sample(row.bucket, row[measure], {
      key: `call:${row.src}:${row.dst}:${measure}`,
      table: 'service_call_5m',
      resourceId: row.dst,
      resource: row.name,
      resourceType: row.type,
      callerId: row.src,
      measure,
      row: { src_resource_id: row.src, dst_resource_id: row.dst },
      zeroFilled: measure === 'rps',
    }),
  );
}

const sample = (bucket: Date, value: number | null, series: StoredSeries): StoredSample[] =>
  value === null ? [] : [{ series, bucket: bucket.getTime(), value }];
