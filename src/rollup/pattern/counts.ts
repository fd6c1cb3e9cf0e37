import type { Queryable } from '../../ledger/index.ts';
import { rowsOf } from '../../ledger/index.ts';
import { iso, serviceRef, type TimeWindow } from '../../model/index.ts';
import type { ShapeRow } from '../patterns.ts';
import {
  type LocatorRow,
  rowsPerStatement,
  upsertLocators,
  upsertPatternCounts,
  type Written,
} from '../write.ts';

interface CountSum {
  row: ShapeRow;
  urn: string;
  id: string;
  total: number;
  errors: number;
  firstMs: number;
  lastMs: number;
}

/**
 * Writes the counts of one bucket, by pattern and service. Rows of the bucket that are not among them are removed when
 * `whole` (a shape may have moved to another pattern since the bucket was counted before), so that nothing counts twice.
 */
export async function writePatternCounts(
  tx: Queryable,
  tenantId: number,
  window: TimeWindow,
  shapes: readonly ShapeRow[],
  idOf: (shape: string) => string | undefined,
  resourceIds: ReadonlyMap<string, string>,
  whole = true,
): Promise<Written> {
  const sums = sumByPattern(shapes, idOf);
  const locators = await upsertLocators(
    tx,
    tenantId,
    [...sums].map(([objectKey, { row }]): LocatorRow => {
      const equals = { ServiceName: row.service, Shape: row.shape };
      return { dataset: 'logs', objectKey, window, filter: { dataset: 'otel_logs', window, equals } };
    }),
  );
  const known = [...sums].flatMap(([key, sum]) => {
    const resourceId = resourceIds.get(sum.urn);
    return resourceId === undefined ? [] : [{ key, sum, resourceId }];
  });
  // Rows are locked in one order by all, so that two windows at once never wait for each other.
  known.sort((a, b) => Number(a.resourceId) - Number(b.resourceId) || Number(a.sum.id) - Number(b.sum.id));
  const writes = known.map(({ key, sum, resourceId }) => ({
    resourceId,
    fingerprintId: sum.id,
    total: sum.total,
    errors: sum.errors,
    sampleRef: locators.get(key) ?? null,
  }));
  if (whole) await removeStale(tx, tenantId, window.from, writes);
  await notePlaces(tx, tenantId, known);
  return upsertPatternCounts(tx, tenantId, window.from, writes);
}

function sumByPattern(
  shapes: readonly ShapeRow[],
  idOf: (shape: string) => string | undefined,
): Map<string, CountSum> {
  const sums = new Map<string, CountSum>();
  // Rows come commonest first, so the shape that the locator shows is the commonest of its pattern.
  for (const row of shapes) {
    const id = idOf(row.shape);
    if (id === undefined) continue;
    const { urn } = serviceRef(row.service);
    const key = `pattern/${id}/${urn}`;
    const zero = { row, urn, id, total: 0, errors: 0, firstMs: row.first_ms, lastMs: row.last_ms };
    const sum = sums.get(key) ?? zero;
    sum.total += row.total;
    sum.errors += row.errors;
    sum.firstMs = Math.min(sum.firstMs, row.first_ms);
    sum.lastMs = Math.max(sum.lastMs, row.last_ms);
    sums.set(key, sum);
  }
  return sums;
}

const staleSql = `
DELETE FROM log_pattern_5m n WHERE n.tenant_id = $1 AND n.bucket = $2 AND NOT EXISTS (
  SELECT FROM unnest($3::bigint[], $4::bigint[]) AS g(resource_id, fingerprint_id)
   WHERE (g.resource_id, g.fingerprint_id) = (n.resource_id, n.fingerprint_id))`;

const removeStale = (
  tx: Queryable,
  tenantId: number,
  bucket: number,
  kept: readonly { resourceId: string; fingerprintId: string }[],
) =>
  tx.query(staleSql, [
    tenantId,
    iso(bucket),
    kept.map((row) => row.resourceId),
    kept.map((row) => row.fingerprintId),
  ]);

// Most rows change only `last_seen`; a replay of an old window changes nothing and writes nothing.
const placesSql = `
INSERT INTO pattern_service AS p (tenant_id, resource_id, fingerprint_id, first_seen, last_seen)
SELECT $1, g.* FROM unnest($2::bigint[], $3::bigint[], $4::timestamptz[], $5::timestamptz[]) AS g
ON CONFLICT (tenant_id, resource_id, fingerprint_id) DO UPDATE SET
  first_seen = least(p.first_seen, excluded.first_seen), last_seen = greatest(p.last_seen, excluded.last_seen)
WHERE p.first_seen > excluded.first_seen OR p.last_seen < excluded.last_seen`;

async function notePlaces(
  tx: Queryable,
  tenantId: number,
  rows: readonly { sum: CountSum; resourceId: string }[],
): Promise<void> {
  for (let start = 0; start < rows.length; start += rowsPerStatement) {
    const columns = rowsOf(rows.slice(start, start + rowsPerStatement), [
      (row) => row.resourceId,
      (row) => row.sum.id,
      (row) => iso(row.sum.firstMs),
      (row) => iso(row.sum.lastMs),
    ]);
    await tx.query(placesSql, [tenantId, ...columns]);
  }
}
