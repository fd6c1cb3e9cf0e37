import { mkdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { PGlite } from '@electric-sql/pglite';
import { btree_gist } from '@electric-sql/pglite/contrib/btree_gist';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';
import { pgcrypto } from '@electric-sql/pglite/contrib/pgcrypto';
import { vector } from '@electric-sql/pglite-pgvector';
import pg from 'pg';

/** Rows as the engine's texts; `type` is the OID of a column's type. */
export interface TextRows {
  fields: { name: string; type: number }[];
  rows: (string | null)[][];
}

/** The embedded engine, on whichever thread it works: one connection, one statement at a time. */
export interface LiteEngine {
  query(sql: string, params: (string | null)[]): Promise<TextRows>;
  /** Several statements without parameters, separated by semicolons. */
  script(sql: string): Promise<void>;
  close(): Promise<void>;
  /** Why it works no more; null while it does. */
  outage(): string | null;
}

/**
 * Settings of the embedded engine, measured on an empty migrated ledger: with PostgreSQL's defaults the process holds
 * 354 MB, with a small buffer pool and four connection slots 231 MB, and with V8's first-tier code only 150 MB. The
 * second tier compiles PostgreSQL's largest functions while it runs, which takes up to 790 MB for a moment; without it
 * 5 000 upserted rows take 80 ms instead of 45. The operating system caches the files, so a larger pool gains nothing.
 */
const settings = [
  'shared_buffers=16MB',
  'wal_buffers=512kB',
  'max_connections=4',
  'max_wal_size=64MB',
  'min_wal_size=32MB',
];

/** Both are needed when V8 is already running. They hold for the whole process. */
const firstTierFlags = ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering'];

/** Keeps WebAssembly in its first tier. Before a thread is started that needs it so. */
export function keepFirstTier(): void {
  for (const flag of firstTierFlags) setFlagsFromString(flag);
}

/** The embedded engine with the extensions that the migrations ask for. `dir` may be `memory://`. */
export function createLite(dir: string, snapshot?: Blob): Promise<PGlite> {
  if (!dir.includes('://')) mkdirSync(dir, { recursive: true });
  return PGlite.create({
    dataDir: dir,
    postgresqlconf: settings,
    extensions: { pg_trgm, btree_gist, pgcrypto, vector },
    ...(snapshot ? { loadDataDir: snapshot } : {}),
  });
}

/** The engine on the thread that calls: it answers nothing else meanwhile. */
export function engineOf(lite: PGlite): LiteEngine {
  const asIs = (text: string): string => text;
  const oids = [...Object.keys(lite.parsers).map(Number), ...Object.values(pg.types.builtins).map(Number)];
  const options = {
    rowMode: 'array' as const,
    parsers: Object.fromEntries(oids.map((oid) => [oid, asIs])),
    // Parameters are text already; see textOf. The engine asks for a serializer by type, whatever the type.
    serializers: new Proxy<Record<number, (value: string) => string>>({}, { get: () => String }),
  };
  return {
    async query(sql, params) {
      const { fields, rows } = await lite.query<(string | null)[]>(sql, params, options);
      return { fields: fields.map(({ name, dataTypeID }) => ({ name, type: dataTypeID })), rows };
    },
    async script(sql) {
      await lite.exec(sql);
    },
    close: () => lite.close(),
    outage: () => null,
  };
}
