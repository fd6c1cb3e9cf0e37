/**
 * diagnose/priors — what verified cases taught: per tenant, kind of cause and type of resource how often a named cause was
 * confirmed by a verified repair and how often refuted. It moves scores a little, as a last step that says so.
 *
 * Contract: applying is pure; it never makes an answer surer than its evidence, never changes a verdict's word, and is
 * undone by forgetting. Files are judged without it unless a file of priors is named.
 * What never happens here: reading of telemetry, opening or moving of cases.
 */
export { adjustmentOf, applyPriors, learnedMost, type Prior, type PriorCase, parsePriors } from './apply.ts';
export { answerWithPriors } from './files.ts';
export { type CaseCause, createLearning, type Learning, type LearningDeps, namedBy } from './learning.ts';
