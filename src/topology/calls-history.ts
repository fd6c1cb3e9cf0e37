import type { Queryable } from '../ledger/index.ts';
import { type EpochMs, iso, type TimeWindow } from '../model/index.ts';
import { changesOf, type EdgeRow, edgeKey, lockTopology, rowColumns, rowOf, writeRows } from './edge-rows.ts';
import { type Interval, joined } from './interval.ts';

/** The observed calls are a source of their own beside the declared ones. */
export const callsSource = 'calls';
/** Length of a row of `service_call_5m`. */
const bucketMs = 300_000;
/** When an open edge was seen last; kept with it, so that it can be closed at that moment. */
const seenTo = 'seen_to';

export interface CallsWindow {
  window: TimeWindow;
  /** Calls are counted up to here. */
  completeTo: EpochMs;
  /** An edge that was not seen for longer than this is closed where it was seen last, ms. */
  idleMs: number;
}

interface Island {
  src: string;
  dst: string;
  from_at: Date;
  to_at: Date;
}

/**
 * Brings the edges `CALLS` of `topo_edge_time` in step with `service_call_5m`: an edge holds while it is seen, pauses of
 * up to `idleMs` included, and stays open until it was not seen for longer. Windows may come in any order and again;
 * what results depends only on the rows of `service_call_5m`.
 */
export async function applyCalls(
  tx: Queryable,
  tenantId: number,
  given: CallsWindow,
): Promise<{ read: number; written: number }> {
  await lockTopology(tx, tenantId);
  const open = await openRows(tx, tenantId);
  const islands = await islandsOf(tx, tenantId, given, open);
  const seen = new Map<string, Interval[]>();
  for (const island of islands) {
    const key = edgeKey({ srcId: island.src, dstId: island.dst, relation: 'CALLS' });
    const list = seen.get(key) ?? [];
    list.push({ from: island.from_at.getTime(), to: island.to_at.getTime() });
    seen.set(key, list);
  }
  const near = await rowsNear(tx, tenantId, given, [...seen.values()].flat());
  const rows = new Map<string, EdgeRow[]>();
  for (const row of new Map([...open, ...near].map((row) => [`${edgeKey(row)} ${row.from}`, row])).values())
    rows.set(edgeKey(row), [...(rows.get(edgeKey(row)) ?? []), row]);
  const changes = { gone: [] as EdgeRow[], come: [] as EdgeRow[], touched: [] as EdgeRow[] };
  for (const key of new Set([...rows.keys(), ...seen.keys()])) {
    const change = planEdge(key, rows.get(key) ?? [], seen.get(key) ?? [], given);
    changes.gone.push(...change.gone);
    changes.come.push(...change.come);
    changes.touched.push(...change.touched);
  }
  await writeRows(tx, tenantId, callsSource, changes);
  return { read: islands.length, written: changes.come.length };
}

const openRows = async (tx: Queryable, tenantId: number): Promise<EdgeRow[]> =>
  (
    await tx.query<Parameters<typeof rowOf>[0]>(
      `SELECT ${rowColumns} FROM topo_edge_time WHERE tenant_id = $1 AND source = $2 AND upper_inf(valid)`,
      [tenantId, callsSource],
    )
  ).map(rowOf);

const seenOf = (row: EdgeRow): EpochMs => (Number.isFinite(row.to) ? row.to : Number(row.props[seenTo]));

/** When edges were seen: in the window, and since the open ones were looked at last. Pauses of up to `idleMs` are in it. */
function islandsOf(
  tx: Queryable,
  tenantId: number,
  { window, completeTo, idleMs }: CallsWindow,
  open: readonly EdgeRow[],
): Promise<Island[]> {
  const since = Math.min(completeTo, ...open.map(seenOf));
  return tx.query<Island>(
    `WITH seen AS (
       SELECT src_resource_id AS src, dst_resource_id AS dst, bucket,
              bucket - lag(bucket) OVER w > $5::interval AS begins
         FROM service_call_5m
        WHERE tenant_id = $1 AND (bucket > $2::timestamptz - interval '5 minutes' AND bucket < $3 OR bucket >= $4) AND bucket < $6
       WINDOW w AS (PARTITION BY src_resource_id, dst_resource_id ORDER BY bucket)
     ), numbered AS (
       SELECT src, dst, bucket, count(*) FILTER (WHERE begins) OVER (PARTITION BY src, dst ORDER BY bucket) AS island FROM seen
     )
     SELECT src, dst, min(bucket) AS from_at, max(bucket) + interval '5 minutes' AS to_at
       FROM numbered GROUP BY src, dst, island`,
    [
      tenantId,
      iso(window.from),
      iso(window.to),
      iso(since),
      `${(bucketMs + idleMs) / 1_000} seconds`,
      iso(completeTo),
    ],
  );
}

/** Closed rows that a new island may have to be joined with. */
async function rowsNear(
  tx: Queryable,
  tenantId: number,
  { idleMs }: CallsWindow,
  seen: readonly Interval[],
): Promise<EdgeRow[]> {
  if (seen.length === 0) return [];
  const from = Math.min(...seen.map((one) => one.from)) - idleMs - 1;
  const to = Math.max(...seen.map((one) => one.to)) + idleMs + 1;
  const rows = await tx.query<Parameters<typeof rowOf>[0]>(
    `SELECT ${rowColumns} FROM topo_edge_time
      WHERE tenant_id = $1 AND source = $2 AND valid && tstzrange($3::timestamptz, $4::timestamptz)`,
    [tenantId, callsSource, iso(from), iso(to)],
  );
  return rows.map(rowOf);
}

function planEdge(key: string, rows: readonly EdgeRow[], seen: readonly Interval[], given: CallsWindow) {
  const held = rows.map((row) => ({ from: row.from, to: seenOf(row) }));
  const wanted = joined([...held, ...seen], given.idleMs);
  const last = wanted.at(-1);
  let props: Record<string, unknown> = {};
  // Only the newest can still be open: a row that was read is the newest of its edge, or it is closed already.
  if (last !== undefined && given.completeTo - last.to <= given.idleMs) {
    props = { [seenTo]: last.to };
    last.to = Number.POSITIVE_INFINITY;
  }
  const [srcId = '', dstId = '', relation = ''] = key.split(' ');
  const change = changesOf(rows, wanted, { srcId, dstId, relation, props: {} });
  const open = rows.find((row) => !Number.isFinite(row.to));
  if (last !== undefined && !Number.isFinite(last.to)) {
    const stays = open !== undefined && open.from === last.from;
    if (stays && open.props[seenTo] !== props[seenTo]) {
      change.touched.push({ ...open, props });
    } else for (const row of change.come) if (!Number.isFinite(row.to)) row.props = props;
  }
  return change;
}
