/**
 * diagnose/report — the whole answer about an incident's rows: what `rank` found, what the catalogue's checks say layer by
 * layer, and both as text or as one page, in English or Chinese.
 *
 * Contract: pure; the same rows and checks get the same answer to the byte, in either language.
 * What never happens here: reading of files or stores, ranking.
 */
export { htmlOf } from './html.ts';
export {
  type FullAnswer,
  type FullDiagnosis,
  fullDiagnosis,
  type LayerAnswer,
  type LayerFinding,
} from './judged.ts';
export { answerIn } from './language.ts';
export { textOf } from './text.ts';
