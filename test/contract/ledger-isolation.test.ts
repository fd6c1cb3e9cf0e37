/** Rows of tenants are kept apart by the engine, in every table there is. Runs on both twins (vitest.config.ts). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../src/ledger/index.ts';
import { internalTables, secureByView, tenantTables } from '../../src/ledger/isolation.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { systemClock } from '../../src/lib/index.ts';

let ledger: Ledger;
const noon = '2026-11-20T12:00:00Z';
const tenants = ['north', 'south'] as const;

interface Column {
  name: string;
  type: string;
  labels: string[] | null;
}

/** A value by which rows of the two tenants differ, and which fits every foreign key: the n-th row of each table has n. */
function sampleOf({ name, type, labels }: Column, n: number): unknown {
  if (name === 'tenant' && type === 'text') return tenants[n - 1];
  if (labels !== null) return labels[0];
  if (/^(bigint|integer|smallint|numeric|double|real)/.test(type)) return n;
  if (type === 'uuid') return `00000000-0000-4000-8000-00000000000${n}`;
  if (type.startsWith('timestamp')) return noon;
  if (type === 'tstzrange') return `[${noon},)`;
  if (type === 'jsonb') return { n };
  if (type === 'boolean') return false;
  if (type.startsWith('vector')) return `[${Array(1536).fill(n).join(',')}]`;
  if (type.endsWith('[]')) return [];
  if (type === 'date') return '2026-11-20';
  if (type === 'interval') return `${n} days`;
  return `${name}-${n}`;
}

