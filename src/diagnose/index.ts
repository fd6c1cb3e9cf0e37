/**
 * diagnose — from an incident's signals to a verdict: scope, the layered walk, ranked causes with reasons, and evidence
 * that leads to raw rows.
 *
 * Contract: `collectPicture` reads everything by a few bounded queries; `diagnose` is pure and deterministic; a cause
 * needs telemetry on its own resource, a change alone never wins; "inconclusive" and "external" are answers. Every
 * piece of evidence has a filter that finds its rows again.
 * What never happens here: opening cases, choosing repairs, guessing without a threshold that is written down.
 */
export { type CollectDeps, collectPicture } from './collect.ts';
export { createDiagnosis, type Diagnosis, type DiagnosisDeps } from './create.ts';
export { diagnose } from './diagnose.ts';
export { diagnoseIncident } from './incident-diagnosis.ts';
export { type IncidentQuestion, type IncidentReader, readIncident } from './incident-store.ts';
export { type Indicator, loadIndicators } from './indicators/index.ts';
export type * from './picture.ts';
export { createLearning, type Learning, type NamedCause, namedBy } from './priors/index.ts';
export { answerIn, type FullAnswer, fullDiagnosis } from './report/index.ts';
