/**
 * cases — the state of every incident and the only way to change it: a pure transition function, one transaction that
 * writes case, timeline and outbox together, the incidents that signals belong to, and the frozen findings.
 *
 * Contract: `transition` either commits state, version, timeline entry and messages as one, or changes nothing (a
 * refused event leaves a timeline entry). An idempotency key answers the second time what it answered the first.
 * Planner, gatekeeper, executor, verifier and people all come through it.
 * What never happens here: network or file work inside a transaction, a model that decides, a second writer of
 * `ops_case.status`.
 */
export { type Answer, answerOnce, type IdempotencyKey, requestHash } from './answer.ts';
export { canonicalJson, storable, storableText } from './canonical.ts';
export { type CaseDeps, type Cases, createCases } from './create.ts';
export { checkPlan } from './guards.ts';
export type { OpenIncident } from './incident.ts';
export { Jobs } from './jobs.ts';
export { consolePath } from './link.ts';
export { namedCause } from './named-cause.ts';
export type { Orchestrator, Product, TransitionRequest } from './orchestrator.ts';
export { type CaseDetail, type CaseSummary, summaryOf, type TimelineEntry } from './read.ts';
export { noSuchCase } from './rows.ts';
export { mayHappen, nextState } from './workflow.ts';
