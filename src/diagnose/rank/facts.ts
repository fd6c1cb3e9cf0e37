import type { CauseKind, EpochMs, EvidenceDim, Layer, Sentence } from '../../model/index.ts';

/** Rows that a sentence rests on, as a reference into the files of the bundle; see `reference.ts`. */
export interface FactEvidence {
  dim: EvidenceDim;
  ref: string;
}

/** One thing that is not as usual at one resource, said with its numbers. */
export interface Fact {
  resource: string;
  layer: Layer;
  /** The check that found it. */
  check: CheckId;
  kind: CauseKind;
  /** 0–1: how sure it is that this is wrong, and how much of what is wrong it is. */
  strength: number;
  /**
   * 0–1: how little it can be the consequence of something elsewhere. Time of a service's own is its own; a failing answer
   * may be that of a callee and counts by what callees leave unexplained.
   */
  own: number;
  onset: EpochMs | null;
  says: Sentence;
  evidence: FactEvidence[];
}

export const checkIds = [
  'response_time',
  'error_rate',
  'throughput',
  'own_time',
  'trace_structure',
  'log_messages',
  'changes',
  'dependencies',
  'reachability',
  'network_path',
  'saturation',
  'cpu',
  'memory',
  'disk',
  'restarts',
  'network_traffic',
  'database',
] as const;
export type CheckId = (typeof checkIds)[number];

export const layerOfCheck: Record<CheckId, Layer> = {
  response_time: 'application',
  error_rate: 'application',
  throughput: 'application',
  own_time: 'application',
  trace_structure: 'application',
  log_messages: 'application',
  changes: 'application',
  dependencies: 'service',
  reachability: 'service',
  saturation: 'service',
  restarts: 'service',
  network_path: 'network',
  network_traffic: 'network',
  cpu: 'host',
  memory: 'host',
  disk: 'host',
  database: 'data',
};
