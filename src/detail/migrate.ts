import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ClewError, sha256Hex } from '../lib/index.ts';
import { type DetailTable, detailTables } from '../model/index.ts';
import type { Engine } from './engine.ts';

export interface Column {
  name: string;
  type: string;
}
export type TableColumns = Record<DetailTable, Column[]>;

export interface Schema {
  columns: TableColumns;
  /** Differences between the tables and what the migrations make of an empty store; empty when all is well. */
  drift: string[];
}

const migrationDir = join(import.meta.dirname, 'migration');
/** In a database of its own: a user's SQL can name every table of `default`, and nothing else is in it. */
const ledgerTable = 'clew_internal.migrations';
const ledgerSql = `CREATE TABLE IF NOT EXISTS ${ledgerTable} (
  Version UInt32, Name String, Sha256 String, AppliedAt DateTime('UTC') DEFAULT now()
) ENGINE = MergeTree ORDER BY Version`;

interface Migration {
  version: number;
  name: string;
  sha256: string;
  statements: string[];
}

function readMigrations(): Migration[] {
  return readdirSync(migrationDir)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => {
      const text = readFileSync(join(migrationDir, name), 'utf8');
      const statements = text
        .split(/^--;$/m)
        .map((part) => part.trim())
        .filter((part) => part !== '');
      return { version: Number.parseInt(name, 10), name, sha256: sha256Hex(text), statements };
    });
}

interface JsonAnswer<Row> {
  data: Row[];
}

async function rowsOf<Row>(engine: Engine, sql: string): Promise<Row[]> {
  const answer: JsonAnswer<Row> = JSON.parse(await engine.run('insert', sql));
  return answer.data;
}

/**
 * Applies what is missing, in order, each once. Every statement of a migration can be run twice (IF NOT EXISTS), because
 * the engine has no transaction around DDL: a crash between statement and ledger row runs the file again.
 */
export async function migrate(engine: Engine): Promise<Schema> {
  await engine.run('insert', 'CREATE DATABASE IF NOT EXISTS clew_internal');
  await engine.run('insert', ledgerSql);
  const applied = await rowsOf<{ Version: number; Sha256: string }>(
    engine,
    `SELECT Version, any(Sha256) AS Sha256 FROM ${ledgerTable} GROUP BY Version`,
  );
  const migrations = readMigrations();
  const drift: string[] = [];
  const newest = Math.max(0, ...migrations.map((migration) => migration.version));
  for (const { Version } of applied) {
    if (Version > newest) {
      throw new ClewError(
        'unavailable',
        `The detail store was written by a newer Clew (migration ${Version}, this one knows ${newest}). Start that version, or restore a backup.`,
      );
    }
  }
  for (const migration of migrations) {
    const known = applied.find((row) => row.Version === migration.version);
    if (known) {
      if (known.Sha256 !== migration.sha256)
        drift.push(`migration ${migration.name} was edited after it ran`);
      continue;
    }
    for (const statement of migration.statements) await engine.run('insert', statement);
    await engine.run(
      'insert',
      `INSERT INTO ${ledgerTable} (Version, Name, Sha256) VALUES (${migration.version}, '${migration.name}', '${migration.sha256}')`,
    );
  }
  const columns = await readColumns(engine);
  drift.push(...compareManifest(columns));
  return { columns, drift };
}

async function readColumns(engine: Engine): Promise<TableColumns> {
  const rows = await rowsOf<Column & { table: string }>(
    engine,
    'SELECT table, name, type FROM system.columns WHERE database = currentDatabase() ORDER BY table, position',
  );
  const of = (table: string): Column[] =>
    rows.filter((row) => row.table === table).map(({ name, type }) => ({ name, type }));
  const entries = detailTables.map((table) => [table, of(table)] as const);
  // The keys are exactly `detailTables`; fromEntries can't say so in its type.
  return Object.fromEntries(entries) as TableColumns;
}

const manifestFile = join(migrationDir, 'manifest.json');

function compareManifest(columns: TableColumns): string[] {
  const manifest: Record<string, Record<string, string>> = JSON.parse(readFileSync(manifestFile, 'utf8'));
  const drift: string[] = [];
  for (const table of detailTables) {
    const expected = manifest[table] ?? {};
    const actual = new Map(columns[table].map((column) => [column.name, column.type]));
    for (const [name, type] of Object.entries(expected)) {
      const found = actual.get(name);
      if (found === undefined) drift.push(`${table}.${name} is missing`);
      else if (found !== type) drift.push(`${table}.${name} is ${found}, expected ${type}`);
    }
    for (const name of actual.keys()) {
      if (!(name in expected)) drift.push(`${table}.${name} is not ours`);
    }
  }
  return drift;
}
