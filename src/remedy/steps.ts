import { storable, storableText } from '../cases/index.ts';
import type { Ledger, Queryable } from '../ledger/index.ts';
import { type ChangePlan, iso, type PlanStep } from '../model/index.ts';
import type { Adapter, AdapterResult } from './adapters/index.ts';

export type Phase = 'forward' | 'compensate';
export type StepStatus = 'pending' | 'running' | 'ok' | 'failed' | 'interrupted' | 'compensated' | 'skipped';

/** A row of `exec_step`. */
export interface StepRow {
  id: string;
  phase: Phase;
  seq: number;
  /** `compensates`: seq of the forward step that a compensation takes back. */
  step: PlanStep & { compensates?: number };
  status: StepStatus;
  attempt: number;
  undo: Record<string, unknown> | null;
}

/** The adapters bound their output by configured sizes; this only keeps a mistake there out of the ledger. */
const outputCharsMax = 1_048_576;

const columns = 'id, phase, seq, step, status, attempt, undo';

const sql = {
  insert: `INSERT INTO exec_step (case_id, plan_id, phase, seq, step, status, trace_id)
    VALUES ($1, $2, $3, $4, $5::jsonb, 'pending', $6) ON CONFLICT (plan_id, phase, seq) DO NOTHING`,
  list: `SELECT ${columns} FROM exec_step WHERE plan_id = $1 AND phase = $2 ORDER BY seq`,
  next: `SELECT coalesce(max(seq) + 1, 0)::int AS seq FROM exec_step WHERE plan_id = $1 AND phase = 'forward'`,
  interrupt: `UPDATE exec_step SET status = 'interrupted', error = 'the process ended while this step ran'
    WHERE plan_id = $1 AND status = 'running'`,
  begin: `UPDATE exec_step SET status = 'running', attempt = $2, started_at = coalesce(started_at, $3),
      finished_at = NULL, error = NULL, undo = coalesce(undo, $4::jsonb) WHERE id = $1`,
  end: `UPDATE exec_step SET status = $2, finished_at = $3, output = $4::jsonb, error = $5,
      undo = coalesce($6::jsonb, undo) WHERE id = $1`,
  compensated: `UPDATE exec_step SET status = 'compensated' WHERE plan_id = $1 AND phase = 'forward' AND seq = $2`,
};

export async function addSteps(
  tx: Queryable,
  about: { caseId: string; planId: string; traceId: string },
  phase: Phase,
  steps: readonly { seq: number; step: StepRow['step'] }[],
): Promise<void> {
  for (const { seq, step } of steps)
    await tx.query(sql.insert, [about.caseId, about.planId, phase, seq, JSON.stringify(step), about.traceId]);
}

export const listSteps = (on: Queryable, planId: string, phase: Phase): Promise<StepRow[]> =>
  on.query<StepRow>(sql.list, [planId, phase]);

export async function nextSeq(on: Queryable, planId: string): Promise<number> {
  const [row] = await on.query<{ seq: number }>(sql.next, [planId]);
  return row?.seq ?? 0;
}

/** A step found running belongs to a process that died: whether it took effect is not known. */
export const markInterrupted = (ledger: Ledger, planId: string): Promise<unknown> =>
  ledger.query(sql.interrupt, [planId]);

export async function beginAttempt(
  ledger: Ledger,
  row: StepRow,
  attempt: number,
  at: number,
  undo: Record<string, unknown> | undefined,
): Promise<void> {
  await ledger.query(sql.begin, [row.id, attempt, iso(at), undo ? JSON.stringify(undo) : null]);
}

export async function endAttempt(
  tx: Queryable,
  row: StepRow,
  status: StepStatus,
  result: AdapterResult,
  at: number,
): Promise<void> {
  await tx.query(sql.end, [
    row.id,
    status,
    iso(at),
    JSON.stringify(storable(result.output, outputCharsMax)),
    result.error === undefined ? null : storableText(result.error),
    result.undo ? JSON.stringify(result.undo) : null,
  ]);
}

export const markCompensated = (tx: Queryable, planId: string, seq: number): Promise<unknown> =>
  tx.query(sql.compensated, [planId, seq]);

/**
 * What takes back the steps that began, newest first: the plan's own compensation of each, else what its adapter can
 * build from what it recorded. A step that failed or was interrupted counts, for it may have taken effect. Steps of
 * `rollback` that compensate no step in particular run last, in reverse order too.
 */
export function compensationOf(
  { plan }: { plan: ChangePlan },
  forward: readonly StepRow[],
  adapterOf: (action: PlanStep['action']) => Adapter | undefined,
): StepRow['step'][] {
  const began = forward.filter((row) => row.attempt > 0).sort((a, b) => b.seq - a.seq);
  if (began.length === 0) return [];
  const list: StepRow['step'][] = [];
  for (const row of began) {
    const own = plan.rollback.steps.filter((step) => step.compensates === row.seq).reverse();
    if (own.length > 0) {
      list.push(...own);
      continue;
    }
    const params = row.undo
      ? adapterOf(row.step.action)?.compensation?.(row.step.params, row.undo)
      : undefined;
    if (params)
      list.push({
        ...row.step,
        title: `Take back: ${row.step.title ?? row.step.action}`,
        params,
        compensates: row.seq,
      });
  }
  return [...list, ...plan.rollback.steps.filter((step) => step.compensates === undefined).reverse()];
}
