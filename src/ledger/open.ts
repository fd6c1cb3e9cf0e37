import { mkdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { PGlite } from '@electric-sql/pglite';
import { btree_gist } from '@electric-sql/pglite/contrib/btree_gist';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';
import { pgcrypto } from '@electric-sql/pglite/contrib/pgcrypto';
import { vector } from '@electric-sql/pglite-pgvector';
import type { Clock, Logger } from '../lib/index.ts';
import type { Ledger, LedgerCapabilities, Queryable } from './contract.ts';
import { type Driver, liteDriver, serverDriver } from './driver.ts';
import { DriverLedger, queryableOf } from './driver-ledger.ts';
import { type Migration, migrate, readMigrations, schemaDrift } from './migrate.ts';

export interface LedgerOptions {
  /** Directory of the embedded twin, or `memory://`. Not touched when `url` is given. */
  dir: string;
  /** `postgres://…` of a server; absent or empty: embedded. */
  url?: string;
  clock: Clock;
  log: Logger;
  /** A data directory (tar) to start from instead of an empty one. Embedded only. */
  snapshot?: Blob;
  /** Other migrations than the built-in ones; for tests of the migrator. */
  migrations?: readonly Migration[];
}

/** Opens the ledger and brings its schema up to date. Throws `internal` naming the migration when that fails. */
export async function openLedger(options: LedgerOptions): Promise<Ledger> {
  const embedded = !options.url;
  const driver = embedded ? await embeddedDriver(options) : serverDriver(options.url ?? '', options.log);
  try {
    const drift = await migrateOn(driver, options.migrations ?? readMigrations(), options.log);
    const capabilities = await askCapabilities(queryableOf(driver.run), embedded);
    return new DriverLedger({ driver, capabilities, drift, clock: options.clock });
  } catch (error) {
    await driver.close();
    throw error;
  }
}

async function embeddedDriver(options: LedgerOptions): Promise<Driver> {
  if (!options.dir.includes('://')) mkdirSync(options.dir, { recursive: true });
  return liteDriver(await createLite(options.dir, options.snapshot));
}

/**
 * Settings of the embedded engine, measured on an empty migrated ledger: with PostgreSQL's defaults the process holds
 * 354 MB, with a small buffer pool and four connection slots 231 MB, and with V8's first-tier code only 150 MB. The
 * second tier compiles PostgreSQL's largest functions while it runs, which takes up to 790 MB for a moment; without it
 * 5 000 upserted rows take 80 ms instead of 45. The operating system caches the files, so a larger pool gains nothing.
 */
const embeddedSettings = [
  'shared_buffers=16MB',
  'wal_buffers=512kB',
  'max_connections=4',
  'max_wal_size=64MB',
  'min_wal_size=32MB',
];

/** Keep WebAssembly in its first tier; both are needed when V8 is already running. They hold for the whole process. */
const firstTierFlags = ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering'];

/** The embedded engine with the extensions that the migrations ask for. */
export function createLite(dir: string, snapshot?: Blob): Promise<PGlite> {
  for (const flag of firstTierFlags) setFlagsFromString(flag);
  return PGlite.create({
    dataDir: dir,
    postgresqlconf: embeddedSettings,
    extensions: { pg_trgm, btree_gist, pgcrypto, vector },
    ...(snapshot ? { loadDataDir: snapshot } : {}),
  });
}

export function migrateOn(driver: Driver, migrations: readonly Migration[], log: Logger): Promise<string[]> {
  // One session for all: the advisory lock belongs to it.
  return driver.session(async ({ run, script }) => {
    const queryable = queryableOf(run);
    const applied = await migrate({ queryable, script }, migrations);
    if (applied.length > 0) log.info({ applied }, 'ledger migrated');
    const drift = await schemaDrift(queryable);
    if (drift.length > 0) log.warn({ drift }, 'the schema of the ledger is not what its migrations made');
    return drift;
  });
}

async function askCapabilities(queryable: Queryable, embedded: boolean): Promise<LedgerCapabilities> {
  const rows = await queryable.query<{ extname: string }>('SELECT extname FROM pg_extension');
  const has = (name: string) => rows.some((row) => row.extname === name);
  return { embedded, timescale: has('timescaledb'), vector: has('vector') };
}
