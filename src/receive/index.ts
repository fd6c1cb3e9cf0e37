/**
 * receive — protocols to rows: wire bytes become blocks of columns; OTLP in one pass, without an object per record.
 *
 * Contract: a request is answered after its blocks are durable (the door behind says so); what can't be kept is counted
 * in the answer and handed over as dead letter; malformed, oversized and unknown requests get the protocol's own error.
 * What never happens here: storing, queueing, deciding about tenants or limits of the whole program.
 */
export { type AlertDeps, alertRoutes } from './alerts/routes.ts';
export { changeBlock } from './changes/block.ts';
export { cloudFlowRoutes } from './cloud-flow/routes.ts';
export { connectionOptions, limitConnections } from './connections.ts';
export { deadLetterBlock } from './dead-letter-block.ts';
export type { Delivery, Door, Letter } from './door.ts';
export { type DynamicDeps, dynamicRoutes } from './dynamic/routes.ts';
export { clusterInfo, wantsClusterInfo } from './elastic/handshake.ts';
export { type ElasticDeps, elasticRoutes } from './elastic/routes.ts';
export { type EventDeps, eventRoutes } from './events/routes.ts';
export { canonicalAddress } from './flow/address.ts';
export { type FlowDeps, type FlowListener, startFlowListener } from './flow/listener.ts';
export { bearerOf, type FrontDeps } from './http.ts';
export { isoNanoseconds } from './iso-time.ts';
export { jaegerRoutes } from './jaeger/routes.ts';
export { journaldRoutes } from './journald/routes.ts';
export type { CardinalityAction, LabelFault, LabelGuard } from './label-guard.ts';
export type { LogRecord, Pair } from './log-record.ts';
export { lokiRoutes } from './loki/routes.ts';
export { maskedChanges } from './masked.ts';
export { ndjsonRoutes } from './ndjson/routes.ts';
export { createOtlpIntake, type OtlpIntake } from './otlp/intake.ts';
export {
  createOtlpServer,
  type OtlpDeps,
  otlpRoutes,
} from './otlp/server.ts';
export { createOtlpGrpcServer } from './otlp-grpc/server.ts';
export type { Masker, RefinedRecord, Refiner, Refinery } from './refine.ts';
export { type RemoteWriteDeps, remoteWrite } from './remote-write/routes.ts';
export { fixLetter, type LetterFix } from './replay/fix.ts';
export {
  LetterReader,
  type LetterReading,
  type MakeReceivers,
  type ReplayReceivers,
} from './replay/read.ts';
export { type ReplayRequest, replayableSources } from './replay/request.ts';
export { Scraper, type ScrapeState, type TargetState } from './scrape/scraper.ts';
export { severityNumber } from './severity.ts';
export { createSyslog, type Syslog, type SyslogDeps, type SyslogState } from './syslog/server.ts';
export { zipkinRoutes } from './zipkin/routes.ts';
