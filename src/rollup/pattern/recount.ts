import type { DetailQuery, DetailStore } from '../../detail/index.ts';
import { type Queryable, rowsOf } from '../../ledger/index.ts';
import { floorTo, iso, serviceRef, type TimeWindow } from '../../model/index.ts';
import { upsertLocators, upsertResources } from '../write.ts';

const bucketMs = 300_000;
const dayMs = 86_400_000;
/** Rows per statement; a day of one pattern in ten services is 2 880. */
const rowsPerStatement = 5_000;

/** How often a shape came in one bucket of a service. */
export interface ShapeCount {
  bucket: number;
  service: string;
  shape: string;
  total: number;
  errors: number;
  first_ms: number;
  last_ms: number;
}

const countsSql = `
SELECT toFloat64(toUnixTimestamp(toStartOfInterval(Timestamp, INTERVAL 5 MINUTE))) * 1000 AS bucket, ServiceName AS service,
  toString(Shape) AS shape, toFloat64(count()) AS total, toFloat64(countIf(SeverityNumber >= 17)) AS errors,
  toFloat64(toUnixTimestamp64Milli(min(Timestamp))) AS first_ms, toFloat64(toUnixTimestamp64Milli(max(Timestamp))) AS last_ms
FROM otel_logs
WHERE Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(9)} AND Timestamp < {to:DateTime64(9)}
  AND Shape IN (SELECT toUInt64(arrayJoin({shapes:Array(String)})))
GROUP BY bucket, service, Shape`;

const countsQuery = (tenant: string, window: TimeWindow, shapes: readonly string[]): DetailQuery => ({
  name: 'rollup.recount',
  tenant,
  window,
  sql: countsSql,
  params: { shapes },
});

/** Counts of shapes as the details have them, a day at a time so that an answer stays small. */
export async function readCounts(
  detail: DetailStore,
  tenant: string,
  window: TimeWindow,
  shapes: readonly string[],
): Promise<ShapeCount[]> {
  const found: ShapeCount[] = [];
  for (let from = floorTo(window.from, bucketMs); from < window.to; from += dayMs) {
    const slice = { from, to: Math.min(window.to, from + dayMs) };
    for (const row of (await detail.query<ShapeCount>(countsQuery(tenant, slice, shapes))).rows)
      found.push(row);
  }
  return found;
}

/** Buckets in which any of the patterns was counted, as one window; null when there is none. */
export async function countedWindow(
  ledger: Queryable,
  tenantId: number,
  ids: readonly string[],
): Promise<TimeWindow | null> {
  const [row] = await ledger.query<{ a: Date | null; z: Date | null }>(
    'SELECT min(bucket) AS a, max(bucket) AS z FROM log_pattern_5m WHERE tenant_id = $1 AND fingerprint_id = ANY($2::bigint[])',
    [tenantId, ids],
  );
  return row?.a && row.z ? { from: row.a.getTime(), to: row.z.getTime() + bucketMs } : null;
}

interface CountRow {
  bucket: number;
  resourceId: string;
  id: string;
  total: number;
  errors: number;
  firstMs: number;
  lastMs: number;
  sampleRef: string | null;
}

const insertSql = `
INSERT INTO log_pattern_5m (bucket, tenant_id, resource_id, fingerprint_id, count_total, count_error, sample_ref)
SELECT bucket, $1, resource_id, fingerprint_id, count_total, count_error, sample_ref
  FROM unnest($2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
    AS g(bucket, resource_id, fingerprint_id, count_total, count_error, sample_ref)`;

const placesSql = `
INSERT INTO pattern_service AS p (tenant_id, resource_id, fingerprint_id, first_seen, last_seen)
SELECT $1, resource_id, fingerprint_id, min(first_seen), max(last_seen)
  FROM unnest($2::bigint[], $3::bigint[], $4::timestamptz[], $5::timestamptz[]) AS g(resource_id, fingerprint_id, first_seen, last_seen)
 GROUP BY resource_id, fingerprint_id
ON CONFLICT (tenant_id, resource_id, fingerprint_id) DO UPDATE SET
  first_seen = least(p.first_seen, excluded.first_seen), last_seen = greatest(p.last_seen, excluded.last_seen)`;

const seenSql = `
UPDATE log_pattern p SET first_seen = least(p.first_seen, s.a), last_seen = greatest(p.last_seen, s.z)
  FROM (SELECT fingerprint_id, min(first_seen) AS a, max(last_seen) AS z FROM pattern_service
         WHERE tenant_id = $1 AND fingerprint_id = ANY($2::bigint[]) GROUP BY 1) s
 WHERE p.fingerprint_id = s.fingerprint_id`;

