import type { Queryable } from '../ledger/index.ts';
import { type EpochMs, iso, type TimeWindow } from '../model/index.ts';
import type { Job } from './job.ts';
import type { WindowClass } from './priority.ts';
import type { Candidate } from './turns.ts';
import { upperBound } from './windows.ts';

/** Windows added by one statement: 25 ms of the embedded engine, so requests are answered in between. */
export const windowsPerStatement = 1_000;
/** The newest windows of a job that count as fresh; older ones of the schedule are catching up. */
export const freshWindowsMax = 5;
/**
 * A clock that went back by more than this has its windows of the future undone. Clocks of two machines differ by less, and
 * one must not undo what the other has just finished.
 */
export const clockStepMsMax = 60_000;

const columnsOf = (windows: readonly TimeWindow[]): string[][] => [
  windows.map((window) => iso(window.from)),
  windows.map((window) => iso(window.to)),
];

/** Where the schedule of each tenant goes on: the end of its newest planned window that is not of the future. */
export async function plannedTo(
  ledger: Queryable,
  job: string,
  tenantIds: readonly number[],
  upper: EpochMs,
): Promise<Map<number, EpochMs>> {
  const rows = await ledger.query<{ tenant_id: string; window_to: Date }>(
    `SELECT t.tenant_id, r.window_to FROM unnest($2::bigint[]) AS t(tenant_id), LATERAL (
       SELECT window_to FROM etl_job_run
        WHERE job = $1 AND tenant_id = t.tenant_id AND planned AND window_to <= $3
        ORDER BY window_to DESC LIMIT 1) AS r`,
    [job, tenantIds, iso(upper)],
  );
  return new Map(rows.map((row) => [Number(row.tenant_id), row.window_to.getTime()]));
}

export interface PlanRange extends TimeWindow {
  tenantId: number;
}

/**
 * Adds the windows of the ranges, the oldest first and at most `windowsPerStatement`: what is there of a tenant is always
 * without a gap. One that somebody asked for before is the schedule's from now on, and is not run again for it.
 */
export async function addWindows(
  ledger: Queryable,
  job: Pick<Job, 'name' | 'alignMs'>,
  ranges: readonly PlanRange[],
  now: EpochMs,
): Promise<number> {
  if (ranges.length === 0) return 0;
  const rows = await ledger.query<{ n: number }>(
    `WITH wanted AS (
       SELECT g.tenant_id, w AS w_from, w + $5::float8 * INTERVAL '1 millisecond' AS w_to
         FROM unnest($2::bigint[], $3::timestamptz[], $4::timestamptz[]) AS g(tenant_id, t_from, t_to),
              generate_series(t_from, t_to - $5::float8 * INTERVAL '1 millisecond', $5::float8 * INTERVAL '1 millisecond') AS w
        ORDER BY w LIMIT $7
     ), put AS (
       INSERT INTO etl_job_run AS r (job, tenant_id, window_from, window_to, queued_at)
       SELECT $1, tenant_id, w_from, w_to, $6 FROM wanted
       ON CONFLICT (job, tenant_id, window_from, window_to) DO UPDATE SET planned = true WHERE NOT r.planned
     )
     SELECT count(*)::int AS n FROM wanted`,
    [
      job.name,
      ranges.map((range) => range.tenantId),
      ...columnsOf(ranges),
      job.alignMs,
      iso(now),
      windowsPerStatement,
    ],
  );
  return rows[0]?.n ?? 0;
}

/** The clock went back: what was done in a future that has not come is done again when it has. */
export async function undoFuture(
  ledger: Queryable,
  job: string,
  tenantIds: readonly number[],
  upper: EpochMs,
): Promise<number> {
  const rows = await ledger.query(
    `UPDATE etl_job_run SET state = 'queued', attempts = 0, failures = 0, not_before = '-infinity', error = NULL
      WHERE job = $1 AND tenant_id = ANY($2::bigint[]) AND planned AND window_to > $3 AND state IN ('success', 'failed')
      RETURNING run_id`,
    [job, tenantIds, iso(upper + clockStepMsMax)],
  );
  return rows.length;
}

export interface Requeue {
  job: string;
  tenantId: number;
  windows: readonly TimeWindow[];
  kind: 'late' | 'replay';
  now: EpochMs;
  notBefore: EpochMs | null;
  /** Windows that were never made stay so. */
  onlyKnown?: boolean;
}

