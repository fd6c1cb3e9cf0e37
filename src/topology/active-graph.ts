import type {
  CallsGraph,
  CallsGraphs,
  CypherAnswer,
  CypherLimits,
  Ledger,
  Queryable,
} from '../ledger/index.ts';
import type { Clock } from '../lib/index.ts';
import { type EpochMs, iso } from '../model/index.ts';
import type { Job } from '../rollup/index.ts';

/** The graph holds the calls that were active so long, up to now. */
export const activeMs = 600_000;
/** A question finds the graph at most this old; the job refreshes it every five minutes anyway. */
const staleMs = 60_000;
/** Most calls of the graph; of more, the busiest. */
const edgesMax = 5_000;

interface ActiveRow {
  src: string;
  dst: string;
  src_urn: string;
  src_name: string;
  src_type: string;
  dst_urn: string;
  dst_name: string;
  dst_type: string;
  first_seen: Date;
  last_seen: Date;
  rps: number | null;
  err_rate: number | null;
  p95: number | null;
}

/** The calls of the 10 minutes up to `at`, as the graph `ops` holds them. */
export async function activeGraph(ledger: Queryable, tenantId: number, at: EpochMs): Promise<CallsGraph> {
  const rows = await ledger.query<ActiveRow>(
    `WITH active AS (
       SELECT src_resource_id AS src, dst_resource_id AS dst, min(bucket) AS first_seen, max(bucket) AS last_seen,
              avg(rps) AS rps, sum(err_rate * rps) / nullif(sum(rps), 0) AS err_rate, sum(p95_ms * rps) / nullif(sum(rps), 0) AS p95
         FROM service_call_5m
        WHERE tenant_id = $1 AND bucket > $2::timestamptz - interval '5 minutes' AND bucket <= $3
        GROUP BY 1, 2 ORDER BY sum(rps) DESC NULLS LAST, 1, 2 LIMIT ${edgesMax}
     )
     SELECT a.src, a.dst, s.urn AS src_urn, s.name AS src_name, s.type AS src_type, d.urn AS dst_urn, d.name AS dst_name, d.type AS dst_type,
            least(a.first_seen, (SELECT lower(t.valid) FROM topo_edge_time t
                                  WHERE t.tenant_id = $1 AND t.src_resource_id = a.src AND t.dst_resource_id = a.dst
                                    AND t.source = 'calls' AND t.valid @> a.last_seen LIMIT 1)) AS first_seen,
            a.last_seen, a.rps, a.err_rate, a.p95
       FROM active a JOIN dim_resource s ON s.resource_id = a.src JOIN dim_resource d ON d.resource_id = a.dst`,
    [tenantId, iso(at - activeMs), iso(at)],
  );
  const vertices = new Map<string, CallsGraph['vertices'][number]>();
  const add = (id: string, urn: string, name: string, type: string) =>
    vertices.set(id, { id, properties: { tenant_id: tenantId, resource_id: Number(id), urn, name, type } });
  for (const row of rows) {
    add(row.src, row.src_urn, row.src_name, row.src_type);
    add(row.dst, row.dst_urn, row.dst_name, row.dst_type);
  }
  const edges = rows.map((row) => ({
    src: row.src,
    dst: row.dst,
    properties: {
      first_seen: row.first_seen.toISOString(),
      last_seen: row.last_seen.toISOString(),
      rps: row.rps,
      err_rate: row.err_rate,
      p95: row.p95,
    },
  }));
  return { vertices: [...vertices.values()], edges };
}

/** `age-refresh`: keeps the graph of active calls in step with `service_call_5m`, after oo-agg. */
export const ageRefresh = (graphs: CallsGraphs, ledger: Ledger, delayMs: number): Job => ({
  name: 'age-refresh',
  after: ['oo-agg'],
  alignMs: 300_000,
  delayMs,
  initialLookbackMs: 300_000,
  async run({ tenant, window, completeTo, commit }) {
    // The graph is of now: a window of the past has no graph of its own to write.
    if (graphs.unavailable !== null || window.to < completeTo) return commit(async () => nothing);
    const graph = await activeGraph(ledger, tenant.id, window.to);
    return commit(async (tx) => {
      await graphs.replace(tx, tenant.id, graph);
      return {
        ...nothing,
        rowsRead: graph.edges.length,
        rowsWritten: graph.vertices.length + graph.edges.length,
      };
    });
  },
});

const nothing = { rowsRead: 0, rowsWritten: 0, rowsConflict: 0, leftOut: {} };

export interface AskedGraph extends CypherAnswer {
  graph: { name: string; refreshed_at: EpochMs; vertices: number; edges: number };
}

/** Questions of users, each to a graph that is up to date. */
export function cypherWindow(deps: { ledger: Ledger; graphs: CallsGraphs; clock: Clock }) {
  const { ledger, graphs, clock } = deps;
  const known = new Map<number, AskedGraph['graph']>();
  return async (tenantId: number, cypher: string, limits: CypherLimits): Promise<AskedGraph> => {
    let graph = known.get(tenantId);
    if (graphs.unavailable === null && (graph === undefined || clock.now() - graph.refreshed_at > staleMs)) {
      const at = clock.now();
      const active = await activeGraph(ledger.forTenant(tenantId), tenantId, at);
      // Writing the graph is the program's own work; what is asked of it afterwards is bound to the tenant's graph.
      await ledger.transaction((tx) => graphs.replace(tx, tenantId, active));
      graph = {
        name: graphs.nameOf(tenantId),
        refreshed_at: at,
        vertices: active.vertices.length,
        edges: active.edges.length,
      };
      known.set(tenantId, graph);
    }
    const answer = await graphs.ask(tenantId, cypher, limits);
    return {
      ...answer,
      graph: graph ?? { name: graphs.nameOf(tenantId), refreshed_at: 0, vertices: 0, edges: 0 },
    };
  };
}
