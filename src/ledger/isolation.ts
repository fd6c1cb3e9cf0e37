import { absent, present } from './capabilities.ts';
import type { Capability, Queryable } from './contract.ts';

/**
 * Rows of a tenant, kept apart by the engine. Every table that holds rows of tenants has a policy, and `clew_reader`, the
 * role under which `forTenant` reads, may select from those tables and from no other. The program's own jobs run as the
 * owner of the tables, whom policies do not bind.
 *
 * The policy follows from the table: by its column `tenant_id` or `tenant`, else through a foreign key to a table that
 * has one. This runs at every opening, so a new table is isolated without a word.
 */
export const readerRole = 'clew_reader';
export const tenantSetting = 'clew.tenant_id';
/** Where a policy is not enough (hypertables), the reader finds a filtering view of the table's name here. */
const viewSchema = 'clew_tenant';

/** Tables without rows of tenants, each with the reason. The reader may not see them. */
export const internalTables: Record<string, string> = {
  time_series: 'partitions are the same for all',
  time_series_partition: 'partitions are the same for all',
  ledger_migration: 'the schema is the same for all',
  ledger_manifest: 'the schema is the same for all',
  etl_late_scan: 'how far late records were looked for, in all tenants at once',
  inbox: 'message ids that a consumer has seen; the message itself is in outbox',
};

const ownId = `nullif(current_setting('${tenantSetting}', true), '')::bigint`;

interface TableRow {
  name: string;
  columns: Record<string, string>;
  secured: boolean;
  granted: boolean;
  hypertable: boolean;
  keys: { column: string; parent: string; parentKey: string }[];
}

const tablesSql = `
SELECT c.relname::text AS name,
       (SELECT jsonb_object_agg(a.attname, format_type(a.atttypid, NULL)) FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       (c.relrowsecurity AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'tenant_rows'))
         OR v.oid IS NOT NULL AS secured,
       coalesce((SELECT bool_or(has_table_privilege(r.oid, coalesce(v.oid, c.oid), 'SELECT')) FROM pg_roles r
                  WHERE r.rolname = '${readerRole}'), false) AS granted,
       EXISTS (SELECT 1 FROM time_series s WHERE s.table_name = c.relname AND s.hypertable) AS hypertable,
       coalesce((SELECT jsonb_agg(jsonb_build_object('column', a.attname, 'parent', p.relname, 'parentKey', pa.attname)
                                  ORDER BY k.conname)
          FROM pg_constraint k JOIN pg_class p ON p.oid = k.confrelid
          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
          JOIN pg_attribute pa ON pa.attrelid = k.confrelid AND pa.attnum = k.confkey[1]
         WHERE k.conrelid = c.oid AND k.contype = 'f' AND cardinality(k.conkey) = 1 AND a.attnotnull
           AND p.oid <> c.oid), '[]'::jsonb) AS keys
  FROM pg_class c
  LEFT JOIN pg_class v ON v.relname = c.relname AND v.relkind = 'v' AND v.relnamespace = to_regnamespace('${viewSchema}')
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
 ORDER BY c.relname`;

export interface IsolatedTable {
  name: string;
  /** The condition under which a row belongs to the tenant; null for a table that has none. */
  condition: string | null;
  secured: boolean;
  granted: boolean;
  hypertable: boolean;
  /** Where a row's tenant (number or code) stands, after a join; null when the table says it through several others. */
  tenantColumn: { sql: string; join: string } | null;
}

/** Every table of the ledger and how its rows belong to a tenant. */
export async function tenantTables(queryable: Queryable): Promise<IsolatedTable[]> {
  const rows = await queryable.query<TableRow>(tablesSql);
  const conditions = new Map<string, string>();
  for (const { name, columns } of rows) {
    const own = ownCondition(name, columns);
    if (own !== null) conditions.set(name, own);
  }
  // A child of a child waits until its parent is known; two rounds reach every table, a third is for the future.
  for (let round = 0; round < 3; round++) {
    for (const { name, keys } of rows) {
      const key = keys.find(({ parent }) => conditions.has(parent));
      if (conditions.has(name) || key === undefined || name in internalTables) continue;
      conditions.set(name, throughParent(name, key, conditions.get(key.parent) ?? 'false'));
    }
  }
  const columnsOf = new Map(rows.map(({ name, columns }) => [name, columns]));
  return rows.map(({ name, secured, granted, hypertable, keys }) => ({
    name,
    condition: conditions.get(name) ?? null,
    secured,
    granted,
    hypertable,
    tenantColumn: name in internalTables ? null : tenantColumn(name, keys, columnsOf),
  }));
}

function throughParent(name: string, key: TableRow['keys'][number], condition: string): string {
  const alias = `${key.parent}_row`;
  const ofAlias = condition.replaceAll(new RegExp(`(?<![\\w.])${key.parent}\\.`, 'g'), `${alias}.`);
  return `EXISTS (SELECT 1 FROM public.${key.parent} ${alias} WHERE ${alias}.${key.parentKey} = ${name}.${key.column} AND ${ofAlias})`;
}

