import type { CaseState } from '../../../src/model/index.ts';

/** The way of a case when all goes well; PARKED stands beside it, at the step where it stopped. */
export const caseSteps = ['ANALYZING', 'PLANNING', 'WAIT_GATE', 'EXECUTING', 'VERIFYING', 'CLOSED'] as const;

export type StepState = 'done' | 'now' | 'stopped' | 'next';

interface Moved {
  from: string | null;
  to: string | null;
}

const order: readonly string[] = caseSteps;
const indexOf = (state: string | null): number => (state === null ? -1 : order.indexOf(state));

/** Where a parked case stopped: the state it was in before the last entry that parked it. */
export function stoppedAt(timeline: readonly Moved[]): string | null {
  return timeline.findLast((entry) => entry.to === 'PARKED' && entry.from !== 'PARKED')?.from ?? null;
}

export function stepStates(status: CaseState, timeline: readonly Moved[]): StepState[] {
  const at = indexOf(status === 'PARKED' ? stoppedAt(timeline) : status);
  return caseSteps.map((_, i) => {
    if (i < at || (i === at && status === 'CLOSED')) return 'done';
    if (i === at) return status === 'PARKED' ? 'stopped' : 'now';
    return 'next';
  });
}

/** What a person may do in a state. */
export function actionsIn(status: CaseState): ('approve' | 'reject' | 'resume')[] {
  if (status === 'WAIT_GATE') return ['approve', 'reject'];
  return status === 'PARKED' ? ['resume'] : [];
}
