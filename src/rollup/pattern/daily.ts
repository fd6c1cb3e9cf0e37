import type { Ledger } from '../../ledger/index.ts';
import { iso } from '../../model/index.ts';
import type { Job } from '../job.ts';

const dayMs = 86_400_000;
/** Records that come this late are still in the sum of their day. */
const delayMs = 3_600_000;

/** `pattern-daily`: sums of a day, kept when the counts per five minutes are gone. */
export const patternDaily = (ledger: Ledger): Job => ({
  name: 'pattern-daily',
  after: ['oo-agg'],
  alignMs: dayMs,
  delayMs,
  initialLookbackMs: 7 * dayMs,
  async run({ tenant, window, commit }) {
    const params = [tenant.id, iso(window.from), iso(window.to)];
    await ledger.query('SELECT ensure_partitions($1)', [iso(window.from)]);
    return commit(async (tx) => {
      const [counted] = await tx.query(
        'SELECT 1 FROM log_pattern_5m WHERE tenant_id = $1 AND bucket >= $2 AND bucket < $3 LIMIT 1',
        params,
      );
      // A replay after the counts have expired must not erase their sum.
      if (!counted) return { rowsRead: 0, rowsWritten: 0, rowsConflict: 0, leftOut: {} };
      await tx.query(
        'DELETE FROM log_pattern_1d WHERE tenant_id = $1 AND bucket >= $2 AND bucket < $3',
        params,
      );
      const rows = await tx.query(
        `INSERT INTO log_pattern_1d (bucket, tenant_id, resource_id, fingerprint_id, count_total, count_error)
         SELECT $2::timestamptz, tenant_id, resource_id, fingerprint_id, sum(count_total), sum(count_error) FROM log_pattern_5m
          WHERE tenant_id = $1 AND bucket >= $2 AND bucket < $3 GROUP BY tenant_id, resource_id, fingerprint_id
         RETURNING 1`,
        params,
      );
      return { rowsRead: 0, rowsWritten: rows.length, rowsConflict: 0, leftOut: {} };
    });
  },
});
