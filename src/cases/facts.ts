import type { Queryable } from '../ledger/index.ts';
import type { GateDecision } from '../model/index.ts';

/** The newest plan with its gate decision, open steps and verification. */
const factsSql = `
  SELECT p.id AS plan_id, p.plan,
    (SELECT a.decision FROM plan_approved a WHERE a.plan_id = p.id ORDER BY a.seq DESC LIMIT 1) AS gate,
    (SELECT count(*)::int FROM exec_step s
      WHERE s.plan_id = p.id AND s.phase = 'forward' AND s.status NOT IN ('ok', 'skipped')) AS steps_open,
    (SELECT v.status FROM verification v WHERE v.plan_id = p.id) AS verification
  FROM plan_proposed p WHERE p.case_id = $1 ORDER BY p.seq DESC LIMIT 1`;

export interface StoredFacts {
  planId: string | null;
  plan: unknown;
  gate: GateDecision | null;
  stepsOpen: number;
  verification: 'waiting' | 'pass' | 'failed' | null;
}

export async function readFacts(on: Queryable, caseId: string): Promise<StoredFacts> {
  const [row] = await on.query<{
    plan_id: string;
    plan: unknown;
    gate: GateDecision | null;
    steps_open: number;
    verification: 'waiting' | 'pass' | 'failed' | null;
  }>(factsSql, [caseId]);
  if (!row) return { planId: null, plan: null, gate: null, stepsOpen: 0, verification: null };
  return {
    planId: row.plan_id,
    plan: row.plan,
    gate: row.gate,
    stepsOpen: row.steps_open,
    verification: row.verification,
  };
}
