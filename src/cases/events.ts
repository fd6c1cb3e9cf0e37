import { counter, histogram } from '../lib/index.ts';

/** Row I9 of the specification: the figures an operator of the state machine watches. */
export const caseTransitionTotal = counter('case_transition_total', 'Transitions committed.', [
  'from',
  'to',
  'event',
]);
export const conflictTotal = counter('conflict_total', 'Transitions refused, by HTTP status.', ['reason']);
export const idempotentReplayTotal = counter(
  'idempotent_replay_total',
  'Requests answered with the first answer given under their idempotency key.',
);
export const caseOpenedTotal = counter('case_opened_total', 'Cases opened.', ['by']);
export const signalAttachedTotal = counter(
  'case_signal_attached_total',
  'Signals that joined a case that was already open.',
);
export const evidenceFreezeSeconds = histogram(
  'case_evidence_freeze_seconds',
  'Time to copy, hash and link the evidence of a verdict.',
);
