/** What a person can do to a case. Each call carries the version that was on screen and a key of its own. */
import { request } from './client.ts';
import type { CaseDetail } from './types.ts';

export interface CaseAction {
  kind: 'approve' | 'reject' | 'resume' | 'park';
  caseId: string;
  version: number;
  actor: string;
  reason: string;
  /** Made when the form was opened: pressing twice is one action. */
  key: string;
}

const headersOf = (action: CaseAction): Record<string, string> => ({
  'if-match': `"${action.version}"`,
  'idempotency-key': action.key,
});

export async function runCaseAction(action: CaseAction): Promise<void> {
  const headers = headersOf(action);
  const { caseId, actor, reason } = action;
  if (action.kind === 'approve' || action.kind === 'reject') {
    await request('/api/v1/gate/eval', {
      method: 'POST',
      headers,
      body: { case_id: caseId, decision: action.kind, actor, reason },
    });
    return;
  }
  await request<CaseDetail>(`/api/v1/case/${encodeURIComponent(caseId)}/transition`, {
    method: 'PATCH',
    headers,
    body: { event: action.kind, actor, reason, expected_version: action.version, meta: {} },
  });
}
