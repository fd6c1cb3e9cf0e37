import type { Severity } from './severity.ts';
import type { EpochMs } from './time.ts';
import type { Urn } from './urn.ts';

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

/** The head of a case, without what it gathered. */
export interface CaseHead {
  id: string;
  tenant: string;
  /** 1, 2, 3 … within the tenant; people read it as INC-1. */
  number: number;
  title: string;
  status: CaseState;
  version: number;
  severity: Severity;
  service: string;
  resource: Urn;
  automatic: boolean;
  traceId: string;
  createdAt: EpochMs;
  updatedAt: EpochMs;
  closedAt: EpochMs | null;
  /** Why it was parked last; null when it is not parked. */
  parkedReason: string | null;
}

/** What the gate said about a plan. */
export interface GateDecision {
  decision: 'approve' | 'reject' | 'needs_person';
  /** Ids of the policies that decided. */
  policies: string[];
  reasons: string[];
  actor: string;
  needs_person: boolean;
  /** What the policies were asked with. */
  inputs: Record<string, unknown>;
}