// A waiting window only loses its pause. A running one may have read before the rows came: it is queued once more when it
// ends. A finished one forgets its attempts.
const requeueSql = `
INSERT INTO etl_job_run AS r (job, tenant_id, window_from, window_to, queued_at, kind, planned, not_before)
SELECT $1, $2, w_from, w_to, $5, $6, false, coalesce($7::timestamptz, '-infinity')
  FROM unnest($3::timestamptz[], $4::timestamptz[]) AS w(w_from, w_to)
 WHERE NOT $8 OR EXISTS (SELECT FROM etl_job_run k WHERE (k.job, k.tenant_id, k.window_from, k.window_to) = ($1, $2, w_from, w_to))
ON CONFLICT (job, tenant_id, window_from, window_to) DO UPDATE SET
  requeue = CASE WHEN r.state = 'running' THEN excluded.kind END,
  kind = CASE WHEN r.state IN ('success', 'failed') THEN excluded.kind ELSE r.kind END,
  attempts = CASE WHEN r.state = 'running' THEN r.attempts ELSE 0 END,
  failures = CASE WHEN r.state = 'running' THEN r.failures ELSE 0 END,
  error = CASE WHEN r.state = 'running' THEN r.error END,
  not_before = CASE WHEN r.state = 'queued' THEN least(r.not_before, excluded.not_before) ELSE excluded.not_before END,
  queued_at = CASE WHEN r.state = 'queued' THEN r.queued_at ELSE excluded.queued_at END,
  state = CASE WHEN r.state = 'running' THEN 'running' ELSE 'queued' END
WHERE r.state <> 'queued' OR excluded.kind = 'replay'
RETURNING run_id`;

/** Queues windows again, finished ones too. Returns how many will be run for it. */
export async function requeueWindows(ledger: Queryable, what: Requeue): Promise<number> {
  let queued = 0;
  for (let start = 0; start < what.windows.length; start += windowsPerStatement) {
    const rows = await ledger.query(requeueSql, [
      what.job,
      what.tenantId,
      ...columnsOf(what.windows.slice(start, start + windowsPerStatement)),
      iso(what.now),
      what.kind,
      what.notBefore === null ? null : iso(what.notBefore),
      what.onlyKnown ?? false,
    ]);
    queued += rows.length;
  }
  return queued;
}

/** Windows of one job and tenant that wait. */
export async function countQueued(ledger: Queryable, job: string, tenantId: number): Promise<number> {
  const rows = await ledger.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM etl_job_run WHERE job = $1 AND tenant_id = $2 AND state = 'queued'`,
    [job, tenantId],
  );
  return rows[0]?.n ?? 0;
}

/** Start of what counts as fresh. */
export const freshFrom = (upper: EpochMs, job: Pick<Job, 'alignMs'>): EpochMs =>
  upper - freshWindowsMax * job.alignMs;

const readySql = `
SELECT r.job, r.tenant_id, t.code,
       CASE WHEN r.kind <> 'planned' THEN r.kind WHEN r.window_to > j.fresh THEN 'fresh' ELSE 'catch_up' END AS kind,
       min(r.queued_at) AS since, coalesce(c.state, 'closed') AS circuit
  FROM etl_job_run r
  JOIN unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS j(job, upper, fresh) ON j.job = r.job
  JOIN dim_tenant t ON t.tenant_id = r.tenant_id
  LEFT JOIN etl_job_circuit c ON c.job = r.job AND c.tenant_id = r.tenant_id
 WHERE r.state = 'queued' AND r.tenant_id = ANY($4::bigint[]) AND r.window_to <= j.upper
   AND (r.not_before <= $5 OR r.not_before > $6)
   AND (coalesce(c.state, 'closed') = 'closed' OR c.open_until <= $5 OR c.open_until > $6)
 GROUP BY 1, 2, 3, 4, 6`;

/** Pauses are shorter than this, so one that seems longer was set by a clock that has gone back since: it is over. */
export const pauseMsMax = 1_200_000;

/** Every (job, tenant, class) that has a window which may run now. */
export async function readyCandidates(
  ledger: Queryable,
  jobs: readonly Job[],
  tenantIds: readonly number[],
  now: EpochMs,
): Promise<Candidate[]> {
  const uppers = jobs.map((job) => upperBound(now, job));
  const rows = await ledger.query<{
    job: string;
    tenant_id: string;
    code: string;
    kind: WindowClass;
    since: Date;
    circuit: string;
  }>(readySql, [
    jobs.map((job) => job.name),
    uppers.map(iso),
    jobs.map((job, index) => iso(freshFrom(uppers[index] ?? now, job))),
    tenantIds,
    iso(now),
    iso(now + pauseMsMax),
  ]);
  return rows.map((row) => ({
    job: row.job,
    tenant: { id: Number(row.tenant_id), code: row.code },
    kind: row.kind,
    since: row.since.getTime(),
    probe: row.circuit !== 'closed',
  }));
}
