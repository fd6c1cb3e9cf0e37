import { ClewError, type Clock } from '../../lib/index.ts';
import { builtinTables, type Column, nextColumns, type TableSchema } from './schema.ts';

/** What the registry needs of the relational store; the ledger has it. */
export interface RegistryStore {
  query<Row>(sql: string, params?: readonly unknown[]): Promise<Row[]>;
  tenantId(code: string): Promise<number>;
}

export interface Registered {
  schema: TableSchema;
  /** Whether the columns were new, others than before, or the same. */
  outcome: 'created' | 'changed' | 'unchanged';
}

const tablesMax = 500;
/** Another process may register; what it registered is seen after this time. */
const cacheMs = 5_000;
const cacheMax = 10_000;
/** Two processes may register at once: the loser looks again. */
const racesMax = 5;

interface Row {
  table_name: string;
  schema: { columns: Column[] };
  version: number;
  created_at: Date;
}

const sql = {
  find: 'SELECT table_name, schema, version, created_at FROM table_registry WHERE tenant_id = $1 AND table_name = $2',
  list: 'SELECT table_name, schema, version, created_at FROM table_registry WHERE tenant_id = $1 ORDER BY table_name',
  insert: `INSERT INTO table_registry (tenant_id, table_name, schema)
    SELECT $1, $2, $3::jsonb WHERE (SELECT count(*) FROM table_registry WHERE tenant_id = $1) < $4
    ON CONFLICT DO NOTHING RETURNING table_name, schema, version, created_at`,
  change: `UPDATE table_registry SET schema = $3::jsonb, version = version + 1, updated_at = now()
    WHERE tenant_id = $1 AND table_name = $2 AND version = $4 RETURNING table_name, schema, version, created_at`,
};

/** The tables that a tenant registered. Rows of the ledger are the truth; readers keep them for some seconds. */
export class TableRegistry {
  private readonly cache = new Map<string, { schema: TableSchema | undefined; until: number }>();
  private readonly store: RegistryStore;
  private readonly clock: Clock;

  constructor(store: RegistryStore, clock: Clock) {
    this.store = store;
    this.clock = clock;
  }

  /** The schema of a table; undefined when nobody registered it. */
  async find(tenant: string, table: string): Promise<TableSchema | undefined> {
    const key = `${tenant} ${table}`;
    const now = this.clock.monotonic();
    const known = this.cache.get(key);
    if (known !== undefined && known.until > now) return known.schema;
    const [row] = await this.store.query<Row>(sql.find, [await this.store.tenantId(tenant), table]);
    const schema = row === undefined ? builtinTables.find((each) => each.table === table) : schemaOf(row);
    this.remember(key, schema);
    return schema;
  }

  /** Throws `schema_conflict` when the columns don't go with those that are registered. */
  async register(tenant: string, table: string, columns: Column[]): Promise<Registered> {
    const tenantId = await this.store.tenantId(tenant);
    const body = (list: Column[]) => JSON.stringify({ columns: list });
    for (let race = 0; race < racesMax; race++) {
      const [row] = await this.store.query<Row>(sql.find, [tenantId, table]);
      if (row === undefined) {
        const [made] = await this.store.query<Row>(sql.insert, [tenantId, table, body(columns), tablesMax]);
        if (made !== undefined) return this.done(tenant, made, 'created');
        const all = await this.store.query<Row>(sql.list, [tenantId]);
        if (all.length >= tablesMax)
          throw new ClewError(
            'unprocessable',
            `${all.length} tables are registered; the limit is ${tablesMax}.`,
          );
        continue;
      }
      const next = nextColumns(schemaOf(row), columns);
      if (next === null) return this.done(tenant, row, 'unchanged');
      const [changed] = await this.store.query<Row>(sql.change, [tenantId, table, body(next), row.version]);
      if (changed !== undefined) return this.done(tenant, changed, 'changed');
    }
    throw new ClewError(
      'conflict',
      `The table ${table} is being registered by others at the same time; try again.`,
    );
  }

  /** All tables of a tenant by name, with the built-in ones that it did not replace. */
  async list(tenant: string): Promise<TableSchema[]> {
    const rows = await this.store.query<Row>(sql.list, [await this.store.tenantId(tenant)]);
    const registered = rows.map(schemaOf);
    const builtin = builtinTables.filter(({ table }) => !registered.some((each) => each.table === table));
    return [...registered, ...builtin].sort((a, b) => (a.table < b.table ? -1 : 1));
  }

  private done(tenant: string, row: Row, outcome: Registered['outcome']): Registered {
    const schema = schemaOf(row);
    this.remember(`${tenant} ${schema.table}`, schema);
    return { schema, outcome };
  }

  private remember(key: string, schema: TableSchema | undefined): void {
    if (this.cache.size >= cacheMax) this.cache.clear();
    this.cache.set(key, { schema, until: this.clock.monotonic() + cacheMs });
  }
}

const schemaOf = (row: Row): TableSchema => ({
  table: row.table_name,
  version: row.version,
  columns: row.schema.columns,
  builtin: false,
});
