import type { Queryable } from '../ledger/index.ts';
import { type EpochMs, iso } from '../model/index.ts';
import { changesOf, type EdgeRow, edgeKey, lockTopology, rowsTouching, writeRows } from './edge-rows.ts';
import { type Interval, joined, without } from './interval.ts';

export interface EdgeIds {
  srcId: string;
  dstId: string;
  relation: string;
}

/** Everything that one source says at one moment. */
export interface Snapshot {
  source: string;
  at: EpochMs;
  /** Of the content: the same content again need not be recorded. */
  hash: string;
  edges: readonly EdgeIds[];
}

export interface Applied {
  /** Edges that begin to hold at the snapshot, and that cease to. */
  opened: number;
  closed: number;
  kept: number;
}

/**
 * Writes what a snapshot says: from its moment until the next snapshot of its source, exactly its edges hold. Edges that
 * are new open an interval, edges that are gone have theirs closed, edges that came back get a further one. Snapshots may
 * come late and out of order, and the same one again changes nothing: what holds at a moment depends only on the newest
 * snapshot up to that moment. Each edge once; run it in a transaction.
 */
export async function applySnapshot(tx: Queryable, tenantId: number, snapshot: Snapshot): Promise<Applied> {
  await lockTopology(tx, tenantId);
  const [next] = await tx.query<{ at: Date | null }>(
    'SELECT min(taken_at) AS at FROM topo_snapshot WHERE tenant_id = $1 AND source = $2 AND taken_at > $3',
    [tenantId, snapshot.source, iso(snapshot.at)],
  );
  await tx.query(
    `INSERT INTO topo_snapshot (tenant_id, source, taken_at, content_hash, edges) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (tenant_id, source, taken_at) DO UPDATE SET content_hash = excluded.content_hash, edges = excluded.edges`,
    [tenantId, snapshot.source, iso(snapshot.at), snapshot.hash, snapshot.edges.length],
  );
  const span = { from: snapshot.at, to: next?.at?.getTime() ?? Number.POSITIVE_INFINITY };
  const rows = await rowsTouching(tx, tenantId, snapshot.source, span);
  const plan = planSnapshot(rows, span, snapshot.edges);
  await writeRows(tx, tenantId, snapshot.source, plan.changes);
  return plan.applied;
}

/** What changes when over `span` exactly `edges` hold; `rows` are the rows that overlap it or touch it. */
export function planSnapshot(rows: readonly EdgeRow[], span: Interval, edges: readonly EdgeIds[]) {
  const byKey = new Map<string, EdgeRow[]>();
  for (const row of rows) byKey.set(edgeKey(row), [...(byKey.get(edgeKey(row)) ?? []), row]);
  const present = new Map(edges.map((edge) => [edgeKey(edge), edge]));
  const changes = { gone: [] as EdgeRow[], come: [] as EdgeRow[] };
  const applied: Applied = { opened: 0, closed: 0, kept: 0 };
  for (const key of new Set([...byKey.keys(), ...present.keys()])) {
    const held = byKey.get(key) ?? [];
    const [first] = held;
    const edge = present.get(key) ?? first;
    if (edge === undefined) continue;
    const wasThere = held.some((row) => row.from <= span.from && row.to > span.from);
    const wanted = present.has(key) ? joined([...held, span]) : without(held, span);
    const { srcId, dstId, relation } = edge;
    const change = changesOf(held, wanted, { srcId, dstId, relation, props: first?.props ?? {} });
    changes.gone.push(...change.gone);
    changes.come.push(...change.come);
    if (present.has(key)) applied[wasThere ? 'kept' : 'opened']++;
    else if (held.some((row) => row.to > span.from && row.from < span.to)) applied.closed++;
  }
  return { changes, applied };
}
