/**
 * topology — who calls whom: the live graph from spans, the stored one from `service_call_5m`, and the questions that a
 * graph answers (neighbourhood, shortest path, who is affected) as recursive SQL and as pure functions over edges.
 *
 * Contract: both sources give the same `CallEdge`; a walk ends after `hopsMax` calls and survives cycles.
 * What never happens here: judging whether a call is healthy, drawing, writing calls (rollup does).
 */
export {
  type Affected,
  type CallEdge,
  type Direction,
  distances,
  hops,
  hopsMax,
  impact,
  type ServiceLoad,
  shortestPath,
} from './graph.ts';
export { type LiveCalls, type LiveLoad, liveCallsFrom, liveLoadFrom } from './live-calls.ts';
export { storedCalls, storedHops, storedImpact, storedPath, type Walk } from './stored.ts';
