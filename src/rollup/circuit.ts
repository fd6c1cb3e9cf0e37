import type { Queryable } from '../ledger/index.ts';
import { type CircuitState, type EpochMs, iso } from '../model/index.ts';
import { circuitOpen } from './events.ts';
import { pauseMsMax } from './queue.ts';

/** Failures in a row after which a job is paused for a tenant: by then a store is more likely at fault than the windows. */
export const circuitFailuresMax = 5;
/** How long it is paused, doubled with every probe that fails; then one window is tried. */
export const pauseMs = 60_000;
const pauseMsLongest = 600_000;
const errorCharsMax = 2_000;

interface Key {
  job: string;
  tenant: { id: number; code: string };
}

const show = (key: Key, open: boolean) =>
  circuitOpen.set({ job: key.job, tenant: key.tenant.code }, open ? 1 : 0);

/**
 * Asks for the one probe of a circuit whose pause is over: of all workers one gets it. Should it die, another may probe
 * after `probeMs`.
 */
export async function takeProbe(
  ledger: Queryable,
  key: Key,
  now: EpochMs,
  probeMs: number,
): Promise<boolean> {
  const rows = await ledger.query(
    `UPDATE etl_job_circuit SET state = 'half_open', open_until = $4, updated_at = $3
      WHERE job = $1 AND tenant_id = $2 AND state <> 'closed' AND (open_until <= $3 OR open_until > $5) RETURNING job`,
    [key.job, key.tenant.id, iso(now), iso(now + Math.min(probeMs, pauseMsMax - 1)), iso(now + pauseMsMax)],
  );
  return rows.length === 1;
}

/** There was no window to try. */
export async function returnProbe(ledger: Queryable, key: Key, now: EpochMs): Promise<void> {
  await ledger.query(
    `UPDATE etl_job_circuit SET state = 'open', open_until = $3, updated_at = $3
      WHERE job = $1 AND tenant_id = $2 AND state = 'half_open'`,
    [key.job, key.tenant.id, iso(now)],
  );
}

export async function circuitSucceeded(ledger: Queryable, key: Key, now: EpochMs): Promise<void> {
  await ledger.query(
    `UPDATE etl_job_circuit SET state = 'closed', failures = 0, trips = 0, open_until = NULL, opened_at = NULL,
       last_error = NULL, updated_at = $3
      WHERE job = $1 AND tenant_id = $2 AND (state <> 'closed' OR failures <> 0)`,
    [key.job, key.tenant.id, iso(now)],
  );
  show(key, false);
}

/** Counts a failure; a failing probe opens the circuit again at once, for longer. Returns whether it is open now. */
export async function circuitFailed(
  ledger: Queryable,
  key: Key,
  message: string,
  now: EpochMs,
): Promise<boolean> {
  const rows = await ledger.query<{ state: CircuitState }>(
    `INSERT INTO etl_job_circuit AS c (job, tenant_id, failures, updated_at, last_error) VALUES ($1, $2, 1, $3, $5)
     ON CONFLICT (job, tenant_id) DO UPDATE SET
       failures = c.failures + 1, updated_at = $3, last_error = $5,
       state = CASE WHEN c.state <> 'closed' OR c.failures + 1 >= $4 THEN 'open' ELSE 'closed' END,
       trips = CASE WHEN c.state = 'half_open' OR c.state = 'closed' AND c.failures + 1 >= $4 THEN c.trips + 1 ELSE c.trips END,
       opened_at = CASE WHEN c.state = 'closed' AND c.failures + 1 >= $4 THEN $3::timestamptz ELSE c.opened_at END,
       open_until = CASE WHEN c.state = 'open' THEN c.open_until
         WHEN c.state = 'half_open' OR c.failures + 1 >= $4
         THEN $3::timestamptz + least($6::float8 * 2 ^ c.trips, $7::float8) * INTERVAL '1 millisecond' END
     RETURNING state`,
    [
      key.job,
      key.tenant.id,
      iso(now),
      circuitFailuresMax,
      message.slice(0, errorCharsMax),
      pauseMs,
      pauseMsLongest,
    ],
  );
  const open = rows[0]?.state === 'open';
  show(key, open);
  return open;
}

/** Ends the pause, so that the next look tries one window. Answers false when the circuit is closed anyway. */
export async function probeNow(ledger: Queryable, key: Key, now: EpochMs): Promise<boolean> {
  const rows = await ledger.query(
    `UPDATE etl_job_circuit SET open_until = $3, updated_at = $3 WHERE job = $1 AND tenant_id = $2 AND state <> 'closed'
     RETURNING job`,
    [key.job, key.tenant.id, iso(now)],
  );
  return rows.length === 1;
}
