/** States and events of a case (source 004, "AI-driven OPS agent", chapter 4). */
export const caseStates = [
  'NEW',
  'ANALYZING',
  'PLANNING',
  'WAIT_GATE',
  'EXECUTING',
  'VERIFYING',
  'CLOSED',
  'PARKED',
] as const;
export type CaseState = (typeof caseStates)[number];

export const caseEvents = [
  'start_analysis',
  'analysis_done',
  'plan_ready',
  'gate_approved',
  'gate_rejected',
  'exec_done',
  'exec_failed',
  'verify_pass',
  'verify_failed',
  'resume',
  'park',
] as const;
export type CaseEvent = (typeof caseEvents)[number];
