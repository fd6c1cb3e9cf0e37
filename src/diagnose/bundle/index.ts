/**
 * diagnose/bundle — incidents as files: reads a directory into rows, finds rows again by reference, and answers. It needs
 * no store and loads nothing of the running system, so that a command starts at once.
 */
export { builtInIndicators } from '../indicators/compiled.ts';
export type { Answer, AnswerCause } from '../rank/answer.ts';
export {
  answerIn,
  type FullAnswer,
  type FullDiagnosis,
  fullDiagnosis,
  htmlOf,
  textOf,
} from '../report/index.ts';
export { bundleLimits, readBundle, readBundleTexts } from './read.ts';
export { rowsOfReference } from './rows.ts';
