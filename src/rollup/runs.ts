import type { Queryable } from '../ledger/index.ts';
import { ClewError } from '../lib/index.ts';
import { type EpochMs, iso, type RunRow, type RunState } from '../model/index.ts';

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
  | 'from'
  | 'to'
  | 'not_before'
  | 'queued_at'
  | 'started_at'
  | 'finished_at'
  | 'rows_read'
  | 'rows_written'
  | 'rows_conflict'
> & {
  window_from: Date;
  window_to: Date;
  not_before: Date | null;
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
    `SELECT r.run_id, r.job, t.code AS tenant, r.window_from, r.window_to, r.state, r.kind, r.attempts, r.successes, r.worker, r.error,
            CASE WHEN r.state = 'queued' AND isfinite(r.not_before) THEN r.not_before END AS not_before,
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
    kind: row.kind,
    attempts: row.attempts,
    successes: row.successes,
    worker: row.worker,
    error: row.error,
    rows_read: Number(row.rows_read),
    rows_written: Number(row.rows_written),
    rows_conflict: Number(row.rows_conflict),
    left_out: row.left_out,
    queued_at: row.queued_at.getTime(),
    started_at: row.started_at?.getTime() ?? null,
    finished_at: row.finished_at?.getTime() ?? null,
    not_before: row.not_before?.getTime() ?? null,
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
  if (!row) throw noSuchTenant(given);
  return { id: Number(row.tenant_id), code: row.code };
}

export const noSuchTenant = (given: string | number): ClewError =>
  new ClewError('unprocessable', `tenant_id: there is no tenant ${given}.`, {
    details: { field: 'tenant_id', value: given },
  });

/** Tenants worked for; further ones are not, which the ledger's own size forbids long before. */
const tenantsMax = 10_000;

/** Every tenant of the ledger by code, `own` first: what is done once for the ledger is done under its name. */
export async function knownTenants(ledger: Queryable, own: string): Promise<string[]> {
  const rows = await ledger.query<{ code: string }>(
    'SELECT code FROM dim_tenant WHERE code <> $1 ORDER BY tenant_id LIMIT $2',
    [own, tenantsMax],
  );
  return [own, ...rows.map((row) => row.code)];
}
