import type { Ledger } from '../ledger/index.ts';
import { iso } from '../model/index.ts';
import type { Job } from './job.ts';

/** Job runs older than this are deleted; the last success of a job is always younger while it runs. */
const runsKeptMs = 30 * 86_400_000;

/**
 * `ledger-maintenance`: hourly, after the aggregates: partitions ahead of time, partitions beyond retention removed, and
 * what nothing refers to any more (locators, runs) removed with them.
 */
export const ledgerMaintenance = (ledger: Ledger): Job => ({
  name: 'ledger-maintenance',
  after: [],
  alignMs: 3_600_000,
  delayMs: 0,
  initialLookbackMs: 3_600_000,
  async run({ window }) {
    const at = iso(window.to);
    await ledger.query('SELECT ensure_partitions($1)', [at]);
    const dropped = await ledger.query<{ n: number }>('SELECT drop_expired_partitions($1) AS n', [at]);
    const runs = await ledger.query(
      `DELETE FROM etl_job_run WHERE state IN ('success', 'failed') AND window_to < $1 RETURNING run_id`,
      [iso(window.to - runsKeptMs)],
    );
    return {
      rowsRead: 0,
      rowsWritten: Number(dropped[0]?.n ?? 0) + runs.length,
      rowsConflict: 0,
      leftOut: {},
    };
  },
});
