import { type GateDecision, stepActions } from '../model/index.ts';

/** Largest plan by steps: more is a project, not a repair, and a person should split it. */
const stepsMax = 50;
/** Longest a single step may take, seconds. */
const timeoutSecondsMax = 3_600;
/** As in the source's schema. */
const retryMax = 3;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What is missing in a plan, as sentences; empty when it is complete. */
export function checkPlan(plan: unknown): string[] {
  if (!isRecord(plan)) return ['there is no plan'];
  const problems: string[] = [];
  if (typeof plan.title !== 'string' || plan.title === '') problems.push('title is missing');
  if (!Array.isArray(plan.steps) || plan.steps.length === 0)
    problems.push('steps must hold at least one step');
  else if (plan.steps.length > stepsMax)
    problems.push(`steps holds ${plan.steps.length} steps, the limit is ${stepsMax}`);
  else for (const [index, step] of plan.steps.entries()) problems.push(...checkStep(step, `steps[${index}]`));
  if (!isRecord(plan.rollback))
    problems.push('rollback is missing (an object; {"steps": []} says there is none)');
  if (!isRecord(plan.verify)) problems.push('verify is missing (an object that says what must hold again)');
  return problems;
}

function checkStep(step: unknown, at: string): string[] {
  if (!isRecord(step)) return [`${at} is not an object`];
  const problems: string[] = [];
  if (!stepActions.some((action) => action === step.action))
    problems.push(`${at}.action is ${JSON.stringify(step.action)}, known are ${stepActions.join(', ')}`);
  const timeout = step.timeout_s;
  if (typeof timeout !== 'number' || timeout <= 0 || timeout > timeoutSecondsMax)
    problems.push(`${at}.timeout_s must be a number of seconds up to ${timeoutSecondsMax}`);
  const retry = step.retry;
  if (typeof retry !== 'number' || !Number.isInteger(retry) || retry < 0 || retry > retryMax)
    problems.push(`${at}.retry must be a whole number from 0 to ${retryMax}`);
  return problems;
}

/** What the guards look at besides the state. */
export interface GuardFacts {
  plan: unknown;
  /** The plan comes with the request; false: it is the newest one on record. */
  planIsNew: boolean;
  gate: GateDecision | null;
  /** Steps of the newest plan that neither succeeded nor were skipped. */
  stepsOpen: number;
  /** The newest plan's verification, as far as one ran. */
  verification: 'waiting' | 'pass' | 'failed' | null;
  actor: string;
  reason: string;
}

export type GuardedEvent = 'plan_ready' | 'gate_approved' | 'exec_done' | 'verify_pass';

/**
 * Why an event may not happen, or null. Where a machine did the work its own record counts; where a person did it by
 * hand (no step, no verification on record) the person's reason counts and is kept in the timeline.
 */
export const guards: Readonly<Record<GuardedEvent, (facts: GuardFacts) => string | null>> = {
  plan_ready: ({ plan, planIsNew, gate }) => {
    if (!planIsNew && gate !== null && gate.decision !== 'needs_person')
      return 'The newest plan was decided before; propose one again with POST /plan/generate.';
    const problems = checkPlan(plan);
    return problems.length === 0 ? null : `The plan is not complete: ${problems.join('; ')}.`;
  },
  gate_approved: ({ gate }) =>
    gate?.decision === 'approve'
      ? null
      : 'No approval of the current plan is on record; ask for one with POST /gate/eval.',
  exec_done: ({ stepsOpen, reason }) => {
    if (stepsOpen > 0) return `${stepsOpen} steps of the plan have not succeeded.`;
    return reason === '' ? 'Say in reason what was executed.' : null;
  },
  verify_pass: ({ verification, reason }) => {
    if (verification === 'failed') return 'The verification of this plan failed.';
    if (verification === 'waiting') return 'The verification of this plan is still running.';
    return reason === '' ? 'Say in reason what was verified.' : null;
  },
};
