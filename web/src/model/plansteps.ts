import type { ChangePlan, PlanStep } from '../../../src/model/index.ts';
import type { ExecutedStep } from '../api/types.ts';

/** A step as planned, joined with how it ran. */
export interface PlannedStep {
  seq: number;
  action: string;
  title: string;
  params: Record<string, unknown>;
  timeoutS: number;
  retry: number;
  run: ExecutedStep | undefined;
}

/** The server counts from 0 or from 1; the lowest number it used says which. */
function runsOf(steps: readonly ExecutedStep[], phase: 'forward' | 'compensate'): Map<number, ExecutedStep> {
  const own = steps.filter((step) => (step.phase ?? 'forward') === phase);
  const first = Math.min(...own.map((step) => step.seq));
  return new Map(own.map((step) => [step.seq - (first === 0 ? 0 : 1), step]));
}

const planned = (step: PlanStep, i: number, run: ExecutedStep | undefined): PlannedStep => ({
  seq: i + 1,
  action: step.action,
  title: step.title ?? step.action,
  params: step.params,
  timeoutS: step.timeout_s,
  retry: step.retry,
  run,
});

export function plannedSteps(
  plan: Pick<ChangePlan, 'steps' | 'rollback'>,
  steps: readonly ExecutedStep[],
): { forward: PlannedStep[]; rollback: PlannedStep[] } {
  const forward = runsOf(steps, 'forward');
  const rollback = runsOf(steps, 'compensate');
  return {
    forward: plan.steps.map((step, i) => planned(step, i, forward.get(i))),
    rollback: plan.rollback.steps.map((step, i) => planned(step, i, rollback.get(i))),
  };
}

/** Longest text shown of one parameter; the timeline and the API have it whole. */
const textMax = 120;

function short(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > textMax ? `${text.slice(0, textMax)}…` : text;
}

/** Parameters in one line: `service=payments version=v2.3.9`. */
export const summaryOf = (params: Record<string, unknown>): string =>
  Object.entries(params)
    .map(([key, value]) => `${key}=${short(value)}`)
    .join('  ');
