import type { Queryable } from '../ledger/index.ts';
import { iso, type ResourceType, type TimeWindow, type Urn } from '../model/index.ts';
import { type Affected, type CallEdge, type Direction, hopsMax } from './graph.ts';

/**
 * Calls that were active in a window. Quantiles of buckets can't be joined exactly; weighted by calls they are near
 * enough for a map, and the raw spans are a click away.
 */
const activeSql = `
active AS (
  SELECT src_resource_id AS src, dst_resource_id AS dst,
         avg(rps) AS rps,
         sum(err_rate * rps) / nullif(sum(rps), 0) AS err_rate,
         sum(p50_ms * rps) / nullif(sum(rps), 0) AS p50_ms,
         sum(p95_ms * rps) / nullif(sum(rps), 0) AS p95_ms
    FROM service_call_5m
   WHERE tenant_id = $1 AND bucket > $2::timestamptz - interval '5 minutes' AND bucket < $3::timestamptz
   GROUP BY 1, 2
)`;

/** Most edges that one answer holds. */
const edgesMax = 5_000;

interface EdgeRow {
  src: string;
  dst: string;
  src_name: string;
  dst_name: string;
  src_type: ResourceType;
  dst_type: ResourceType;
  rps: number;
  err_rate: number | null;
  p50_ms: number | null;
  p95_ms: number | null;
}

const edgeColumns = `
  s.urn AS src, d.urn AS dst, s.name AS src_name, d.name AS dst_name, s.type AS src_type, d.type AS dst_type,
  a.rps, a.err_rate, a.p50_ms, a.p95_ms
  FROM active a JOIN dim_resource s ON s.resource_id = a.src JOIN dim_resource d ON d.resource_id = a.dst`;

const edgeOf = (row: EdgeRow): CallEdge => ({
  src: row.src,
  dst: row.dst,
  srcService: row.src_type === 'service' ? row.src_name : '',
  dstService: row.dst_type === 'service' ? row.dst_name : '',
  dstType: row.dst_type,
  rps: row.rps,
  errorRate: row.err_rate ?? 0,
  p50Ms: row.p50_ms ?? 0,
  p95Ms: row.p95_ms ?? 0,
});

const windowParams = (tenantId: number, window: TimeWindow): (number | string)[] => [
  tenantId,
  iso(window.from),
  iso(window.to),
];

export async function storedCalls(
  ledger: Queryable,
  tenantId: number,
  window: TimeWindow,
): Promise<CallEdge[]> {
  const rows = await ledger.query<EdgeRow>(
    `WITH ${activeSql} SELECT ${edgeColumns} ORDER BY a.rps DESC, s.urn, d.urn LIMIT ${edgesMax}`,
    windowParams(tenantId, window),
  );
  return rows.map(edgeOf);
}

// Expects `active(src, dst)` before it. UNION (not UNION ALL) drops a resource that was reached again at the same depth, so a walk is at most
// resources × depth rows even on a graph full of cycles. $4 is the URN, $5 the depth, $6 the direction.
export const walkSql = `
walk(id, depth) AS (
  SELECT resource_id, 0 FROM dim_resource WHERE tenant_id = $1 AND urn = $4
  UNION
  SELECT CASE WHEN a.src = w.id AND $6 <> 'up' THEN a.dst ELSE a.src END, w.depth + 1
    FROM walk w JOIN active a ON ($6 <> 'up' AND a.src = w.id) OR ($6 <> 'down' AND a.dst = w.id)
   WHERE w.depth < $5
), reached AS (SELECT id, min(depth) AS depth FROM walk GROUP BY id)`;

// From the target $7 back to the start, a level at a time; of several ways the first by URN.
export const backSql = `
back(id, depth) AS (
  SELECT r.id, r.depth FROM reached r JOIN dim_resource d ON d.resource_id = r.id
   WHERE d.tenant_id = $1 AND d.urn = $7
  UNION ALL
  SELECT (SELECT a.src FROM active a JOIN reached p ON p.id = a.src AND p.depth = b.depth - 1
            JOIN dim_resource u ON u.resource_id = a.src
           WHERE a.dst = b.id ORDER BY u.urn COLLATE "C" LIMIT 1), b.depth - 1
    FROM back b WHERE b.depth > 0
)`;

export interface Walk {
  urn: Urn;
  depth: number;
  direction: Direction;
}

/** The calls between resources within `depth` calls of `urn`. */
export async function storedHops(
  ledger: Queryable,
  tenantId: number,
  window: TimeWindow,
  walk: Walk,
): Promise<CallEdge[]> {
  const rows = await ledger.query<EdgeRow>(
    `WITH RECURSIVE ${activeSql}, ${walkSql}
     SELECT ${edgeColumns} JOIN reached rs ON rs.id = a.src JOIN reached rd ON rd.id = a.dst
     ORDER BY a.rps DESC, s.urn, d.urn LIMIT ${edgesMax}`,
    [...windowParams(tenantId, window), walk.urn, Math.min(walk.depth, hopsMax), walk.direction],
  );
  return rows.map(edgeOf);
}

/** Who suffers when `urn` fails, the nearest first. */
export async function storedImpact(
  ledger: Queryable,
  tenantId: number,
  window: TimeWindow,
  urn: Urn,
): Promise<Affected[]> {
  const rows = await ledger.query<{ urn: Urn; depth: number }>(
    `WITH RECURSIVE ${activeSql}, ${walkSql}
     SELECT r.urn, w.depth FROM reached w JOIN dim_resource r ON r.resource_id = w.id
      WHERE w.depth > 0 ORDER BY w.depth, r.urn COLLATE "C" LIMIT ${edgesMax}`,
    [...windowParams(tenantId, window), urn, hopsMax, 'up'],
  );
  return rows.map((row) => ({ urn: row.urn, distance: row.depth }));
}

/** A chain of calls with the fewest links, or null: levels forward from the source, then back from the target. */
export async function storedPath(
  ledger: Queryable,
  tenantId: number,
  window: TimeWindow,
  src: Urn,
  dst: Urn,
): Promise<Urn[] | null> {
  const rows = await ledger.query<{ urn: Urn }>(
    `WITH RECURSIVE ${activeSql}, ${walkSql},
     ${backSql}
     SELECT r.urn FROM back b JOIN dim_resource r ON r.resource_id = b.id ORDER BY b.depth`,
    [...windowParams(tenantId, window), src, hopsMax, 'down', dst],
  );
  return rows.length === 0 ? null : rows.map((row) => row.urn);
}
