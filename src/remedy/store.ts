import type { Queryable } from '../ledger/index.ts';
import type { ChangePlan } from '../model/index.ts';

const newestSql = 'SELECT id, plan FROM plan_proposed WHERE case_id = $1 ORDER BY seq DESC LIMIT 1';

export interface StoredPlan {
  id: string;
  plan: ChangePlan;
}

/** The newest plan of a case: the one that the gate decides on and the executor runs. */
export async function newestPlan(on: Queryable, caseId: string): Promise<StoredPlan | null> {
  const [row] = await on.query<StoredPlan>(newestSql, [caseId]);
  return row ?? null;
}
