import { type ClewError, type Clock, isClewError, type Logger, retry } from '../lib/index.ts';
import { askCapabilities, createOptional, requireServer, timescalePreloaded } from './capabilities.ts';
import type { Capability, Ledger, LedgerCapabilities } from './contract.ts';
import { type Driver, liteDriver } from './driver.ts';
import { DriverLedger, queryableOf } from './driver-ledger.ts';
import { isolateTenants } from './isolation.ts';
import { LiteThread } from './lite-thread.ts';
import {
  adoptVector,
  type Migration,
  type MigrationTarget,
  migrate,
  readMigrations,
  schemaDrift,
  withMigrationLock,
} from './migrate.ts';
import { applyRetention } from './retention.ts';
import { type ServerSettings, serverDriver } from './server-driver.ts';

export interface LedgerOptions extends Partial<ServerSettings> {
  /** Directory of the embedded twin, or `memory://`. Not touched when `url` is given. */
  dir: string;
  /** `table=days`, over the defaults of the tables. */
  retention?: readonly string[];
  clock: Clock;
  log: Logger;
  /** A data directory (tar) to start from instead of an empty one. Embedded only. */
  snapshot?: Blob;
  /** Other migrations than the built-in ones; for tests of the migrator. */
  migrations?: readonly Migration[];
}

/** A server often starts beside Clew and takes longer: it is waited for so long. */
const startTriesMax = 30;
const startTryMs = 1_000;

/** Opens the ledger and brings its schema up to date. Throws `internal` naming the migration when that fails. */
export async function openLedger(options: LedgerOptions): Promise<Ledger> {
  const { url = '', clock, log } = options;
  const embedded = url === '';
  const driver = embedded ? await embeddedDriver(options) : serverDriver({ ...options, url }, clock, log);
  try {
    if (!embedded)
      await retry(
        clock,
        { attempts: startTriesMax, delayMs: startTryMs, delayMsMax: startTryMs },
        () => driver.run('SELECT 1', []),
        (error) => isClewError(error) && error.code === 'unavailable' && mayComeUp(error),
      );
    const { drift, capabilities } = await prepare(driver, options, embedded);
    return new DriverLedger({ driver, capabilities, drift, clock });
  } catch (error) {
    await driver.close();
    throw error;
  }
}

/** Refused or not resolved yet, as a container is before its program listens; a wrong password is not waited for. */
const mayComeUp = (error: ClewError): boolean => /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|57P03/.test(error.message);

interface Prepared {
  drift: string[];
  capabilities: LedgerCapabilities;
}

/** Schema, rights and settings, in one session: the lock that keeps a second process out meanwhile belongs to it. */
export function prepare(driver: Driver, options: LedgerOptions, embedded: boolean): Promise<Prepared> {
  const { log, migrations = readMigrations() } = options;
  return driver.session(async ({ run, script }) => {
    const queryable = queryableOf(run);
    return withMigrationLock({ queryable, script }, async () => {
      let refused: Capability[] = [];
      if (!embedded) {
        await requireServer(queryable);
        refused = await createOptional(queryable);
        if (!(await timescalePreloaded(queryable))) await script(hideTimescale);
      }
      const drift = await migrateAndCompare({ queryable, script }, migrations, log);
      await script(embedded ? ownRoleAlone : showTimescale);
      const capabilities = await askCapabilities(queryable, embedded, refused);
      // Tests of the migrator come with migrations, and so with tables, of their own.
      if (options.migrations !== undefined) return { drift, capabilities };
      await applyRetention(queryable, options.retention ?? []);
      const isolation = await isolateTenants(queryable);
      const all = {
        ...capabilities,
        rowSecurity: isolation.present,
        list: [...capabilities.list, isolation],
      };
      for (const { name, present, message, trouble } of all.list)
        if (!present)
          log[trouble ? 'warn' : 'info']({ capability: name }, `the ledger does without ${name}: ${message}`);
      return { drift, capabilities: all };
    });
  });
}

/**
 * The first migration creates TimescaleDB where it is on offer. Where it is installed but not loaded at the server's
 * start, that would end the connection, so this session does not see the offer.
 */
const hideTimescale = `
CREATE OR REPLACE TEMP VIEW pg_available_extensions AS
  SELECT * FROM pg_catalog.pg_available_extensions WHERE name <> 'timescaledb';
SET search_path = public, pg_temp, pg_catalog`;

const showTimescale = 'DROP VIEW IF EXISTS pg_temp.pg_available_extensions; SET search_path = public';

/** The embedded database is ours alone: no statement of a tenant may change role or tenant from within. */
const ownRoleAlone = 'REVOKE EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) FROM PUBLIC';

async function embeddedDriver({ dir, snapshot }: LedgerOptions): Promise<Driver> {
  return liteDriver(await LiteThread.open({ dir, ...(snapshot ? { snapshot } : {}) }));
}

async function migrateAndCompare(
  target: MigrationTarget,
  migrations: readonly Migration[],
  log: Logger,
): Promise<string[]> {
  const applied = await migrate(target, migrations);
  if (applied.length > 0) log.info({ applied }, 'ledger migrated');
  await adoptVector(target.queryable);
  const drift = await schemaDrift(target.queryable);
  if (drift.length > 0) log.warn({ drift }, 'the schema of the ledger is not what its migrations made');
  return drift;
}