/** Sums per day follow those per five minutes, where they were made already. */
const daysSql = `
WITH days AS (SELECT DISTINCT bucket FROM log_pattern_1d WHERE tenant_id = $1 AND bucket = ANY($3::timestamptz[])),
gone AS (DELETE FROM log_pattern_1d d USING days WHERE d.bucket = days.bucket AND d.tenant_id = $1
          AND d.fingerprint_id = ANY($2::bigint[]) AND d.fingerprint_id <> ALL(
            SELECT DISTINCT n.fingerprint_id FROM log_pattern_5m n WHERE n.tenant_id = $1 AND n.fingerprint_id = ANY($2::bigint[])
               AND n.bucket >= d.bucket AND n.bucket < d.bucket + INTERVAL '1 day'))
INSERT INTO log_pattern_1d AS d (bucket, tenant_id, resource_id, fingerprint_id, count_total, count_error)
SELECT days.bucket, $1, n.resource_id, n.fingerprint_id, sum(n.count_total), sum(n.count_error)
  FROM days JOIN log_pattern_5m n ON n.bucket >= days.bucket AND n.bucket < days.bucket + INTERVAL '1 day'
 WHERE n.tenant_id = $1 AND n.fingerprint_id = ANY($2::bigint[]) GROUP BY 1, 3, 4
ON CONFLICT (bucket, tenant_id, resource_id, fingerprint_id) DO UPDATE SET
  count_total = excluded.count_total, count_error = excluded.count_error`;

/**
 * Writes the counts of the patterns `ids` again in every bucket that the details still have. Older buckets, whose details
 * are gone, stay with the pattern that they were counted under.
 */
export async function writeRecount(
  tx: Queryable,
  tenantId: number,
  ids: readonly string[],
  counts: readonly ShapeCount[],
  idOf: (shape: string) => string | undefined,
): Promise<void> {
  const rows = await countRows(tx, tenantId, counts, idOf);
  const buckets = [...new Set(rows.map((row) => row.bucket))];
  await tx.query(
    'DELETE FROM log_pattern_5m WHERE tenant_id = $1 AND fingerprint_id = ANY($2::bigint[]) AND bucket = ANY($3::timestamptz[])',
    [tenantId, ids, buckets.map(iso)],
  );
  for (let start = 0; start < rows.length; start += rowsPerStatement) {
    const chunk = rows.slice(start, start + rowsPerStatement);
    const keys = rowsOf(chunk, [(row) => row.resourceId, (row) => row.id]);
    const figures = rowsOf<CountRow, string | number | null>(chunk, [
      (row) => row.total,
      (row) => row.errors,
      (row) => row.sampleRef,
    ]);
    await tx.query(insertSql, [tenantId, chunk.map((row) => iso(row.bucket)), ...keys, ...figures]);
    await tx.query(placesSql, [
      tenantId,
      ...keys,
      chunk.map((row) => iso(row.firstMs)),
      chunk.map((row) => iso(row.lastMs)),
    ]);
  }
  await tx.query(seenSql, [tenantId, ids]);
  const days = [...new Set(buckets.map((bucket) => floorTo(bucket, dayMs)))];
  await tx.query(daysSql, [tenantId, ids, days.map(iso)]);
}

async function countRows(
  tx: Queryable,
  tenantId: number,
  counts: readonly ShapeCount[],
  idOf: (shape: string) => string | undefined,
): Promise<CountRow[]> {
  const services = [...new Set(counts.map((row) => row.service))];
  const resources = await upsertResources(
    tx,
    tenantId,
    services.map((service) => serviceRef(service)),
  );
  const sums = new Map<string, CountRow & { shape: string; most: number; service: string }>();
  for (const row of counts) {
    const id = idOf(row.shape);
    const resourceId = resources.get(serviceRef(row.service).urn);
    if (id === undefined || resourceId === undefined) continue;
    const key = `${row.bucket}/${id}/${resourceId}`;
    const sum = sums.get(key);
    if (!sum) {
      const { bucket, service, shape, total, errors } = row;
      const seen = { firstMs: row.first_ms, lastMs: row.last_ms };
      sums.set(key, {
        bucket,
        resourceId,
        id,
        total,
        errors,
        ...seen,
        sampleRef: null,
        shape,
        most: total,
        service,
      });
      continue;
    }
    sum.total += row.total;
    sum.errors += row.errors;
    sum.firstMs = Math.min(sum.firstMs, row.first_ms);
    sum.lastMs = Math.max(sum.lastMs, row.last_ms);
    if (row.total > sum.most) [sum.most, sum.shape] = [row.total, row.shape];
  }
  const rows = [...sums.values()];
  await addSamples(tx, tenantId, rows);
  return rows;
}

/** One way back to the raw rows per pattern, service and day, not per bucket: a recount may hold thousands of those. */
async function addSamples(
  tx: Queryable,
  tenantId: number,
  rows: readonly (CountRow & { shape: string; service: string })[],
): Promise<void> {
  const keyOf = (row: (typeof rows)[number]) =>
    `pattern/${row.id}/${serviceRef(row.service).urn}/${iso(floorTo(row.bucket, dayMs))}`;
  const first = new Map(rows.map((row) => [keyOf(row), row]));
  const locators = await upsertLocators(
    tx,
    tenantId,
    [...first].map(([objectKey, row]) => {
      const from = floorTo(row.bucket, dayMs);
      const window = { from, to: from + dayMs };
      const equals = { ServiceName: row.service, Shape: row.shape };
      return {
        dataset: 'logs' as const,
        objectKey,
        window,
        filter: { dataset: 'otel_logs', window, equals },
      };
    }),
  );
  for (const row of rows) row.sampleRef = locators.get(keyOf(row)) ?? null;
}
