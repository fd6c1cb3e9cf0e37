import { type Queryable, rowsOf } from '../ledger/index.ts';
import { iso } from '../model/index.ts';
import type { Interval } from './interval.ts';

/** One row of `topo_edge_time`: an edge of one source and when it held. */
export interface EdgeRow extends Interval {
  srcId: string;
  dstId: string;
  relation: string;
  props: Record<string, unknown>;
}

export interface RowChanges {
  gone: EdgeRow[];
  come: EdgeRow[];
  /** Rows that hold as before and only carry other properties: no index of the table looks at those. */
  touched?: EdgeRow[];
}

/** Rows per statement. The embedded twin does one statement at a time, and a row here costs three range indexes. */
const rowsPerStatement = 250;

/** One writer of a tenant's topology at a time; the number is arbitrary and ours alone. */
const writerLock = 4_315_102;

export const edgeKey = (row: Pick<EdgeRow, 'srcId' | 'dstId' | 'relation'>): string =>
  `${row.srcId} ${row.dstId} ${row.relation}`;

/** Waits until nobody else writes this tenant's topology; held to the end of the transaction. */
export const lockTopology = (tx: Queryable, tenantId: number): Promise<unknown> =>
  tx.query('SELECT pg_advisory_xact_lock($1::int, ($2::bigint % 2147483647)::int)', [writerLock, tenantId]);

interface Stored {
  src: string;
  dst: string;
  relation: string;
  from_at: Date;
  to_at: Date | null;
  props: Record<string, unknown>;
}

export const rowColumns = `src_resource_id AS src, dst_resource_id AS dst, relation, lower(valid) AS from_at, upper(valid) AS to_at, props`;

export const rowOf = (row: Stored): EdgeRow => ({
  srcId: row.src,
  dstId: row.dst,
  relation: row.relation,
  from: row.from_at.getTime(),
  to: row.to_at?.getTime() ?? Number.POSITIVE_INFINITY,
  props: row.props,
});

/** The rows of a source that overlap a span or touch it. */
export async function rowsTouching(
  tx: Queryable,
  tenantId: number,
  source: string,
  span: Interval,
): Promise<EdgeRow[]> {
  const rows = await tx.query<Stored>(
    `SELECT ${rowColumns} FROM topo_edge_time
      WHERE tenant_id = $1 AND source = $2 AND (valid && r OR valid -|- r)`.replaceAll(
      /\br\b/g,
      'tstzrange($3::timestamptz, $4::timestamptz)',
    ),
    [tenantId, source, iso(span.from), isoOrNull(span.to)],
  );
  return rows.map(rowOf);
}

export const isoOrNull = (at: number): string | null => (Number.isFinite(at) ? iso(at) : null);

/** Takes rows away and adds others, in this order: the table refuses two rows of an edge that overlap. */
export async function writeRows(
  tx: Queryable,
  tenantId: number,
  source: string,
  changes: RowChanges,
): Promise<void> {
  const columns = (rows: readonly EdgeRow[]) =>
    rowsOf<EdgeRow, string | null>(rows, [
      (row) => row.srcId,
      (row) => row.dstId,
      (row) => row.relation,
      (row) => iso(row.from),
      (row) => isoOrNull(row.to),
      (row) => JSON.stringify(row.props),
    ]);
  const given = `unnest($3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::jsonb[])
    AS g(src, dst, relation, from_at, to_at, props)`;
  for (let start = 0; start < changes.gone.length; start += rowsPerStatement)
    await tx.query(
      `DELETE FROM topo_edge_time t USING ${given}
        WHERE t.tenant_id = $1 AND t.source = $2 AND t.src_resource_id = g.src AND t.dst_resource_id = g.dst
          AND t.relation = g.relation AND lower(t.valid) = g.from_at`,
      [tenantId, source, ...columns(changes.gone.slice(start, start + rowsPerStatement))],
    );
  const touched = changes.touched ?? [];
  for (let start = 0; start < touched.length; start += rowsPerStatement)
    await tx.query(
      `UPDATE topo_edge_time t SET props = g.props FROM ${given}
        WHERE t.tenant_id = $1 AND t.source = $2 AND t.src_resource_id = g.src AND t.dst_resource_id = g.dst
          AND t.relation = g.relation AND lower(t.valid) = g.from_at`,
      [tenantId, source, ...columns(touched.slice(start, start + rowsPerStatement))],
    );
  for (let start = 0; start < changes.come.length; start += rowsPerStatement)
    await tx.query(
      `INSERT INTO topo_edge_time (tenant_id, source, src_resource_id, dst_resource_id, relation, valid, props)
       SELECT $1, $2, src, dst, relation, tstzrange(from_at, to_at), props FROM ${given}`,
      [tenantId, source, ...columns(changes.come.slice(start, start + rowsPerStatement))],
    );
}

/** What to write so that an edge holds at `wanted` instead of in its `rows`; rows that stay as they are are left alone. */
export function changesOf(
  rows: readonly EdgeRow[],
  wanted: readonly Interval[],
  of: Omit<EdgeRow, 'from' | 'to'>,
): RowChanges & { touched: EdgeRow[] } {
  const kept = (one: Interval, among: readonly Interval[]) =>
    among.some((other) => other.from === one.from && other.to === one.to);
  return {
    gone: rows.filter((row) => !kept(row, wanted)),
    come: wanted.filter((one) => !kept(one, rows)).map((one) => ({ ...of, ...one })),
    touched: [],
  };
}
