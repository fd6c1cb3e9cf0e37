import type { Ledger } from '../../ledger/index.ts';
import type { EpochMs } from '../../model/index.ts';

export const accessStates = ['pending', 'running', 'success', 'failed'] as const;
export type AccessState = (typeof accessStates)[number];

/** The parts of clustering: finding the pattern of a message, and counting patterns. */
export const flows = ['mining', 'counting'] as const;
export type Flow = (typeof flows)[number];

export interface FlowStatus {
  flow: Flow;
  state: AccessState;
  /** Why it failed, or what it waits for; '' when all is well. */
  reason: string;
}

export interface AccessStatus {
  service: string;
  /** The worst of the flows. */
  state: AccessState;
  flows: FlowStatus[];
  requestedAt: EpochMs | null;
  requestedBy: string | null;
  startedAt: EpochMs | null;
  finishedAt: EpochMs | null;
  /** Up to here its messages are counted. */
  countedTo: EpochMs | null;
  patterns: number;
}

interface StoredAccess {
  service: string;
  state: AccessState;
  reason: string;
  requested_at: Date | null;
  requested_by: string | null;
  started_at: Date | null;
  finished_at: Date | null;
  window_to: Date | null;
  patterns: number;
}

const accessSql = `
SELECT a.*, coalesce(n.patterns, 0)::int AS patterns FROM pattern_access a
  LEFT JOIN (SELECT r.name, count(DISTINCT coalesce(p.current_id, p.fingerprint_id)) AS patterns
               FROM pattern_service s JOIN dim_resource r USING (resource_id) JOIN log_pattern p ON p.fingerprint_id = s.fingerprint_id
              WHERE s.tenant_id = $1 GROUP BY r.name) n ON n.name = a.service
 WHERE a.tenant_id = $1 ORDER BY a.service`;

const lastRunSql = `
SELECT r.state, r.error, c.state AS circuit
  FROM (SELECT 1) one
  LEFT JOIN LATERAL (SELECT state, error FROM etl_job_run WHERE job = 'oo-agg' AND tenant_id = $1 AND attempts > 0
                      ORDER BY coalesce(finished_at, started_at) DESC NULLS LAST LIMIT 1) r ON true
  LEFT JOIN etl_job_circuit c ON c.job = 'oo-agg' AND c.tenant_id = $1`;

/** How far clustering is for every application that has sent logs; one flow's failure is named with its reason. */
export async function accessStatuses(ledger: Ledger, tenantId: number): Promise<AccessStatus[]> {
  const [run] = await ledger.query<{ state: string | null; error: string | null; circuit: string | null }>(
    lastRunSql,
    [tenantId],
  );
  const rows = await ledger.query<StoredAccess>(accessSql, [tenantId]);
  return rows.map((row) => {
    const mining: FlowStatus = { flow: 'mining', state: row.state, reason: miningReason(row) };
    const counting = countingFlow(run, row.window_to !== null);
    return {
      service: row.service,
      state: worst([mining.state, counting.state]),
      flows: [mining, counting],
      requestedAt: row.requested_at?.getTime() ?? null,
      requestedBy: row.requested_by,
      startedAt: row.started_at?.getTime() ?? null,
      finishedAt: row.finished_at?.getTime() ?? null,
      countedTo: row.window_to?.getTime() ?? null,
      patterns: row.patterns,
    };
  });
}

const miningReason = (row: StoredAccess): string =>
  row.reason !== '' || row.state !== 'pending'
    ? row.reason
    : 'A restart is asked for; it begins when those before it have ended.';

function countingFlow(
  run: { state: string | null; error: string | null; circuit: string | null } | undefined,
  counted: boolean,
): FlowStatus {
  const flow = 'counting';
  if (run?.error && run.state !== 'success') {
    const paused = run.circuit === 'open' ? ' The job is paused after repeated failures.' : '';
    return { flow, state: 'failed', reason: `Job oo-agg: ${run.error}${paused}` };
  }
  if (!counted) return { flow, state: 'pending', reason: 'Its first window has not ended yet.' };
  return { flow, state: 'success', reason: '' };
}

const order: readonly AccessState[] = ['failed', 'running', 'pending', 'success'];
const worst = (states: readonly AccessState[]): AccessState =>
  order.find((state) => states.includes(state)) ?? 'success';
