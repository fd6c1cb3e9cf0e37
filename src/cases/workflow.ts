import type { CaseEvent, CaseState } from '../model/index.ts';

/**
 * The state machine (source 004, "AI-driven OPS agent", chapter 4). Two things stand here that its diagram leaves open:
 * `resume / fix` is the one event `resume`, and `park` sets a case aside before anything was changed in the world.
 * It is not allowed from EXECUTING and VERIFYING, where leaving half-way would skip compensation.
 */
const transitions: Readonly<Record<CaseState, Partial<Record<CaseEvent, CaseState>>>> = {
  NEW: { start_analysis: 'ANALYZING' },
  ANALYZING: { analysis_done: 'PLANNING', park: 'PARKED' },
  PLANNING: { plan_ready: 'WAIT_GATE', park: 'PARKED' },
  WAIT_GATE: { gate_approved: 'EXECUTING', gate_rejected: 'PARKED', park: 'PARKED' },
  EXECUTING: { exec_done: 'VERIFYING', exec_failed: 'PARKED' },
  VERIFYING: { verify_pass: 'CLOSED', verify_failed: 'PARKED' },
  PARKED: { resume: 'PLANNING' },
  CLOSED: {},
};

/** The state after `event`, or null when the state does not allow it. */
export const nextState = (state: CaseState, event: CaseEvent): CaseState | null =>
  transitions[state][event] ?? null;

/** The events that a state allows, for error messages and for the console. */
export const mayHappen = (state: CaseState): CaseEvent[] => Object.keys(transitions[state]) as CaseEvent[];