function tenantColumn(
  name: string,
  keys: TableRow['keys'],
  columnsOf: ReadonlyMap<string, Record<string, string>>,
): IsolatedTable['tenantColumn'] {
  const own = ownColumn(columnsOf.get(name) ?? {});
  if (own !== null) return { sql: `${name}.${own}`, join: '' };
  for (const { column, parent, parentKey } of keys) {
    const theirs = ownColumn(columnsOf.get(parent) ?? {});
    if (theirs !== null)
      return {
        sql: `parent.${theirs}`,
        join: `JOIN public.${parent} parent ON parent.${parentKey} = ${name}.${column}`,
      };
  }
  return null;
}

const ownColumn = (columns: Record<string, string>): string | null =>
  columns.tenant_id === 'bigint' ? 'tenant_id' : columns.tenant === 'text' ? 'tenant' : null;

function ownCondition(name: string, columns: Record<string, string>): string | null {
  const column = ownColumn(columns);
  if (column === 'tenant_id') return `${name}.tenant_id = ${ownId}`;
  if (column === 'tenant')
    return `${name}.tenant = (SELECT t.code FROM public.dim_tenant t WHERE t.tenant_id = ${ownId})`;
  return null;
}

/** Makes what is missing: role, policies, grants. Says what a superuser must do where the role may not. */
export async function isolateTenants(queryable: Queryable): Promise<Capability> {
  const refused = await ensureRole(queryable);
  if (refused !== null) return absent('row-level security', refused, true);
  for (const { name, condition, secured, granted, hypertable } of await tenantTables(queryable)) {
    if (condition === null) continue;
    if (hypertable && !(secured && granted)) await secureByView(queryable, name, condition);
    if (hypertable) continue;
    if (!secured) {
      await queryable.query(`ALTER TABLE public.${name} ENABLE ROW LEVEL SECURITY`);
      await queryable.query(`CREATE POLICY tenant_rows ON public.${name} USING (${condition})`);
    }
    if (!granted) await queryable.query(`GRANT SELECT ON public.${name} TO ${readerRole}`);
  }
  return { ...present('row-level security'), message: `reads of a tenant run as the role ${readerRole}` };
}

/**
 * For hypertables: their chunks take over grants but not policies, so that a reader could ask the chunk, and compression
 * and policies exclude each other. The view belongs to the owner of the table, whom no policy binds; its barrier keeps
 * cheap functions from looking first.
 */
export async function secureByView(queryable: Queryable, table: string, condition: string): Promise<void> {
  await queryable.query(`CREATE SCHEMA IF NOT EXISTS ${viewSchema}`);
  await queryable.query(`GRANT USAGE ON SCHEMA ${viewSchema} TO ${readerRole}`);
  await queryable.query(
    `CREATE OR REPLACE VIEW ${viewSchema}.${table} WITH (security_barrier) AS SELECT * FROM public.${table} WHERE ${condition}`,
  );
  await queryable.query(`GRANT SELECT ON ${viewSchema}.${table} TO ${readerRole}`);
}

/** Null when reads may run as the role; otherwise what a superuser must run. */
async function ensureRole(queryable: Queryable): Promise<string | null> {
  const [before] = await queryable.query<{ there: boolean; role: string }>(
    `SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '${readerRole}') AS there, quote_ident(current_user) AS role`,
  );
  const login = before?.role ?? '';
  const advice = (sql: string) =>
    `reads are filtered by the program alone. As a superuser run: ${sql} Then restart Clew.`;
  if (!before?.there && !(await tried(queryable, `CREATE ROLE ${readerRole} NOLOGIN`)))
    return advice(`CREATE ROLE ${readerRole} NOLOGIN; GRANT ${readerRole} TO ${login};`);
  if (await mayBecome(queryable)) return null;
  await tried(queryable, `GRANT ${readerRole} TO ${login}`);
  return (await mayBecome(queryable)) ? null : advice(`GRANT ${readerRole} TO ${login};`);
}

/** False when it is refused. That another one did the same at the same time is as good as having done it. */
async function tried(queryable: Queryable, sql: string): Promise<boolean> {
  try {
    await queryable.query(sql);
    return true;
  } catch (error) {
    const { code = '' } = error as { code?: string };
    if (code === '42710' || code === '23505') return true;
    if (code === '42501') return false;
    throw error;
  }
}

async function mayBecome(queryable: Queryable): Promise<boolean> {
  if (!(await tried(queryable, `SET ROLE ${readerRole}`))) return false;
  await queryable.query('RESET ROLE');
  return true;
}

/** Makes what follows in the transaction a read of that tenant. The number is ours, never a text of a user. */
export const becomeTenant = (tenantId: number): string =>
  `SET LOCAL ROLE ${readerRole}; SET LOCAL ${tenantSetting} = '${Math.trunc(tenantId)}'; SET LOCAL search_path = ${viewSchema}, public`;
