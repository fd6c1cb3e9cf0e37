import type { Queryable } from '../ledger/index.ts';
import { rowsOf } from '../ledger/index.ts';
import { type EpochMs, iso, type ResourceRef, type RowFilter, type TimeWindow } from '../model/index.ts';

/**
 * Rows per statement. The embedded twin does one at a time, and 1 000 rows take about 15 ms: pages wait no longer than
 * that in between, and larger statements gain little.
 */
export const rowsPerStatement = 1_000;

/** Rows given, and how many of them were there before and were overwritten. */
export interface Written {
  rows: number;
  conflicts: number;
}

export const addWritten = (a: Written, b: Written): Written => ({
  rows: a.rows + b.rows,
  conflicts: a.conflicts + b.conflicts,
});

/** Bulk upserts for one tenant inside one transaction. Every statement overwrites, so writing twice changes nothing. */
async function inChunks<Row>(
  rows: readonly Row[],
  write: (chunk: readonly Row[]) => Promise<{ conflicts: string }[]>,
): Promise<Written> {
  let conflicts = 0;
  for (let start = 0; start < rows.length; start += rowsPerStatement) {
    const answer = await write(rows.slice(start, start + rowsPerStatement));
    conflicts += Number(answer[0]?.conflicts ?? 0);
  }
  return { rows: rows.length, conflicts };
}

export interface ResourceRow extends ResourceRef<string> {
  env?: string;
  region?: string;
  zone?: string;
  labels?: Record<string, string>;
}

// An empty place says nothing and must not erase what was known. Rows that change nothing are not written again.
const resourcesSql = `
WITH given AS (
  SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[])
    AS g(urn, type, name, env, region, zone, labels)
), put AS (
  INSERT INTO dim_resource AS r (tenant_id, urn, type, name, env, region, zone, labels)
  SELECT $1, urn, type, name, nullif(env, ''), nullif(region, ''), nullif(zone, ''), labels FROM given
  ON CONFLICT (tenant_id, urn) DO UPDATE SET
    env = coalesce(excluded.env, r.env), region = coalesce(excluded.region, r.region),
    zone = coalesce(excluded.zone, r.zone), labels = r.labels || excluded.labels
  WHERE (coalesce(excluded.env, r.env), coalesce(excluded.region, r.region), coalesce(excluded.zone, r.zone), r.labels || excluded.labels)
    IS DISTINCT FROM (r.env, r.region, r.zone, r.labels)
  RETURNING urn, resource_id
)
SELECT urn, resource_id FROM put
UNION
SELECT r.urn, r.resource_id FROM dim_resource r JOIN given USING (urn) WHERE r.tenant_id = $1`;

/** Makes sure that the resources exist; answers with the id of each URN. */
export async function upsertResources(
  tx: Queryable,
  tenantId: number,
  rows: readonly ResourceRow[],
): Promise<Map<string, string>> {
  const unique = [...new Map(rows.map((row) => [row.urn, row])).values()];
  const ids = new Map<string, string>();
  for (let start = 0; start < unique.length; start += rowsPerStatement) {
    const chunk = unique.slice(start, start + rowsPerStatement);
    const columns = rowsOf(chunk, [
      (row) => row.urn,
      (row) => row.type,
      (row) => row.name,
      (row) => row.env ?? '',
      (row) => row.region ?? '',
      (row) => row.zone ?? '',
      (row) => JSON.stringify(row.labels ?? {}),
    ]);
    const found = await tx.query<{ urn: string; resource_id: string }>(resourcesSql, [tenantId, ...columns]);
    for (const row of found) ids.set(row.urn, row.resource_id);
  }
  await addIdsOfOthers(tx, tenantId, unique, ids);
  return ids;
}

/**
 * A resource that another window made while our statement ran is neither new to us nor in what our statement sees: only the
 * next statement does.
 */
async function addIdsOfOthers(
  tx: Queryable,
  tenantId: number,
  rows: readonly ResourceRow[],
  ids: Map<string, string>,
): Promise<void> {
  const missing = rows.map(({ urn }) => urn).filter((urn) => !ids.has(urn));
  if (missing.length === 0) return;
  const found = await tx.query<{ urn: string; resource_id: string }>(
    'SELECT urn, resource_id FROM dim_resource WHERE tenant_id = $1 AND urn = ANY($2::text[])',
    [tenantId, missing],
  );
  for (const row of found) ids.set(row.urn, row.resource_id);
  const lost = missing.find((urn) => !ids.has(urn));
  if (lost !== undefined) throw new Error(`the ledger gave no id for ${lost}`);
}

