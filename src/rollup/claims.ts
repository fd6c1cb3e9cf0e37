import type { Ledger, Queryable } from '../ledger/index.ts';
import { type EpochMs, iso, type TimeWindow } from '../model/index.ts';
import type { Holding } from './heart.ts';
import type { Job, JobResult } from './job.ts';
import type { Held } from './leases.ts';
import type { WindowClass } from './priority.ts';
import { freshFrom, pauseMsMax } from './queue.ts';
import { upperBound } from './windows.ts';

/** Failures of one window before it stays `failed` until somebody enqueues it again. */
export const failuresMax = 8;
/** Wait before the second attempt, doubled each time up to the most; with 8 attempts about 13 to 17 minutes in all. */
const backoffMs = 8_000;
const backoffMsMax = 600_000;
/**
 * Workers that died in a window before it is taken for the cause: it would take down one after the other. Many, because a
 * process that is killed again and again for another reason has always just begun some window.
 */
export const deathsMax = 50;
/** Waiting windows looked at for one whose predecessors are done; those behind a blocked one are mostly blocked too. */
const lookedAtMax = 20;
const errorCharsMax = 2_000;

export interface ClaimedRun extends Holding {
  window: TimeWindow;
  kind: string;
  attempt: number;
}

export interface Claim {
  job: Job;
  tenantId: number;
  kind: WindowClass;
  now: EpochMs;
  worker: string;
  leaseMs: number;
}

// Windows that were not tried yet go first: one in which workers die does not hold the others up. A window that waits for
// another job is skipped, not failed: the job before it may itself be waiting to be retried. A
// `failed` window of the job before does not hold it up for ever. Windows of one group never run at the same time.
const claimSql = `
WITH waiting AS (
  SELECT run_id FROM etl_job_run
   WHERE job = $1 AND tenant_id = $2 AND state = 'queued' AND kind = $3 AND window_to > $4 AND window_to <= $5
     AND (not_before <= $6 OR not_before > $7)
   ORDER BY attempts, window_from LIMIT ${lookedAtMax}
)
UPDATE etl_job_run AS r SET
  state = 'running', attempts = r.attempts + 1, fence = r.fence + 1, beats = 0, started_at = $6, finished_at = NULL,
  lease_until = $8, worker = $9
WHERE r.run_id = (
  SELECT c.run_id FROM etl_job_run c
   WHERE c.run_id IN (SELECT run_id FROM waiting) AND c.state = 'queued'
     AND NOT EXISTS (
       SELECT 1 FROM unnest($10::text[]) AS before(job)
        WHERE EXISTS (SELECT 1 FROM etl_job_run p WHERE p.job = before.job AND p.tenant_id = $2 AND p.state = 'queued'
                         AND p.kind = ANY('{planned,late,replay}') AND p.window_from < c.window_to AND p.window_to > c.window_from)
           OR EXISTS (SELECT 1 FROM etl_job_run p WHERE p.job = before.job AND p.tenant_id = $2 AND p.state = 'running'
                         AND p.window_from < c.window_to AND p.window_to > c.window_from)
           OR NOT EXISTS (SELECT 1 FROM etl_job_run p WHERE p.job = before.job AND p.tenant_id = $2
                             AND p.planned AND p.window_to >= c.window_to))
     AND ($11::float8 IS NULL OR NOT EXISTS (
       SELECT 1 FROM etl_job_run g WHERE g.state = 'running' AND g.job = $1 AND g.tenant_id = $2
          AND g.window_from < to_timestamp((floor(extract(epoch FROM c.window_from)::float8 * 1000 / $11::float8) + 1) * $11::float8 / 1000)
          AND g.window_to > to_timestamp(floor(extract(epoch FROM c.window_from)::float8 * 1000 / $11::float8) * $11::float8 / 1000)))
   ORDER BY c.attempts, c.window_from LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING r.run_id, r.fence, r.window_from, r.window_to, r.kind, r.attempts`;

interface ClaimRow {
  run_id: string;
  fence: string;
  window_from: Date;
  window_to: Date;
  kind: string;
  attempts: number;
}

/** Takes a window of the class that is ready, the oldest of those least tried, or null. No two workers get the same one. */
export async function claimRun(ledger: Ledger, claim: Claim): Promise<ClaimedRun | null> {
  const { job, now } = claim;
  const upper = upperBound(now, job);
  const fresh = freshFrom(upper, job);
  const group = job.groupMs ?? null;
  const params = [
    job.name,
    claim.tenantId,
    claim.kind === 'fresh' || claim.kind === 'catch_up' ? 'planned' : claim.kind,
    claim.kind === 'fresh' ? iso(fresh) : '-infinity',
    iso(claim.kind === 'catch_up' ? fresh : upper),
    iso(now),
    iso(now + pauseMsMax),
    iso(now + claim.leaseMs),
    claim.worker,
    job.after,
    group,
  ];
  const rows =
    group === null || ledger.capabilities.embedded
      ? await ledger.query<ClaimRow>(claimSql, params)
      : await claimAlone(ledger, claim, params);
  const row = rows[0];
  if (!row) return null;
  return {
    runId: row.run_id,
    fence: row.fence,
    window: { from: row.window_from.getTime(), to: row.window_to.getTime() },
    kind: row.kind,
    attempt: row.attempts,
  };
}

/** Two workers of a server that claim at once don't see each other's claim; where windows exclude one another, they take turns. */
const claimAlone = (ledger: Ledger, claim: Claim, params: readonly unknown[]): Promise<ClaimRow[]> =>
  ledger.transaction(async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [
      `etl_job_run/${claim.job.name}/${claim.tenantId}`,
    ]);
    return tx.query<ClaimRow>(claimSql, params);
  });

