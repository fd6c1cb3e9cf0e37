import type { Queryable } from '../ledger/index.ts';
import { ClewError } from '../lib/index.ts';
import { type EpochMs, iso, type TimeWindow } from '../model/index.ts';
import type { JobResult } from './job.ts';

/** Attempts of one window before it stays `failed` until somebody enqueues it again. */
export const attemptsMax = 8;
/** Wait before the second attempt, doubled each time up to the most; with 8 attempts about 17 minutes in all. */
const backoffMs = 8_000;
const backoffMsMax = 600_000;
/**
 * A run holds its window this long. Longer than all its queries may take together, so that only a dead process loses
 * a window to another.
 */
export const leaseMs = 300_000;

export const runStates = ['queued', 'running', 'success', 'failed'] as const;
export type RunState = (typeof runStates)[number];

export interface ClaimedRun {
  runId: string;
  window: TimeWindow;
  attempt: number;
  /** Grows with every claim of the window; proves that a write comes from its present holder. */
  fence: string;
  /** It was left `running` by a process that died. */
  takenOver: boolean;
}

export interface RunRow {
  run_id: string;
  job: string;
  tenant: string;
  from: EpochMs;
  to: EpochMs;
  state: RunState;
  attempts: number;
  error: string | null;
  rows_read: number;
  rows_written: number;
  rows_conflict: number;
  left_out: Record<string, number>;
  queued_at: EpochMs;
  started_at: EpochMs | null;
  finished_at: EpochMs | null;
}

const windowColumns = (windows: readonly TimeWindow[]): string[][] => [
  windows.map((window) => iso(window.from)),
  windows.map((window) => iso(window.to)),
];

/** Adds windows that are not there yet; `ux_job_once` makes the others a no-op. Returns how many are new. */
export async function addWindows(
  ledger: Queryable,
  job: string,
  tenantId: number,
  windows: readonly TimeWindow[],
  now: EpochMs,
): Promise<number> {
  if (windows.length === 0) return 0;
  const rows = await ledger.query(
    `INSERT INTO etl_job_run (job, tenant_id, window_from, window_to, queued_at)
     SELECT $1, $2, w_from, w_to, $5 FROM unnest($3::timestamptz[], $4::timestamptz[]) AS w(w_from, w_to)
     ON CONFLICT (job, tenant_id, window_from, window_to) DO NOTHING RETURNING run_id`,
    [job, tenantId, ...windowColumns(windows), iso(now)],
  );
  return rows.length;
}

/**
 * Queues windows again, finished ones too, with their attempts forgotten. A running one is left alone: it reads the
 * same rows that the replay would. Returns how many are queued now.
 */
export async function replayWindows(
  ledger: Queryable,
  job: string,
  tenantId: number,
  windows: readonly TimeWindow[],
  now: EpochMs,
): Promise<number> {
  const rows = await ledger.query(
    `INSERT INTO etl_job_run AS r (job, tenant_id, window_from, window_to, queued_at)
     SELECT $1, $2, w_from, w_to, $5 FROM unnest($3::timestamptz[], $4::timestamptz[]) AS w(w_from, w_to)
     ON CONFLICT (job, tenant_id, window_from, window_to) DO UPDATE SET
       state = 'queued', attempts = 0, not_before = '-infinity', error = NULL, queued_at = $5
     WHERE r.state <> 'running' RETURNING run_id`,
    [job, tenantId, ...windowColumns(windows), iso(now)],
  );
  return rows.length;
}

export async function lastSuccessTo(
  ledger: Queryable,
  job: string,
  tenantId: number,
): Promise<EpochMs | null> {
  const rows = await ledger.query<{ last: Date | null }>(
    `SELECT max(window_to) AS last FROM etl_job_run WHERE job = $1 AND tenant_id = $2 AND state = 'success'`,
    [job, tenantId],
  );
  return rows[0]?.last?.getTime() ?? null;
}

// A window that waits for another job is skipped, not failed: the job before it may itself be waiting to be retried.
// A `failed` window of the job before does not hold it up for ever.
const claimSql = `
UPDATE etl_job_run AS r SET
  state = 'running', attempts = r.attempts + 1, fence = r.fence + 1, started_at = $4, finished_at = NULL, lease_until = $5, worker = $6
FROM (
  SELECT c.run_id, c.state AS was FROM etl_job_run c
   WHERE c.job = $1 AND c.tenant_id = $2 AND c.window_to <= $3
     AND ((c.state = 'queued' AND c.not_before <= $4) OR (c.state = 'running' AND c.lease_until <= $4))
     AND NOT EXISTS (
       SELECT 1 FROM unnest($7::text[]) AS before(job)
        WHERE EXISTS (SELECT 1 FROM etl_job_run p WHERE p.job = before.job AND p.tenant_id = $2
                         AND p.state IN ('queued', 'running') AND p.window_from < c.window_to AND p.window_to > c.window_from)
           OR NOT EXISTS (SELECT 1 FROM etl_job_run p WHERE p.job = before.job AND p.tenant_id = $2
                             AND p.state IN ('success', 'failed') AND p.window_to >= c.window_to))
   ORDER BY c.window_from LIMIT 1 FOR UPDATE SKIP LOCKED
) AS next
WHERE r.run_id = next.run_id
RETURNING r.run_id, r.window_from, r.window_to, r.attempts, r.fence, next.was`;

