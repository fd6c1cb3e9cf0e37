/**
 * topology — who calls whom and what needs what: the live graph from spans, the stored one from `service_call_5m`, what
 * infrastructure code and inventories declare, each edge with the time in which it held (`topo_edge_time`), and the
 * questions that a graph answers (neighbourhood, shortest path, who is affected, what is different from an hour ago).
 *
 * Contract: live and stored calls give the same `CallEdge`; a walk ends after `hopsMax` edges and survives cycles. What
 * holds at a moment depends only on what each source said last up to then: late, repeated and unordered snapshots do no
 * harm. A file that can't be read keeps what it said before and is named with its place. No secret of a file is kept.
 * What never happens here: judging whether a call is healthy, drawing, writing calls (rollup does), writing to clouds.
 */
export { type AskedGraph, activeGraph, ageRefresh, cypherWindow } from './active-graph.ts';
export {
  everything,
  type Moment,
  momentsOf,
  pathAt,
  reachedAt,
  type SourceState,
  type Status,
  type Topology,
  type TopologyDifference,
  type TopologyEdge,
  type TopologyFilter,
  type TopologyNode,
  topologyAt,
  topologyBetween,
  topologySources,
} from './at.ts';
export { dependencyRelations, type Relation, relations } from './edge.ts';
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
export { type TopologyJobOptions, topologyJobs } from './jobs.ts';
export { type LiveCalls, type LiveLoad, liveCallsFrom, liveLoadFrom } from './live-calls.ts';
export { storedCalls, storedHops, storedImpact, storedPath, type Walk } from './stored.ts';