/** Renews leases; answers with the windows that are still ours. */
export async function beatRuns(
  ledger: Queryable,
  held: readonly Holding[],
  leaseUntil: EpochMs,
): Promise<Set<string>> {
  const rows = await ledger.query<{ run_id: string }>(
    `UPDATE etl_job_run r SET beats = r.beats + 1, lease_until = $3
       FROM unnest($1::bigint[], $2::bigint[]) AS h(run_id, fence)
      WHERE r.run_id = h.run_id AND r.fence = h.fence AND r.state = 'running' RETURNING r.run_id`,
    [held.map((run) => run.runId), held.map((run) => run.fence), iso(leaseUntil)],
  );
  return new Set(rows.map((row) => row.run_id));
}

/** Running windows of other workers. */
export async function heldByOthers(ledger: Queryable, worker: string): Promise<Held[]> {
  const rows = await ledger.query<{ run_id: string; fence: string; beats: string }>(
    `SELECT run_id, fence, beats FROM etl_job_run WHERE state = 'running' AND worker IS DISTINCT FROM $1 ORDER BY run_id`,
    [worker],
  );
  return rows.map((row) => ({ runId: row.run_id, fence: row.fence, beats: row.beats }));
}

/**
 * Puts windows of dead workers back into the queue; a write of theirs that comes after all no longer counts. One that is
 * just being committed is locked, and left alone. Answers with the jobs, one for each window.
 */
export async function takeBack(ledger: Queryable, dead: readonly Held[], now: EpochMs): Promise<string[]> {
  if (dead.length === 0) return [];
  const rows = await ledger.query<{ job: string }>(
    `UPDATE etl_job_run r SET
       state = CASE WHEN r.attempts >= $4 THEN 'failed' ELSE 'queued' END,
       error = CASE WHEN r.attempts >= $4 THEN 'its worker died in it ' || r.attempts || ' times; enqueue it to try again'
                    ELSE 'its worker stopped in the middle of it' END,
       kind = coalesce(r.requeue, r.kind), requeue = NULL, lease_until = NULL, finished_at = $5, not_before = '-infinity'
     WHERE r.run_id IN (
       SELECT c.run_id FROM etl_job_run c
         JOIN unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS d(run_id, fence, beats)
           ON d.run_id = c.run_id AND d.fence = c.fence AND d.beats = c.beats
        WHERE c.state = 'running' FOR UPDATE OF c SKIP LOCKED)
     RETURNING r.job`,
    [
      dead.map((run) => run.runId),
      dead.map((run) => run.fence),
      dead.map((run) => run.beats),
      deathsMax,
      iso(now),
    ],
  );
  return rows.map((row) => row.job);
}

/**
 * Marks success, or queues the window once more where somebody asked for it meanwhile. Answers false when the window is no
 * longer ours: then nothing of its result may be written.
 */
export async function finishRun(
  ledger: Queryable,
  run: Holding,
  result: JobResult,
  now: EpochMs,
): Promise<boolean> {
  const rows = await ledger.query(
    `UPDATE etl_job_run SET state = CASE WHEN requeue IS NULL THEN 'success' ELSE 'queued' END,
       kind = coalesce(requeue, kind), attempts = CASE WHEN requeue IS NULL THEN attempts ELSE 0 END, requeue = NULL,
       failures = 0, successes = successes + 1, finished_at = $3, lease_until = NULL, error = NULL,
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

/** How long a window that failed so often waits: doubled each time, and a random half less, so that they don't come back together. */
export function backoffFor(failures: number, random: number): number {
  const whole = Math.min(backoffMs * 2 ** (failures - 1), backoffMsMax);
  return Math.round(whole * (1 - random / 2));
}

/** Puts the window back with a growing delay, or lets it be `failed` after the last attempt. `again` is null when it was not ours. */
export async function failRun(
  ledger: Queryable,
  run: Holding,
  message: string,
  now: EpochMs,
  random: number,
): Promise<{ again: boolean | null }> {
  const delays = Array.from({ length: failuresMax }, (_, index) => iso(now + backoffFor(index + 1, random)));
  const rows = await ledger.query<{ state: string }>(
    `UPDATE etl_job_run SET failures = failures + 1,
       state = CASE WHEN failures + 1 < $3 OR requeue IS NOT NULL THEN 'queued' ELSE 'failed' END,
       not_before = ($4::timestamptz[])[least(failures + 1, $3)], kind = coalesce(requeue, kind), requeue = NULL,
       finished_at = $5, lease_until = NULL, error = $6
     WHERE run_id = $1 AND fence = $2 AND state = 'running' RETURNING state`,
    [run.runId, run.fence, failuresMax, delays, iso(now), message.slice(0, errorCharsMax)],
  );
  return { again: rows[0] === undefined ? null : rows[0].state === 'queued' };
}

/** Gives windows back untouched, as the process stops. */
export async function releaseRuns(ledger: Queryable, held: readonly Holding[]): Promise<void> {
  await ledger.query(
    `UPDATE etl_job_run r SET state = 'queued', attempts = greatest(r.attempts - 1, 0), kind = coalesce(r.requeue, r.kind),
       requeue = NULL, not_before = '-infinity', lease_until = NULL
       FROM unnest($1::bigint[], $2::bigint[]) AS h(run_id, fence)
      WHERE r.run_id = h.run_id AND r.fence = h.fence AND r.state = 'running'`,
    [held.map((run) => run.runId), held.map((run) => run.fence)],
  );
}