/** Every column that must be given, keys to other tables included, of the table and its partitions alike. */
async function insertInto(table: string): Promise<void> {
  const columns = await ledger.query<Column & { needed: boolean }>(
    `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
            (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = a.atttypid) AS labels,
            a.attgenerated = '' AND (a.attnotnull OR EXISTS (SELECT 1 FROM pg_constraint k
              WHERE k.conrelid = a.attrelid AND k.contype = 'f' AND a.attnum = ANY(k.conkey))) AS needed
       FROM pg_attribute a WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [table],
  );
  const given = columns.filter(({ needed }) => needed);
  for (const n of [1, 2])
    await ledger.query(
      `INSERT INTO ${table} (${given.map(({ name }) => `"${name}"`).join(', ')}) OVERRIDING SYSTEM VALUE
       VALUES (${given.map((_, index) => `$${index + 1}`).join(', ')}) ON CONFLICT DO NOTHING`,
      given.map((column) => sampleOf(column, n)),
    );
}

/** What a row may say is not what is asked here, so checks of values go; keys stay, and decide the order. */
async function fillEveryTable(names: readonly string[]): Promise<void> {
  const checks = await ledger.query<{ sql: string }>(
    `SELECT format('ALTER TABLE %I DROP CONSTRAINT %I', c.relname, k.conname) AS sql
       FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
      WHERE k.contype = 'c' AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition`,
  );
  for (const { sql } of checks) await ledger.query(sql);
  let waiting = [...names];
  let lastError: unknown = null;
  while (waiting.length > 0) {
    const refused: string[] = [];
    for (const name of waiting) {
      try {
        await insertInto(name);
      } catch (error) {
        refused.push(name);
        lastError = new Error(`${name}: ${(error as Error).message}`);
      }
    }
    if (refused.length === waiting.length) throw lastError;
    waiting = refused;
  }
}

beforeAll(async () => {
  ledger = await openTestLedger();
  for (const [index, code] of tenants.entries()) expect(await ledger.tenantId(code)).toBe(index + 1);
  await ledger.query('SELECT ensure_partitions($1)', [noon]);
});
afterAll(() => ledger.close());

describe('tenants in the ledger', () => {
  it('every table has a policy, or is named as one without rows of tenants', async () => {
    const tables = await tenantTables(ledger);
    expect(tables.length).toBeGreaterThan(25);
    const open = tables.filter(({ name, condition }) => condition === null && !(name in internalTables));
    expect(
      open.map(({ name }) => name),
      'give the table a column tenant_id or tenant, or a key to a table that has one; or name it in internalTables of src/ledger/isolation.ts',
    ).toEqual([]);
    for (const { name, condition, secured, granted } of tables)
      expect({ name, secured, granted }).toEqual({
        name,
        secured: condition !== null,
        granted: condition !== null,
      });
  });

  it('a tenant sees its own rows of every table and none of another, without any condition', async () => {
    const names = (await tenantTables(ledger))
      .filter(({ condition }) => condition !== null)
      .map(({ name }) => name);
    await fillEveryTable(names);
    const [north, south] = [ledger.forTenant(1), ledger.forTenant(2)];
    for (const name of names) {
      expect([name, await ledger.query(`SELECT count(*)::int AS n FROM ${name}`)]).toEqual([
        name,
        [{ n: 2 }],
      ]);
      const mine = await north.query<Record<string, unknown>>(`SELECT * FROM ${name}`);
      const theirs = await south.query<Record<string, unknown>>(`SELECT * FROM ${name}`);
      expect([name, mine.length, theirs.length]).toEqual([name, 1, 1]);
      expect(mine[0], name).not.toEqual(theirs[0]);
      const owner = mine[0]?.tenant_id ?? mine[0]?.tenant;
      if (owner !== undefined)
        expect([name, String(owner)]).toEqual([name, 'tenant' in (mine[0] ?? {}) ? 'north' : '1']);
    }
  });

  it('a partition can not be asked past its table, nor a table that holds no rows of tenants', async () => {
    const parts = await ledger.query<{ part: string }>(
      `SELECT inhrelid::regclass::text AS part FROM pg_inherits WHERE inhparent = 'metric_1m'::regclass LIMIT 1`,
    );
    for (const name of [...Object.keys(internalTables), ...parts.map(({ part }) => part)])
      await expect(ledger.forTenant(1).query(`SELECT * FROM ${name}`), name).rejects.toMatchObject({
        code: '42501',
      });
  });

  it('a tenant that does not exist sees nothing, and nobody sees without a tenant', async () => {
    expect(await ledger.forTenant(99).query('SELECT * FROM dim_resource')).toEqual([]);
    const rows = await ledger.transaction(async (tx) => {
      await tx.query('SET LOCAL ROLE clew_reader');
      return tx.query('SELECT * FROM dim_resource');
    });
    expect(rows).toEqual([]);
  });

  it('reads only, one statement at a time, and the next reader starts afresh', async () => {
    const north = ledger.forTenant(1);
    for (const sql of [
      `INSERT INTO dim_resource (tenant_id, urn, type, name) VALUES (1, 'x', 'x', 'x')`,
      'UPDATE dim_resource SET name = name',
      'DELETE FROM ops_case',
      'DROP TABLE public.metric_1m',
      'SELECT drop_expired_partitions(now())',
      'CREATE TABLE mine (a INT)',
    ])
      await expect(north.query(sql), sql).rejects.toMatchObject({ code: '42501' });
    await expect(north.query('RESET ROLE; SELECT * FROM dim_resource')).rejects.toThrow(/multiple commands/);
    await expect(north.query('COMMIT; SELECT 1')).rejects.toThrow(/multiple commands/);
    expect(await ledger.query('SELECT count(*)::int AS n FROM dim_resource')).toEqual([{ n: 2 }]);
    expect(await ledger.query('SELECT current_user <> $1 AS owner', ['clew_reader'])).toEqual([
      { owner: true },
    ]);
  });

  it('a statement that changes the setting from within is refused where the database is ours alone', async () => {
    if (!ledger.capabilities.embedded) return;
    for (const setting of ['clew.tenant_id', 'role', 'session_authorization'])
      await expect(
        ledger.forTenant(1).query(
          `WITH changed AS MATERIALIZED (SELECT set_config('${setting}', '2', true) AS value)
           SELECT r.* FROM changed, dim_resource r WHERE changed.value IS NOT NULL`,
        ),
      ).rejects.toThrow('permission denied for function set_config');
  });

  it('readers of both tenants at once each see their own', async () => {
    const seen = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        ledger.forTenant(1 + (index % 2)).query<{ code: string }>('SELECT code FROM dim_tenant'),
      ),
    );
    expect(seen.map((rows) => rows.map(({ code }) => code).join())).toEqual(
      Array.from({ length: 40 }, (_, index) => tenants[index % 2]),
    );
  });

  it('a table that can have no policy is read through a filtering view of the same name', async () => {
    await ledger.query('CREATE TABLE view_only (tenant_id BIGINT NOT NULL REFERENCES dim_tenant, word TEXT)');
    await ledger.query(`INSERT INTO view_only VALUES (1, 'mine'), (2, 'theirs')`);
    const table = (await tenantTables(ledger)).find(({ name }) => name === 'view_only');
    await expect(ledger.forTenant(1).query('SELECT * FROM view_only')).rejects.toMatchObject({
      code: '42501',
    });
    await secureByView(ledger, 'view_only', table?.condition ?? '');
    expect(await ledger.forTenant(1).query('SELECT word FROM view_only')).toEqual([{ word: 'mine' }]);
    expect((await tenantTables(ledger)).find(({ name }) => name === 'view_only')?.secured).toBe(true);
    await ledger.query('DROP TABLE view_only CASCADE');
  });

  it('costs milliseconds at most', async () => {
    const time = async (queryable: Pick<Ledger, 'query'>) => {
      const start = systemClock.monotonic();
      for (let round = 0; round < 200; round++)
        await queryable.query('SELECT * FROM dim_resource WHERE tenant_id = $1', [1]);
      return (systemClock.monotonic() - start) / 200;
    };
    await time(ledger.forTenant(1));
    const [plain, tenant] = [await time(ledger), await time(ledger.forTenant(1))];
    expect(
      tenant - plain,
      `a query ${plain.toFixed(2)} ms, as a tenant ${tenant.toFixed(2)} ms`,
    ).toBeLessThan(25);
  });
});
