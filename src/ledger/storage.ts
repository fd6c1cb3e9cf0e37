import type { Ledger, Queryable } from './contract.ts';
import { tenantTables } from './isolation.ts';

/** A table of the ledger with what it takes on disk, indexes included. */
export interface LedgerTableUse {
  table: string;
  bytes: number;
  rows: number;
  /** Null: kept for ever. */
  retentionDays: number | null;
  /** Rows by tenant code; '' for rows of no tenant. From a sample of the blocks where the table is large. */
  tenants: { tenant: string; rows: number }[];
}

export interface LedgerUse {
  databaseBytes: number;
  tables: LedgerTableUse[];
}

/** Larger tables are counted by a sample of about so many bytes of their blocks. */
const countedBytesMax = 33_554_432;

const sizesSql = `
SELECT c.relname::text AS name, extract(epoch FROM s.retention)::float8 / 86400 AS days, coalesce(s.hypertable, false) AS hypertable,
       CASE c.relkind
         WHEN 'p' THEN (SELECT coalesce(sum(pg_total_relation_size(relid)), 0) FROM pg_partition_tree(c.oid))
         ELSE pg_total_relation_size(c.oid) END::float8 AS bytes
  FROM pg_class c LEFT JOIN time_series s ON s.table_name = c.relname
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')`;

/** What every table takes, and whose rows are in it. Some milliseconds a table on small ledgers, bounded on large ones. */
export async function ledgerUse(ledger: Ledger): Promise<LedgerUse> {
  const sizes = await ledger.query<{ name: string; days: number | null; hypertable: boolean; bytes: number }>(
    sizesSql,
  );
  const tenantColumns = new Map(
    (await tenantTables(ledger)).map(({ name, tenantColumn }) => [name, tenantColumn]),
  );
  const tables: LedgerTableUse[] = [];
  for (const { name, days, hypertable, bytes } of sizes) {
    const whole = hypertable ? await hypertableBytes(ledger, name) : bytes;
    const share = Math.min(1, countedBytesMax / Math.max(1, whole));
    const tenants = await rowsByTenant(ledger, name, tenantColumns.get(name) ?? null, share);
    const rows = tenants.reduce((sum, each) => sum + each.rows, 0);
    tables.push({ table: name, bytes: whole, rows, retentionDays: days, tenants });
  }
  const [database] = await ledger.query<{ bytes: number }>(
    'SELECT pg_database_size(current_database())::float8 AS bytes',
  );
  return { databaseBytes: database?.bytes ?? 0, tables };
}

/** Chunks, compressed ones too, are no partitions of the table in PostgreSQL's own books. */
async function hypertableBytes(queryable: Queryable, table: string): Promise<number> {
  const [row] = await queryable.query<{ bytes: number }>(
    'SELECT hypertable_size($1::regclass)::float8 AS bytes',
    [`public.${table}`],
  );
  return row?.bytes ?? 0;
}

async function rowsByTenant(
  queryable: Queryable,
  table: string,
  column: { sql: string; join: string } | null,
  share: number,
): Promise<{ tenant: string; rows: number }[]> {
  const sample = share < 1 ? `TABLESAMPLE SYSTEM (${(share * 100).toFixed(4)})` : '';
  const rows = await queryable.query<{ tenant: string; n: number }>(
    column === null
      ? `SELECT '' AS tenant, count(*)::float8 AS n FROM public.${table} ${sample} HAVING count(*) > 0`
      : `SELECT coalesce(t.code, g.owner) AS tenant, g.n FROM (
           SELECT ${column.sql}::text AS owner, count(*)::float8 AS n
             FROM public.${table} ${table} ${sample} ${column.join} GROUP BY 1) g
           LEFT JOIN dim_tenant t ON t.tenant_id::text = g.owner ORDER BY 2 DESC`,
  );
  return rows.map(({ tenant, n }) => ({ tenant, rows: Math.round(n / share) }));
}
