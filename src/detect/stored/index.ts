/**
 * detect/stored — what is unusual in the series that the rollups keep: metrics per minute, calls and log patterns per five
 * minutes. A job of the scheduler; its findings are events of kind `anomaly`, grouped by time and calls.
 *
 * Contract: bounded series per tenant, bounded events per window, the same event for the same row however often a window is
 * run.
 * What never happens here: opening an incident (what it finds only joins one), reading the detail store.
 */
export { type AnomalyJobDeps, anomalyJob } from './job.ts';
export {
  lookAtMetric,
  metricNames,
  seriesMax,
} from './look.ts';
export type { RecordedAnomaly } from './record.ts';