/** Takes the oldest window that is ready, or null. No two workers get the same one. */
export async function claimRun(
  ledger: Queryable,
  claim: {
    job: string;
    after: readonly string[];
    tenantId: number;
    upper: EpochMs;
    now: EpochMs;
    worker: string;
  },
): Promise<ClaimedRun | null> {
  const rows = await ledger.query<{
    run_id: string;
    window_from: Date;
    window_to: Date;
    attempts: number;
    fence: string;
    was: RunState;
  }>(claimSql, [
    claim.job,
    claim.tenantId,
    iso(claim.upper),
    iso(claim.now),
    iso(claim.now + leaseMs),
    claim.worker,
    claim.after,
  ]);
  const row = rows[0];
  if (!row) return null;
  return {
    runId: row.run_id,
    window: { from: row.window_from.getTime(), to: row.window_to.getTime() },
    attempt: row.attempts,
    fence: row.fence,
    takenOver: row.was === 'running',
  };
}

/** Marks success. Answers false when the window is no longer ours: then nothing of its result may be written. */
export async function finishRun(
  ledger: Queryable,
  run: ClaimedRun,
  result: JobResult,
  now: EpochMs,
): Promise<boolean> {
  const rows = await ledger.query(
    `UPDATE etl_job_run SET state = 'success', finished_at = $3, lease_until = NULL, error = NULL, successes = successes + 1,
       rows_read = $4, rows_written = $5, rows_conflict = $6, left_out = $7
     WHERE run_id = $1 AND fence = $2 AND state = 'running' RETURNING run_id`,
    [
      run.runId,
      run.fence,
      iso(now),
      result.rowsRead,
      result.rowsWritten,
      result.rowsConflict,
      result.leftOut,
    ],
  );
  return rows.length === 1;
}

/** Puts the window back with a growing delay, or lets it be `failed` after the last attempt. Returns whether it is retried. */
export async function failRun(
  ledger: Queryable,
  run: ClaimedRun,
  message: string,
  now: EpochMs,
): Promise<boolean> {
  const again = run.attempt < attemptsMax;
  const notBefore = now + Math.min(backoffMs * 2 ** (run.attempt - 1), backoffMsMax);
  await ledger.query(
    `UPDATE etl_job_run SET state = $3, not_before = $4, finished_at = $5, lease_until = NULL, error = $6
     WHERE run_id = $1 AND fence = $2 AND state = 'running'`,
    [run.runId, run.fence, again ? 'queued' : 'failed', iso(notBefore), iso(now), message.slice(0, 2_000)],
  );
  return again;
}

/**
 * Ends the leases of every running window. Only for the embedded twin at start: its one process has just begun, so
 * whatever is `running` belonged to a process that is gone.
 */
export async function endLeases(ledger: Queryable, now: EpochMs): Promise<number> {
  const rows = await ledger.query(
    `UPDATE etl_job_run SET lease_until = $1 WHERE state = 'running' RETURNING run_id`,
    [iso(now)],
  );
  return rows.length;
}

export interface RunFilter {
  tenantId: number;
  job?: string;
  state?: RunState;
  from?: EpochMs;
  to?: EpochMs;
  limit: number;
}

type RawRun = Omit<
  RunRow,
  'from' | 'to' | 'queued_at' | 'started_at' | 'finished_at' | 'rows_read' | 'rows_written' | 'rows_conflict'
> & {
  window_from: Date;
  window_to: Date;
  queued_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
  rows_read: string;
  rows_written: string;
  rows_conflict: string;
};

/** Runs, the newest window first. */
export async function listRuns(ledger: Queryable, filter: RunFilter): Promise<RunRow[]> {
  const rows = await ledger.query<RawRun>(
    `SELECT r.run_id, r.job, t.code AS tenant, r.window_from, r.window_to, r.state, r.attempts, r.error,
            r.rows_read, r.rows_written, r.rows_conflict, r.left_out, r.queued_at, r.started_at, r.finished_at
       FROM etl_job_run r JOIN dim_tenant t USING (tenant_id)
      WHERE r.tenant_id = $1 AND ($2::text IS NULL OR r.job = $2) AND ($3::text IS NULL OR r.state = $3)
        AND ($4::timestamptz IS NULL OR r.window_to > $4) AND ($5::timestamptz IS NULL OR r.window_from < $5)
      ORDER BY r.window_to DESC, r.job LIMIT $6`,
    [
      filter.tenantId,
      filter.job ?? null,
      filter.state ?? null,
      filter.from === undefined ? null : iso(filter.from),
      filter.to === undefined ? null : iso(filter.to),
      filter.limit,
    ],
  );
  return rows.map((row) => ({
    run_id: row.run_id,
    job: row.job,
    tenant: row.tenant,
    from: row.window_from.getTime(),
    to: row.window_to.getTime(),
    state: row.state,
    attempts: row.attempts,
    error: row.error,
    rows_read: Number(row.rows_read),
    rows_written: Number(row.rows_written),
    rows_conflict: Number(row.rows_conflict),
    left_out: row.left_out,
    queued_at: row.queued_at.getTime(),
    started_at: row.started_at?.getTime() ?? null,
    finished_at: row.finished_at?.getTime() ?? null,
  }));
}

/** A tenant by number or code; throws `unprocessable` when there is none. */
export async function findTenant(
  ledger: Queryable,
  given: string | number,
): Promise<{ id: number; code: string }> {
  const rows = await ledger.query<{ tenant_id: string; code: string }>(
    'SELECT tenant_id, code FROM dim_tenant WHERE tenant_id::text = $1 OR code = $1 ORDER BY (code = $1) DESC LIMIT 1',
    [String(given)],
  );
  const row = rows[0];
  if (!row) throw new ClewError('unprocessable', `tenant_id: there is no tenant ${given}.`);
  return { id: Number(row.tenant_id), code: row.code };
}
