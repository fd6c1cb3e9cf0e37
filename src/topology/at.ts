import type { Queryable } from '../ledger/index.ts';
import { type EpochMs, iso, type TimeWindow, type Urn } from '../model/index.ts';
import { dependencyRelations, type Relation, relations } from './edge.ts';
import { type Affected, type Direction, hopsMax } from './graph.ts';
import { backSql, walkSql } from './stored.ts';

/** Edges of one answer; what is left out is told. */
export const topologyEdgesMax = 20_000;

export interface TopologyNode {
  urn: Urn;
  name: string;
  type: string;
  region: string | null;
  zone: string | null;
  labels: Record<string, string>;
}

export interface TopologyEdge {
  src: Urn;
  dst: Urn;
  relation: Relation;
  /** Who says so. */
  sources: string[];
  /** Since when it has held, and until when; null: it still does. */
  since: EpochMs;
  until: EpochMs | null;
}

export type Status = 'added' | 'removed' | 'kept';

export interface Topology<Node = TopologyNode, Edge = TopologyEdge> {
  nodes: Node[];
  edges: Edge[];
  /** There are more edges than an answer holds. */
  truncated: boolean;
}
export type TopologyDifference = Topology<
  TopologyNode & { status: Status },
  TopologyEdge & { status: Status }
>;

export interface TopologyFilter {
  /** Empty: all. */
  relations: readonly Relation[];
  /** Beginning of the names of sources, as `iac:terraform:`; empty: all. */
  source: string;
}
export const everything: TopologyFilter = { relations: [], source: '' };

const filterParams = (filter: TopologyFilter) => [
  filter.relations.length === 0 ? [...relations] : [...filter.relations],
  filter.source,
];

interface EdgeAnswer {
  src: Urn;
  dst: Urn;
  relation: Relation;
  sources: string[];
  since: Date;
  until: Date | null;
  before: boolean;
  after: boolean;
}

// $1 tenant, $2 and $3 the two moments (the same for one), $4 relations, $5 beginning of sources.
const heldSql = `
held AS (
  SELECT src_resource_id AS src_id, dst_resource_id AS dst_id, relation, array_agg(DISTINCT source ORDER BY source) AS sources,
         min(lower(valid)) AS since,
         CASE WHEN bool_or(upper_inf(valid)) THEN NULL ELSE max(upper(valid)) END AS until,
         bool_or(valid @> $2::timestamptz) AS before, bool_or(valid @> $3::timestamptz) AS after
    FROM topo_edge_time
   WHERE tenant_id = $1 AND (valid @> $2::timestamptz OR valid @> $3::timestamptz)
     AND relation = ANY($4::text[]) AND starts_with(source, $5)
   GROUP BY 1, 2, 3
)`;

/** What held at a moment: every resource with an edge, every edge with who says so. */
export async function topologyAt(
  ledger: Queryable,
  tenantId: number,
  at: EpochMs,
  filter: TopologyFilter = everything,
): Promise<Topology> {
  const { nodes, edges, truncated } = await topologyBetween(ledger, tenantId, { from: at, to: at }, filter);
  return {
    nodes: nodes.map(({ status: _, ...node }) => node),
    edges: edges.map(({ status: _, ...edge }) => edge),
    truncated,
  };
}

/** What is different at `to` from what was at `from`; what is different comes first. */
export async function topologyBetween(
  ledger: Queryable,
  tenantId: number,
  moments: TimeWindow,
  filter: TopologyFilter = everything,
): Promise<TopologyDifference> {
  const params = [tenantId, iso(moments.from), iso(moments.to), ...filterParams(filter)];
  const edges = await ledger.query<EdgeAnswer>(
    `WITH ${heldSql}
     SELECT s.urn AS src, d.urn AS dst, relation, sources, since, until, before, after
       FROM held JOIN dim_resource s ON s.resource_id = src_id JOIN dim_resource d ON d.resource_id = dst_id
      ORDER BY before = after, s.urn COLLATE "C", d.urn COLLATE "C", relation LIMIT ${topologyEdgesMax + 1}`,
    params,
  );
  const nodes = await ledger.query<TopologyNode & { before: boolean; after: boolean }>(
    `WITH ${heldSql}, ends AS (
       SELECT src_id AS id, before, after FROM held UNION ALL SELECT dst_id, before, after FROM held
     ), whole AS (
       SELECT id, bool_or(before) AS before, bool_or(after) AS after FROM ends GROUP BY id
     )
     SELECT r.urn, r.name, r.type, r.region, r.zone, r.labels, before, after
       FROM whole JOIN dim_resource r ON r.resource_id = whole.id
      ORDER BY before = after, r.urn COLLATE "C" LIMIT ${topologyEdgesMax}`,
    params,
  );
  return {
    nodes: nodes.map(({ before, after, ...node }) => ({ ...node, status: statusOf(before, after) })),
    edges: edges.slice(0, topologyEdgesMax).map(({ before, after, since, until, ...edge }) => ({
      ...edge,
      since: since.getTime(),
      until: until?.getTime() ?? null,
      status: statusOf(before, after),
    })),
    truncated: edges.length > topologyEdgesMax,
  };
}

const statusOf = (before: boolean, after: boolean): Status =>
  before && after ? 'kept' : after ? 'added' : 'removed';

const activeSql = `
active AS (
  SELECT DISTINCT src_resource_id AS src, dst_resource_id AS dst FROM topo_edge_time
   WHERE tenant_id = $1 AND valid @> $2::timestamptz AND relation = ANY($3::text[])
)`;

