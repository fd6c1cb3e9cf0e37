import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ClewError, sha256Hex } from '../lib/index.ts';
import type { Queryable } from './contract.ts';

export interface Migration {
  number: number;
  name: string;
  sql: string;
  checksum: string;
}

const migrationDir = fileURLToPath(new URL('./migration/', import.meta.url));

/** Every `NNN_name.sql` of the folder, in numeric order. Two files with one number are an error. */
export function readMigrations(dir: string = migrationDir): Migration[] {
  const migrations = readdirSync(dir)
    .filter((file) => file.endsWith('.sql'))
    .map((file) => {
      const match = /^(\d{3})_([a-z0-9_]+)\.sql$/.exec(file);
      if (!match) throw new ClewError('internal', `Migration file ${file} is not named NNN_name.sql.`);
      const sql = readFileSync(`${dir}/${file}`, 'utf8');
      return { number: Number(match[1]), name: file.slice(0, -4), sql, checksum: sha256Hex(sql) };
    })
    .sort((a, b) => a.number - b.number);
  for (const [index, migration] of migrations.entries()) {
    const before = migrations[index - 1];
    if (before?.number === migration.number)
      throw new ClewError(
        'internal',
        `Migrations ${before.name} and ${migration.name} have the same number.`,
      );
  }
  return migrations;
}

/** One name for a set of migrations: changes when any file, or what is recorded beside them, changes. */
export const migrationsFingerprint = (migrations: readonly Migration[]): string =>
  sha256Hex(
    [recordManifestSql, ...migrations.map((migration) => `${migration.name} ${migration.checksum}`)].join(
      '\n',
    ),
  );

export interface MigrationTarget {
  /** Statements without parameters, several separated by semicolons. */
  script(sql: string): Promise<void>;
  queryable: Queryable;
}

const bookkeepingSql = `
CREATE TABLE IF NOT EXISTS ledger_migration (
  number     INT PRIMARY KEY,
  name       TEXT NOT NULL,
  checksum   TEXT NOT NULL,
  applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS ledger_manifest (
  object     TEXT PRIMARY KEY,
  definition TEXT NOT NULL
)`;

/**
 * Every column and index of our tables as one text each. Partitions are left out: they come and go with time. Extensions
 * bring objects of their own into the schema; only tables and their indexes are compared.
 */
const schemaSql = `
SELECT c.relname || '.' || a.attname AS object,
       format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END AS definition
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND c.relname NOT LIKE 'ledger\\_%'
   AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
UNION ALL
SELECT 'index ' || i.relname, pg_get_indexdef(i.oid)
  FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
 WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND c.relname NOT LIKE 'ledger\\_%'
   AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')`;

/** Written with each migration, in its transaction: what the schema is meant to be from then on. */
const recordManifestSql = `DELETE FROM ledger_manifest; INSERT INTO ledger_manifest ${schemaSql};`;

/** Differences between the schema and what the migrations made of it; empty when all is well. */
export async function schemaDrift(queryable: Queryable): Promise<string[]> {
  const rows = await queryable.query<{ object: string; expected: string | null; found: string | null }>(
    `SELECT object, m.definition AS expected, s.definition AS found
       FROM ledger_manifest m FULL JOIN (${schemaSql}) s USING (object)
      WHERE m.definition IS DISTINCT FROM s.definition ORDER BY object`,
  );
  return rows.map((row) => {
    if (row.found === null) return `${row.object} is missing`;
    if (row.expected === null) return `${row.object} is not ours`;
    return `${row.object} is ${row.found}, expected ${row.expected}`;
  });
}

/**
 * The migrations give chunks of knowledge an embedding where pgvector is there. A server that got it later gives them one
 * now; what was written before has none. No-op without the extension, and where the column is.
 */
export async function adoptVector(queryable: Queryable): Promise<void> {
  const [state] = await queryable.query<{ due: boolean }>(
    `SELECT to_regtype('public.vector') IS NOT NULL AND to_regclass('public.kb_chunk') IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('public.kb_chunk')
                           AND attname = 'embedding' AND NOT attisdropped) AS due`,
  );
  if (!state?.due) return;
  await queryable.query('ALTER TABLE kb_chunk ADD COLUMN embedding vector(1536)');
  await queryable.query('CREATE INDEX idx_kb_vec_hnsw ON kb_chunk USING hnsw (embedding vector_l2_ops)');
  await queryable.query(
    `INSERT INTO ledger_manifest SELECT * FROM (${schemaSql}) s
      WHERE object IN ('kb_chunk.embedding', 'index idx_kb_vec_hnsw')
         ON CONFLICT (object) DO UPDATE SET definition = excluded.definition`,
  );
}

/** Two processes that start at once on one server take turns. The number is arbitrary and ours alone. */
const migrationLockKey = 4_315_100;

export async function withMigrationLock<T>(target: MigrationTarget, work: () => Promise<T>): Promise<T> {
  await target.script(`SELECT pg_advisory_lock(${migrationLockKey})`);
  try {
    return await work();
  } finally {
    await target.script(`SELECT pg_advisory_unlock(${migrationLockKey})`);
  }
}

/**
 * Applies what is missing, each file in its own transaction with its record; the caller holds the lock. Returns the names
 * that it applied.
 */
export async function migrate(target: MigrationTarget, migrations: readonly Migration[]): Promise<string[]> {
  await target.script(bookkeepingSql);
  const done = await target.queryable.query<{ number: number; name: string; checksum: string }>(
    'SELECT number, name, checksum FROM ledger_migration ORDER BY number',
  );
  const applied: string[] = [];
  for (const row of done) checkApplied(row, migrations);
  const known = new Set(done.map((row) => row.number));
  for (const migration of migrations) {
    if (known.has(migration.number)) continue;
    await applyOne(target, migration);
    applied.push(migration.name);
  }
  return applied;
}

function checkApplied(
  row: { number: number; name: string; checksum: string },
  migrations: readonly Migration[],
) {
  const file = migrations.find((migration) => migration.number === row.number);
  if (!file)
    throw new ClewError(
      'internal',
      `The ledger was migrated by a newer version: it has ${row.name}, which this version does not know.`,
    );
  if (file.checksum !== row.checksum)
    throw new ClewError(
      'internal',
      `Migration ${row.name} was changed after it was applied. Restore the file and put the change into a new migration.`,
      { details: { name: row.name, applied: row.checksum, file: file.checksum } },
    );
}

async function applyOne(target: MigrationTarget, migration: Migration): Promise<void> {
  try {
    await target.script(
      `BEGIN;\n${migration.sql}\n;INSERT INTO ledger_migration (number, name, checksum) VALUES (${migration.number}, '${migration.name}', '${migration.checksum}');\n${recordManifestSql}\nCOMMIT;`,
    );
  } catch (error) {
    await target.script('ROLLBACK');
    throw new ClewError('internal', `Migration ${migration.name} failed: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