export interface LocatorRow {
  dataset: 'logs' | 'traces' | 'metrics';
  /** What is sought, unique within dataset and window; `call/<src>/<dst>`, `pattern/<id>/<resource>`. */
  objectKey: string;
  window: TimeWindow;
  filter: RowFilter;
  /** What a person may open at once: traces of examples. */
  attributes?: Record<string, string | number>;
}

const locatorsSql = `
INSERT INTO oo_locator (tenant_id, dataset, bucket, object_key, t_from, t_to, query_hint, attributes)
SELECT $1, dataset, bucket, object_key, t_from, t_to, query_hint, attributes
  FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::text[], $8::jsonb[])
    AS g(dataset, bucket, object_key, t_from, t_to, query_hint, attributes)
ON CONFLICT (tenant_id, dataset, bucket, object_key, t_from, t_to) DO UPDATE SET
  query_hint = excluded.query_hint, attributes = excluded.attributes
RETURNING id, object_key`;

/** Writes locators of one window; answers with the id of each object key. */
export async function upsertLocators(
  tx: Queryable,
  tenantId: number,
  rows: readonly LocatorRow[],
): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  for (let start = 0; start < rows.length; start += rowsPerStatement) {
    const columns = rowsOf(rows.slice(start, start + rowsPerStatement), [
      (row) => row.dataset,
      (row) => row.filter.dataset,
      (row) => row.objectKey,
      (row) => iso(row.window.from),
      (row) => iso(row.window.to),
      (row) => JSON.stringify(row.filter),
      (row) => JSON.stringify(row.attributes ?? {}),
    ]);
    const found = await tx.query<{ id: string; object_key: string }>(locatorsSql, [tenantId, ...columns]);
    for (const row of found) ids.set(row.object_key, row.id);
  }
  return ids;
}

export interface MetricWrite {
  resourceId: string;
  metric: string;
  labels: Record<string, string>;
  avg: number | null;
  max: number | null;
  p95: number | null;
  sampleRef: string | null;
}

const metricsSql = `
INSERT INTO metric_1m (bucket, tenant_id, resource_id, metric, avg_val, max_val, p95_val, labels, sample_ref)
SELECT $1::timestamptz, $2::bigint, g.*
  FROM unnest($3::bigint[], $4::text[], $5::float8[], $6::float8[], $7::float8[], $8::jsonb[], $9::bigint[]) AS g
ON CONFLICT (bucket, tenant_id, resource_id, metric, labels_hash) DO UPDATE SET
  avg_val = excluded.avg_val, max_val = excluded.max_val, p95_val = excluded.p95_val, sample_ref = excluded.sample_ref`;

/**
 * Keys must be unique within `rows`. What was there before is counted once: looked for in each statement, the twenty
 * statements of a large minute would each read what the ones before them wrote.
 */
export async function upsertMetrics(
  tx: Queryable,
  tenantId: number,
  bucket: EpochMs,
  rows: readonly MetricWrite[],
): Promise<Written> {
  const stored = async (): Promise<number> => {
    const [found] = await tx.query<{ n: string }>(
      'SELECT count(*) AS n FROM metric_1m WHERE bucket = $1 AND tenant_id = $2',
      [iso(bucket), tenantId],
    );
    return Number(found?.n ?? 0);
  };
  const before = await stored();
  await inChunks(rows, async (chunk) => {
    await tx.query(metricsSql, [
      iso(bucket),
      tenantId,
      ...rowsOf<MetricWrite, string | number | null>(chunk, [
        (row) => row.resourceId,
        (row) => row.metric,
        (row) => row.avg,
        (row) => row.max,
        (row) => row.p95,
        (row) => JSON.stringify(row.labels),
        (row) => row.sampleRef,
      ]),
    ]);
    return [];
  });
  return { rows: rows.length, conflicts: before + rows.length - (await stored()) };
}

export interface CallWrite {
  srcId: string;
  dstId: string;
  rps: number;
  errorRate: number;
  p50Ms: number;
  p95Ms: number;
  sampleRef: string | null;
}