export interface WalkAt {
  at: EpochMs;
  urn: Urn;
  depth: number;
  direction: Direction;
  relations: readonly Relation[];
}

const walkParams = (tenantId: number, walk: WalkAt) => [
  tenantId,
  iso(walk.at),
  walk.relations.length === 0 ? [...dependencyRelations] : [...walk.relations],
  walk.urn,
  Math.min(walk.depth, hopsMax),
  walk.direction,
];

/**
 * Everything within `depth` edges of a resource, the nearest first, itself not: `up` is who needs it, so who is affected
 * when it fails; `down` what it needs. Along dependencies where no relations are given. Null when the resource had no
 * edge then.
 */
export async function reachedAt(
  ledger: Queryable,
  tenantId: number,
  walk: WalkAt,
): Promise<Affected[] | null> {
  const rows = await ledger.query<{ urn: Urn; depth: number }>(
    `WITH RECURSIVE ${activeSql}, ${walkSql}
     SELECT r.urn, w.depth FROM reached w JOIN dim_resource r ON r.resource_id = w.id
      ORDER BY w.depth, r.urn COLLATE "C" LIMIT ${topologyEdgesMax}`,
    walkParams(tenantId, walk),
  );
  const others = rows.filter((row) => row.depth > 0).map((row) => ({ urn: row.urn, distance: row.depth }));
  if (others.length > 0) return others;
  return (await hadEdge(ledger, tenantId, walk.at, walk.urn)) ? [] : null;
}

async function hadEdge(ledger: Queryable, tenantId: number, at: EpochMs, urn: Urn): Promise<boolean> {
  const rows = await ledger.query(
    `SELECT 1 FROM topo_edge_time t JOIN dim_resource r ON r.resource_id IN (t.src_resource_id, t.dst_resource_id)
      WHERE t.tenant_id = $1 AND r.tenant_id = $1 AND r.urn = $3 AND t.valid @> $2::timestamptz LIMIT 1`,
    [tenantId, iso(at), urn],
  );
  return rows.length > 0;
}

/** A way from one resource to another with the fewest edges, along their direction; null when there was none. */
export async function pathAt(
  ledger: Queryable,
  tenantId: number,
  walk: Omit<WalkAt, 'depth' | 'direction'> & { dst: Urn },
): Promise<Urn[] | null> {
  const rows = await ledger.query<{ urn: Urn }>(
    `WITH RECURSIVE ${activeSql}, ${walkSql}, ${backSql}
     SELECT r.urn FROM back b JOIN dim_resource r ON r.resource_id = b.id ORDER BY b.depth`,
    [...walkParams(tenantId, { ...walk, depth: hopsMax, direction: 'down' }), walk.dst],
  );
  return rows.length === 0 ? null : rows.map((row) => row.urn);
}

export interface Moment {
  at: EpochMs;
  opened: number;
  closed: number;
}

/** Moments of one answer; of more, the newest. */
const momentsMax = 500;

/** When topology changed within a window. */
export async function momentsOf(
  ledger: Queryable,
  tenantId: number,
  window: TimeWindow,
  filter: TopologyFilter = everything,
): Promise<Moment[]> {
  const rows = await ledger.query<{ at: Date; opened: number; closed: number }>(
    `SELECT at, count(*) FILTER (WHERE opens)::int AS opened, count(*) FILTER (WHERE NOT opens)::int AS closed
       FROM topo_edge_time, LATERAL (VALUES (lower(valid), true), (upper(valid), false)) AS m(at, opens)
      WHERE tenant_id = $1 AND valid && tstzrange($2::timestamptz, $3::timestamptz, '[]') AND at >= $2 AND at <= $3
        AND relation = ANY($4::text[]) AND starts_with(source, $5)
      GROUP BY at ORDER BY at DESC LIMIT ${momentsMax}`,
    [tenantId, iso(window.from), iso(window.to), ...filterParams(filter)],
  );
  return rows.map((row) => ({ ...row, at: row.at.getTime() })).reverse();
}

export interface SourceState {
  source: string;
  job: string;
  read_at: EpochMs;
  /** Edges that it says hold now. */
  edges: number;
  /** When it last said something new; null: never. */
  changed_at: EpochMs | null;
  problems: { file: string; where: string; what: string }[];
  left_out: Record<string, number>;
}

/** Sources of declared topology and how reading each went. */
export async function topologySources(ledger: Queryable, tenantId: number): Promise<SourceState[]> {
  const rows = await ledger.query<
    Omit<SourceState, 'read_at' | 'changed_at'> & { read_at: Date; changed_at: Date | null }
  >(
    `SELECT s.source, s.job, s.read_at, s.problems, s.left_out,
            (SELECT count(*)::int FROM topo_edge_time t
              WHERE t.tenant_id = s.tenant_id AND t.source = s.source AND upper_inf(t.valid)) AS edges,
            (SELECT max(taken_at) FROM topo_snapshot n WHERE n.tenant_id = s.tenant_id AND n.source = s.source) AS changed_at
       FROM topo_source s WHERE s.tenant_id = $1 ORDER BY s.source LIMIT 1000`,
    [tenantId],
  );
  return rows.map((row) => ({
    ...row,
    read_at: row.read_at.getTime(),
    changed_at: row.changed_at?.getTime() ?? null,
  }));
}
