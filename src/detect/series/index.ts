/**
 * detect/series — what is unusual in one series of samples, with no setting: a streaming detector that scores each
 * sample by what came before it, and batch functions that name changes with their onset and compare two windows.
 *
 * Contract: pure and deterministic; knows no metric, service or file by name; memory per series is bounded; NaN, holes,
 * misordered and repeated timestamps never throw, they are caveats.
 * What never happens here: reading a store, a clock, or another series.
 */
export { changes } from './changes.ts';
export { samplesMax } from './clean.ts';
export { compareWindows } from './compare.ts';
export { type AnomalyAspect, type AnomalyDetail, alarmScore, SeriesDetector } from './detector.ts';
export type {
  Caveat,
  ChangeKind,
  CompareOptions,
  Onset,
  SeriesChange,
  SeriesInput,
  SeriesReport,
  WindowComparison,
  WindowSummary,
} from './types.ts';