const callsSql = `
WITH given AS MATERIALIZED (
  SELECT $1::timestamptz AS bucket, $2::bigint AS tenant_id, g.*
    FROM unnest($3::bigint[], $4::bigint[], $5::float8[], $6::float8[], $7::float8[], $8::float8[], $9::bigint[])
      AS g(src, dst, rps, err_rate, p50_ms, p95_ms, sample_ref)
), before AS (
  SELECT count(*) AS conflicts FROM given g JOIN service_call_5m c
    ON (c.src_resource_id, c.dst_resource_id) = (g.src, g.dst) AND c.bucket = $1::timestamptz AND c.tenant_id = $2
), put AS (
  INSERT INTO service_call_5m (bucket, tenant_id, src_resource_id, dst_resource_id, rps, err_rate, p50_ms, p95_ms, sample_ref)
  SELECT bucket, tenant_id, src, dst, rps, err_rate, p50_ms, p95_ms, sample_ref FROM given
  ON CONFLICT (bucket, tenant_id, src_resource_id, dst_resource_id) DO UPDATE SET
    rps = excluded.rps, err_rate = excluded.err_rate, p50_ms = excluded.p50_ms, p95_ms = excluded.p95_ms, sample_ref = excluded.sample_ref
)
SELECT conflicts FROM before`;

export const upsertCalls = (
  tx: Queryable,
  tenantId: number,
  bucket: EpochMs,
  rows: readonly CallWrite[],
): Promise<Written> =>
  inChunks(rows, (chunk) =>
    tx.query(callsSql, [
      iso(bucket),
      tenantId,
      ...rowsOf<CallWrite, string | number | null>(chunk, [
        (row) => row.srcId,
        (row) => row.dstId,
        (row) => row.rps,
        (row) => row.errorRate,
        (row) => row.p50Ms,
        (row) => row.p95Ms,
        (row) => row.sampleRef,
      ]),
    ]),
  );

const otherCallsSql = `
DELETE FROM service_call_5m c WHERE c.tenant_id = $1 AND c.bucket = $2 AND NOT EXISTS (
  SELECT FROM unnest($3::bigint[], $4::bigint[]) AS g(src, dst)
   WHERE (g.src, g.dst) = (c.src_resource_id, c.dst_resource_id))`;

/** Removes edges of a bucket that are not among the ones given. */
export const removeOtherCalls = (
  tx: Queryable,
  tenantId: number,
  bucket: string,
  kept: readonly CallWrite[],
): Promise<unknown[]> =>
  tx.query(otherCallsSql, [tenantId, bucket, kept.map((row) => row.srcId), kept.map((row) => row.dstId)]);

export interface PatternCountWrite {
  resourceId: string;
  fingerprintId: string;
  total: number;
  errors: number;
  sampleRef: string | null;
}

const patternCountsSql = `
WITH given AS MATERIALIZED (
  SELECT $1::timestamptz AS bucket, $2::bigint AS tenant_id, g.*
    FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
      AS g(resource_id, fingerprint_id, count_total, count_error, sample_ref)
), before AS (
  SELECT count(*) AS conflicts FROM given g JOIN log_pattern_5m p
    ON (p.resource_id, p.fingerprint_id) = (g.resource_id, g.fingerprint_id) AND p.bucket = $1::timestamptz AND p.tenant_id = $2
), put AS (
  INSERT INTO log_pattern_5m (bucket, tenant_id, resource_id, fingerprint_id, count_total, count_error, sample_ref)
  SELECT * FROM given
  ON CONFLICT (bucket, tenant_id, resource_id, fingerprint_id) DO UPDATE SET
    count_total = excluded.count_total, count_error = excluded.count_error, sample_ref = excluded.sample_ref
)
SELECT conflicts FROM before`;

export const upsertPatternCounts = (
  tx: Queryable,
  tenantId: number,
  bucket: EpochMs,
  rows: readonly PatternCountWrite[],
): Promise<Written> =>
  inChunks(rows, (chunk) =>
    tx.query(patternCountsSql, [
      iso(bucket),
      tenantId,
      ...rowsOf<PatternCountWrite, string | number | null>(chunk, [
        (row) => row.resourceId,
        (row) => row.fingerprintId,
        (row) => row.total,
        (row) => row.errors,
        (row) => row.sampleRef,
      ]),
    ]),
  );
