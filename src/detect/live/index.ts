export { httpStatus, isCallSpan, isServerSpan, peerColumns, spanFailed } from './queries.ts';
export { bucketMs, bucketOf, bucketStart, Histogram, Ring } from './ring.ts';
export {
  type EdgeSeries,
  type Instance,
  type MetricSeries,
  metricPoints,
  RequestSeries,
  type ServiceSeries,
  type ShapeSeries,
  type WindowStats,
} from './series.ts';
export { LiveWindow, type LiveWindowDeps } from './window.ts';
