import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openServerLedger } from '../../test/support/postgres.ts';
import { type Clock, createLogger, newUuid, systemClock } from '../lib/index.ts';
import type { Ledger } from './contract.ts';
import { liteDriver } from './driver.ts';
import { createLite, engineOf, keepFirstTier } from './lite-engine.ts';
import { migrationsFingerprint, readMigrations } from './migrate.ts';
import { openLedger, prepare } from './open.ts';

/**
 * An empty, migrated ledger for one test file. Every file that asks for one runs twice (vitest.config.ts): on the
 * embedded twin, in memory, and on a PostgreSQL server. The migrated data directory of the former is kept in the
 * temporary directory under the fingerprint of the migrations, so only the first test after a change pays for them.
 */
export async function openTestLedger(options: { clock?: Clock } = {}): Promise<Ledger> {
  if (process.env.CLEW_TEST_LEDGER === 'server') return openServerLedger(options);
  const clock = options.clock ?? systemClock;
  const log = createLogger({ level: 'silent' });
  return openLedger({ dir: 'memory://', clock, log, snapshot: await migratedSnapshot() });
}

async function migratedSnapshot(): Promise<Blob> {
  const dir = join(tmpdir(), `clew-test-ledger-${process.getuid?.() ?? 0}`);
  const file = join(dir, `${migrationsFingerprint(readMigrations()).slice(0, 24)}.tar`);
  const kept = readIfThere(file);
  if (kept) return new Blob([kept]);
  const made = await makeSnapshot();
  mkdirSync(dir, { recursive: true });
  // Renamed into place: two test processes may make it at once, and neither may read half a file.
  const partial = `${file}.${newUuid()}`;
  writeFileSync(partial, made);
  renameSync(partial, file);
  return new Blob([made]);
}

function readIfThere(file: string): Uint8Array<ArrayBuffer> | null {
  try {
    return new Uint8Array(readFileSync(file));
  } catch {
    return null;
  }
}

async function makeSnapshot(): Promise<Uint8Array<ArrayBuffer>> {
  keepFirstTier();
  const lite = await createLite('memory://');
  await prepare(
    liteDriver(engineOf(lite)),
    { dir: '', clock: systemClock, log: createLogger({ level: 'silent' }) },
    true,
  );
  const dump = await lite.dumpDataDir('none');
  await lite.close();
  return new Uint8Array(await dump.arrayBuffer());
}
