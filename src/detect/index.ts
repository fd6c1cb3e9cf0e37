/**
 * detect — notices that something is wrong: a live window of the last hour in 5-second buckets, objectives with burn
 * rates, anomalies against each service's own normal, and the analyst that makes one incident of many signals.
 *
 * Contract: every tick re-reads the last half minute by a few bounded queries, so late records correct the past; all
 * memory is bounded; a signal is written to the ledger once while it lasts; baselines are frozen while an incident is
 * open. A fault at 10 or more requests a second is noticed within 20 s.
 * What never happens here: naming a cause, changing a case's state, thresholds that know a particular application.
 */
export type { Incident, IncidentToOpen } from './analyst.ts';
export { createDetection, type Detection, type DetectionDeps, type ObjectiveStatus } from './detection.ts';
export {
  bucketMs,
  bucketOf,
  type EdgeSeries,
  Histogram,
  httpStatus,
  type Instance,
  isCallSpan,
  isServerSpan,
  LiveWindow,
  type MetricSeries,
  metricPoints,
  peerColumns,
  RequestSeries,
  type ServiceSeries,
  type ShapeSeries,
  spanFailed,
  type WindowStats,
} from './live/index.ts';
export { loadObjectives, type ObjectiveRule, objectiveId, parseObjectives } from './objectives.ts';
export { listSignals, type SignalRow } from './record.ts';
export * from './series/index.ts';
export {
  type AnomalyJobDeps,
  anomalyJob,
  lookAtMetric,
  metricNames,
  type RecordedAnomaly,
  seriesMax,
} from './stored/index.ts';
export { createDetections, type Detections } from './tenants.ts';
