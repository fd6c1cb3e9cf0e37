import type { Queryable } from '../ledger/index.ts';
import { type EpochMs, iso } from '../model/index.ts';
import { circuitOpen } from './events.ts';

/** Failures in a row after which a job is paused: by then the store is more likely at fault than the window. */
export const failuresMax = 5;
/** How long it is paused; then one window is tried. */
export const pauseMs = 60_000;

export type CircuitState = 'closed' | 'open' | 'half_open';

interface Key {
  job: string;
  tenant: { id: number; code: string };
}

/** Whether the job may run now. An open circuit whose pause is over becomes half open: one window is let through. */
export async function circuitAllows(
  ledger: Queryable,
  key: Key,
  now: EpochMs,
): Promise<{ allowed: boolean; probe: boolean }> {
  const rows = await ledger.query<{ state: CircuitState; open_until: Date | null }>(
    'SELECT state, open_until FROM etl_job_circuit WHERE job = $1 AND tenant_id = $2',
    [key.job, key.tenant.id],
  );
  const row = rows[0];
  if (!row || row.state === 'closed') return { allowed: true, probe: false };
  const over = (row.open_until?.getTime() ?? 0) <= now;
  if (row.state === 'open' && over) {
    await ledger.query(
      `UPDATE etl_job_circuit SET state = 'half_open', updated_at = $3 WHERE job = $1 AND tenant_id = $2`,
      [key.job, key.tenant.id, iso(now)],
    );
  }
  return { allowed: over, probe: true };
}

export async function circuitSucceeded(ledger: Queryable, key: Key, now: EpochMs): Promise<void> {
  await ledger.query(
    `UPDATE etl_job_circuit SET state = 'closed', failures = 0, open_until = NULL, updated_at = $3
      WHERE job = $1 AND tenant_id = $2 AND (state <> 'closed' OR failures <> 0)`,
    [key.job, key.tenant.id, iso(now)],
  );
  circuitOpen.set({ job: key.job, tenant: key.tenant.code }, 0);
}

/** Counts a failure; a failing probe opens the circuit again at once. Returns whether it is open now. */
export async function circuitFailed(ledger: Queryable, key: Key, now: EpochMs): Promise<boolean> {
  const rows = await ledger.query<{ state: CircuitState }>(
    `INSERT INTO etl_job_circuit AS c (job, tenant_id, failures, updated_at) VALUES ($1, $2, 1, $3)
     ON CONFLICT (job, tenant_id) DO UPDATE SET
       failures = c.failures + 1, updated_at = $3,
       state = CASE WHEN c.state <> 'closed' OR c.failures + 1 >= $4 THEN 'open' ELSE 'closed' END,
       open_until = CASE WHEN c.state <> 'closed' OR c.failures + 1 >= $4 THEN $5::timestamptz ELSE NULL END
     RETURNING state`,
    [key.job, key.tenant.id, iso(now), failuresMax, iso(now + pauseMs)],
  );
  const open = rows[0]?.state === 'open';
  circuitOpen.set({ job: key.job, tenant: key.tenant.code }, open ? 1 : 0);
  return open;
}
