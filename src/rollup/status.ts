import type { Queryable } from '../ledger/index.ts';
import {
  type CircuitState,
  type EpochMs,
  type HistoryCell,
  iso,
  type JobStatus,
  type RunState,
  type TimeWindow,
} from '../model/index.ts';
import type { Job } from './job.ts';
import { upperBound } from './windows.ts';

/** Finished windows from which durations are told. */
const recentRuns = 200;

const statusSql = `
SELECT j.job,
  (SELECT window_to FROM etl_job_run r WHERE r.job = j.job AND r.tenant_id = $3 AND r.state = 'success'
    ORDER BY window_to DESC LIMIT 1) AS done_to,
  w.waiting, w.waiting_from, w.waiting_late, w.waiting_replay, w.running, w.failed,
  e.error AS last_error, e.finished_at AS last_error_at, d.p50, d.p95,
  coalesce(c.state, 'closed') AS circuit, coalesce(c.failures, 0) AS failures, c.opened_at, c.open_until,
  c.last_error AS circuit_error
FROM unnest($1::text[], $2::timestamptz[]) AS j(job, upper)
LEFT JOIN etl_job_circuit c ON c.job = j.job AND c.tenant_id = $3,
LATERAL (
  SELECT count(*) FILTER (WHERE state = 'queued')::int AS waiting,
         min(window_from) FILTER (WHERE state = 'queued') AS waiting_from,
         count(*) FILTER (WHERE state = 'queued' AND kind = 'late')::int AS waiting_late,
         count(*) FILTER (WHERE state = 'queued' AND kind = 'replay')::int AS waiting_replay,
         count(*) FILTER (WHERE state = 'running')::int AS running, count(*) FILTER (WHERE state = 'failed')::int AS failed
    FROM etl_job_run r WHERE r.job = j.job AND r.tenant_id = $3 AND r.state <> 'success' AND r.window_to <= j.upper
) AS w,
LATERAL (
  SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS p50, percentile_cont(0.95) WITHIN GROUP (ORDER BY ms) AS p95
    FROM (SELECT extract(epoch FROM finished_at - started_at)::float8 * 1000 AS ms FROM etl_job_run r
           WHERE r.job = j.job AND r.tenant_id = $3 AND r.state = 'success' AND started_at IS NOT NULL
           ORDER BY window_to DESC LIMIT ${recentRuns}) AS recent
) AS d
LEFT JOIN LATERAL (
  SELECT error, finished_at FROM etl_job_run r
   WHERE r.job = j.job AND r.tenant_id = $3 AND r.error IS NOT NULL AND r.state <> 'success'
   ORDER BY finished_at DESC NULLS LAST LIMIT 1
) AS e ON true`;

interface StatusRow {
  job: string;
  done_to: Date | null;
  waiting: number;
  waiting_from: Date | null;
  waiting_late: number;
  waiting_replay: number;
  running: number;
  failed: number;
  last_error: string | null;
  last_error_at: Date | null;
  p50: number | null;
  p95: number | null;
  circuit: CircuitState;
  failures: number;
  opened_at: Date | null;
  open_until: Date | null;
  circuit_error: string | null;
}

/** How each job stands for a tenant, in the order of the jobs. */
export async function jobStatuses(
  ledger: Queryable,
  jobs: readonly Job[],
  tenantId: number,
  now: EpochMs,
): Promise<JobStatus[]> {
  const rows = await ledger.query<StatusRow>(statusSql, [
    jobs.map((job) => job.name),
    jobs.map((job) => iso(upperBound(now, job))),
    tenantId,
  ]);
  return jobs.flatMap((job) => rows.filter((row) => row.job === job.name).map((row) => statusOf(row, now)));
}

const statusOf = (row: StatusRow, now: EpochMs): JobStatus => ({
  job: row.job,
  done_to: row.done_to?.getTime() ?? null,
  lag_s: row.done_to === null ? null : Math.max(0, (now - row.done_to.getTime()) / 1_000),
  waiting: row.waiting,
  waiting_from: row.waiting_from?.getTime() ?? null,
  waiting_late: row.waiting_late,
  waiting_replay: row.waiting_replay,
  running: row.running,
  failed: row.failed,
  last_error: row.last_error,
  last_error_at: row.last_error_at?.getTime() ?? null,
  duration_ms_p50: row.p50,
  duration_ms_p95: row.p95,
  circuit: {
    state: row.circuit,
    failures: row.failures,
    opened_at: row.opened_at?.getTime() ?? null,
    open_until: row.open_until?.getTime() ?? null,
    last_error: row.circuit_error,
  },
});

const historySql = `
SELECT floor((extract(epoch FROM window_from)::float8 * 1000 - $3) / $5)::int AS cell,
       count(*) FILTER (WHERE state = 'queued')::int AS queued, count(*) FILTER (WHERE state = 'running')::int AS running,
       count(*) FILTER (WHERE state = 'success')::int AS success, count(*) FILTER (WHERE state = 'failed')::int AS failed,
       max(extract(epoch FROM finished_at - started_at)::float8 * 1000) FILTER (WHERE state = 'success') AS duration_ms_max,
       max(extract(epoch FROM finished_at - window_to)::float8) FILTER (WHERE state = 'success' AND successes = 1 AND kind = 'planned') AS lag_s_max,
       sum(rows_read)::float8 AS rows_read, sum(rows_written)::float8 AS rows_written, sum(greatest(attempts - 1, 0))::int AS retries
  FROM etl_job_run
 WHERE job = $1 AND tenant_id = $2 AND window_from >= $4 AND window_from < $6
 GROUP BY 1 ORDER BY 1`;

/** Windows of a job over a range of time, in cells of `cellMs` from `window.from`; cells without windows are left out. */
export async function jobHistory(
  ledger: Queryable,
  job: string,
  tenantId: number,
  window: TimeWindow,
  cellMs: number,
): Promise<HistoryCell[]> {
  const rows = await ledger.query<
    Record<RunState, number> & Omit<HistoryCell, 'from' | 'to' | 'states'> & { cell: number }
  >(historySql, [job, tenantId, window.from, iso(window.from), cellMs, iso(window.to)]);
  return rows.map((row) => ({
    from: window.from + row.cell * cellMs,
    to: window.from + (row.cell + 1) * cellMs,
    states: { queued: row.queued, running: row.running, success: row.success, failed: row.failed },
    duration_ms_max: row.duration_ms_max,
    lag_s_max: row.lag_s_max,
    rows_read: row.rows_read,
    rows_written: row.rows_written,
    retries: row.retries,
  }));
}
