import type { DetailQuery, DetailStore } from '../detail/contract.ts';

/** A table of the detail store with what its active parts take on disk. */
export interface DetailTableUse {
  table: string;
  bytes: number;
  rows: number;
  /** Epoch milliseconds of the first day that it has rows of; null where it is not cut by days. */
  oldest: number | null;
  tenants: { tenant: string; rows: number }[];
}

/** Tables with more rows than this are counted by their index: a mark's rows go to the tenant that it begins with. */
const countedRowsMax = 5_000_000;

const storeQuery = (name: string, sql: string, params: DetailQuery['params'] = {}): DetailQuery => ({
  name: `storage.${name}`,
  // Sizes of the whole store: no tenant's rows are read, and no window applies.
  tenant: '',
  window: { from: 0, to: 0 },
  sql,
  params,
});

/** What every table takes, and whose rows are in it. */
export async function detailUse(store: Pick<DetailStore, 'query'>): Promise<DetailTableUse[]> {
  const { rows } = await store.query<{ table: string; bytes: string; n: string; oldest: string }>(
    storeQuery(
      'tables',
      `SELECT table, sum(bytes_on_disk) AS bytes, sum(rows) AS n,
              min(if(match(partition, '^\\\\d{4}-\\\\d{2}-\\\\d{2}$'), partition, '')) AS oldest
         FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table ORDER BY bytes DESC`,
    ),
  );
  const withTenant = new Set(
    (
      await store.query<{ table: string }>(
        storeQuery(
          'columns',
          `SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'Tenant'`,
        ),
      )
    ).rows.map(({ table }) => table),
  );
  const uses: DetailTableUse[] = [];
  for (const { table, bytes, n, oldest } of rows)
    uses.push({
      table,
      bytes: Number(bytes),
      rows: Number(n),
      oldest: oldest === '' ? null : Date.parse(`${oldest}T00:00:00Z`),
      tenants: withTenant.has(table)
        ? await tenantsOf(store, table, Number(n))
        : [{ tenant: '', rows: Number(n) }],
    });
  return uses;
}

async function tenantsOf(
  store: Pick<DetailStore, 'query'>,
  table: string,
  rows: number,
): Promise<DetailTableUse['tenants']> {
  const sql =
    rows <= countedRowsMax
      ? `SELECT Tenant AS tenant, count() AS n FROM {table:Identifier} GROUP BY tenant ORDER BY n DESC`
      : `SELECT Tenant AS tenant, sum(rows_in_granule) AS n FROM mergeTreeIndex(currentDatabase(), {table:Identifier})
          GROUP BY tenant ORDER BY n DESC`;
  const answer = await store.query<{ tenant: string; n: string }>(storeQuery('tenants', sql, { table }));
  return answer.rows.map(({ tenant, n }) => ({ tenant, rows: Number(n) }));
}
