/**
 * diagnose — from an incident's signals to a verdict: scope, the layered walk, ranked causes with reasons, and evidence
 * that leads to raw rows.
 *
 * Contract: one judgement (`rank/judge.ts`) for everything: `incidentOf` makes rows of a live case, `readIncident` of stored
 * telemetry, `bundle` of files; order, verdict and blamed change come from it alone. For a live case the checks of the live
 * window add the mechanism, the facts that playbooks need, and evidence with a filter that finds its rows again. Judging is
 * pure and deterministic; a cause needs telemetry on its own resource, a change alone never wins; "inconclusive" and
 * "external" are answers. Stores are asked by a few bounded questions.
 * What never happens here: opening cases, choosing repairs, guessing without a threshold that is written down.
 */
export { createDiagnosis, type Diagnosis, type DiagnosisDeps } from './create.ts';
export { type IncidentQuestion, type IncidentReader, readIncident } from './incident-store.ts';
export { type Indicator, loadIndicators } from './indicators/index.ts';
export { JudgeThread } from './judge-thread.ts';
export type * from './picture.ts';
export { type CaseCause, createLearning, type Learning, namedBy } from './priors/index.ts';
export type { Answer } from './rank/answer.ts';
export { answerIn, type FullAnswer, fullDiagnosis } from './report/index.ts';
