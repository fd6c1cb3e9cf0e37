import type { Queryable } from '../ledger/index.ts';
import type { EpochMs } from '../model/index.ts';
import { circuitOpen, queueWindows, windowLag } from './events.ts';
import type { Job, Tenant } from './job.ts';
import { upperBound } from './windows.ts';

/** A window that became ready is given this long to be done before the lag counts it. */
const graceMs = 5_000;

const lagSql = `
SELECT j.job, t.tenant_id, coalesce(c.state <> 'closed', false) AS open, r.window_to FROM unnest($1::text[]) AS j(job)
 CROSS JOIN unnest($2::bigint[]) AS t(tenant_id)
  LEFT JOIN etl_job_circuit c ON c.job = j.job AND c.tenant_id = t.tenant_id
 CROSS JOIN LATERAL (
   SELECT window_to FROM etl_job_run r WHERE r.job = j.job AND r.tenant_id = t.tenant_id AND r.state = 'success' AND r.planned
    ORDER BY window_to DESC LIMIT 1) AS r`;

const queueSql = `
SELECT job, state, count(*)::int AS n FROM etl_job_run
 WHERE state IN ('queued', 'running', 'failed') AND job = ANY($1::text[]) GROUP BY 1, 2`;

/** Shows how far each job is behind for each tenant, which circuits are open, and how much waits. */
export async function showGauges(
  ledger: Queryable,
  jobs: readonly Job[],
  tenants: readonly Tenant[],
  now: EpochMs,
): Promise<void> {
  const names = jobs.map((job) => job.name);
  const rows = await ledger.query<{ job: string; tenant_id: string; open: boolean; window_to: Date }>(
    lagSql,
    [names, tenants.map((tenant) => tenant.id)],
  );
  for (const row of rows) {
    const job = jobs.find((candidate) => candidate.name === row.job);
    const tenant = tenants.find((candidate) => String(candidate.id) === row.tenant_id);
    if (!job || !tenant) continue;
    const labels = { job: job.name, tenant: tenant.code };
    circuitOpen.set(labels, row.open ? 1 : 0);
    const upper = upperBound(now, job);
    const doneTo = row.window_to.getTime();
    // The window that became ready this moment is about to be done; the value of before stands.
    if (doneTo < upper && now - (upper + job.delayMs) < graceMs && upper - doneTo <= job.alignMs) continue;
    windowLag.set(labels, Math.max(0, (now - doneTo) / 1_000));
  }
  const waiting = await ledger.query<{ job: string; state: string; n: number }>(queueSql, [names]);
  for (const job of names)
    for (const state of ['queued', 'running', 'failed'])
      queueWindows.set({ job, state }, waiting.find((row) => row.job === job && row.state === state)?.n ?? 0);
}
