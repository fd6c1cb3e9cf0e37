import type { Ledger } from '../ledger/index.ts';
import { iso } from '../model/index.ts';
import type { Job } from './job.ts';
import { forgetLocators } from './locators.ts';

/** Job runs older than this are deleted; the last success of a job is always younger while it runs. */
const runsKeptMs = 30 * 86_400_000;

/** Every ten minutes: often enough that a vacuum finds little to do, so it never holds up the ledger for long. */
const everyMs = 600_000;

/** Like autovacuum's own rule: this many dead rows, and this share of the living. */
const deadRowsMin = 1_000;
const deadShareMin = 0.2;

/** Partitions made in one run for rows that lie outside all of them; the rest waits for the next run. */
const adoptedMax = 50;

/**
 * `ledger-maintenance`: partitions ahead of time, partitions beyond retention, their locators and old runs removed. The embedded engine
 * has no background processes: without this its log would grow without bound (161 MB after 150 000 updates, whatever
 * max_wal_size says) and dead rows would never be reused.
 */
export const ledgerMaintenance = (ledger: Ledger): Job => ({
  name: 'ledger-maintenance',
  after: [],
  alignMs: everyMs,
  delayMs: 0,
  initialLookbackMs: everyMs,
  scope: 'ledger',
  async run({ window }) {
    const at = iso(window.to);
    await ledger.query('SELECT ensure_partitions($1)', [at]);
    const dropped = await ledger.query<{ n: number }>('SELECT drop_expired_partitions($1) AS n', [at]);
    await ledger.query('SELECT adopt_rest_partitions($1)', [adoptedMax]);
    const runs = await ledger.query(
      `DELETE FROM etl_job_run WHERE state IN ('success', 'failed') AND window_to < $1 RETURNING run_id`,
      [iso(window.to - runsKeptMs)],
    );
    const locators = await forgetLocators(ledger, window.to);
    if (ledger.capabilities.embedded) await vacuumEmbedded(ledger);
    return {
      rowsRead: 0,
      rowsWritten: Number(dropped[0]?.n ?? 0) + runs.length + locators,
      rowsConflict: 0,
      leftOut: {},
    };
  },
});

async function vacuumEmbedded(ledger: Ledger): Promise<void> {
  const tables = await ledger.query<{ name: string }>(
    `SELECT quote_ident(relname) AS name FROM pg_stat_user_tables
      WHERE schemaname = 'public' AND n_dead_tup > $1::bigint AND n_dead_tup > $2::float8 * n_live_tup ORDER BY relname`,
    [deadRowsMin, deadShareMin],
  );
  for (const table of tables) await ledger.query(`VACUUM (ANALYZE) ${table.name}`);
  await ledger.query('CHECKPOINT');
}
