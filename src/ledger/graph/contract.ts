import type { Queryable } from '../contract.ts';

/** Values that a property may have. */
export type Scalar = string | number | boolean | null;

export interface GraphVertex {
  /** `resource_id`: the vertex keeps its id in the graph from one refresh to the next. */
  id: string;
  properties: Record<string, Scalar>;
}
export interface GraphEdge {
  src: string;
  dst: string;
  properties: Record<string, Scalar>;
}
/** One tenant's calls: vertices `Resource`, edges `CALLS`. */
export interface CallsGraph {
  vertices: readonly GraphVertex[];
  edges: readonly GraphEdge[];
}

export interface CypherAnswer {
  columns: string[];
  rows: unknown[][];
  /** There were more rows than asked for. */
  truncated: boolean;
}

export interface CypherLimits {
  timeoutMs: number;
  rowsMax: number;
}

/**
 * Graphs of Apache AGE, one for each tenant: `ops` for the tenant of this configuration, `ops_<id>` for every other. A
 * question is asked of one graph only and can name no other, so no tenant reaches another's vertices.
 */
export interface CallsGraphs {
  /** Why there is no Cypher, in words for the user; null when there is. */
  readonly unavailable: string | null;
  nameOf(tenantId: number): string;
  /** Puts `graph` in place of what the tenant's graph holds, in the given transaction where the ledger itself holds it. */
  replace(tx: Queryable, tenantId: number, graph: CallsGraph): Promise<void>;
  /** Asks in openCypher, reading only. Throws `unprocessable` for what is not read-only or wrong, `timeout`, `not_available`. */
  ask(tenantId: number, cypher: string, limits: CypherLimits): Promise<CypherAnswer>;
  close(): Promise<void>;
}
