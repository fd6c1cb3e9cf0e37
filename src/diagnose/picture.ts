import type { WindowStats } from '../detect/index.ts';
import type { ChangeEvent, EpochMs, ResourceType, Signal, TimeWindow, Urn } from '../model/index.ts';
import type { Incident } from './incident.ts';

/** A quantity before the incident and during it. */
export interface Paired {
  baseline: WindowStats;
  incident: WindowStats;
}
export interface OperationPicture extends Paired {
  name: string;
}
export interface VersionPicture extends Paired {
  version: string;
  first: EpochMs;
}
export interface InstancePicture {
  id: string;
  version: string;
  first: EpochMs;
  last: EpochMs;
}
export interface MetricPicture {
  metric: string;
  unit: string;
  instance: string;
  attributes: Record<string, string>;
  seriesId: string;
  /** Baseline and incident together, oldest first. */
  points: { at: EpochMs; value: number }[];
}
export interface ShapePicture {
  shape: string;
  /** 0 TRACE … 5 FATAL. */
  level: number;
  sample: string;
  /** Records per second. */
  baselineRate: number;
  incidentRate: number;
  first: EpochMs;
}
/** Mean time of a visit to the service: its own, and what it waited for others. */
export interface TimeSplit {
  visits: number;
  ownMs: number;
  dependencyMs: number;
}
export interface ServicePicture extends Paired {
  service: string;
  urn: Urn;
  /** First bucket that was out of bounds; null when the service is as always. */
  onset: EpochMs | null;
  series: {
    at: EpochMs[];
    requests: number[];
    errors: number[];
    meanMs: (number | null)[];
    p95Ms: (number | null)[];
    logs: number[];
  };
  operations: OperationPicture[];
  versions: VersionPicture[];
  instances: InstancePicture[];
  metrics: MetricPicture[];
  shapes: ShapePicture[];
  /** Records per second, in all and by level (index as in `ShapePicture.level`). */
  logRate: { baseline: number; incident: number; levels: { baseline: number; incident: number }[] };
  time: { baseline: TimeSplit; incident: TimeSplit } | null;
  statusCodes: { code: number; baseline: number; incident: number }[];
}
export interface EdgePicture extends Paired {
  src: string;
  dst: Urn;
  type: ResourceType;
  callee: string | null;
  address: string;
}
export interface StatementPicture {
  service: string;
  resource: Urn;
  system: string;
  namespace: string;
  /** Without values, and one example with them; `column` is where the example stands. */
  statement: string;
  sample: string;
  column: string;
  /** How many different texts the normalised statement stands for. */
  texts: number;
  spanName: string;
  table: string;
  baseline: { count: number; meanMs: number; p95Ms: number };
  incident: { count: number; meanMs: number; p95Ms: number };
}
/** Failed spans that have no failed child: where errors begin. */
export interface OriginPicture {
  service: string;
  operation: string;
  spanKind: string;
  version: string;
  peer: { urn: Urn; type: ResourceType; callee: string | null; address: string } | null;
  status: number;
  exception: string;
  message: string;
  baseline: number;
  incident: number;
  traceId: string;
}
/** A value of an attribute among the requests of the entry, and how many of them failed or were slow. */
export interface DimensionPicture {
  key: string;
  value: string;
  affected: number;
  total: number;
}

/** Everything that is known about one incident; what `diagnose` reads, whether it came from stores or from files. */
export interface IncidentPicture {
  tenant: string;
  at: EpochMs;
  since: EpochMs;
  window: TimeWindow;
  baseline: TimeWindow;
  signals: Signal[];
  services: ServicePicture[];
  edges: EdgePicture[];
  statements: StatementPicture[];
  origins: OriginPicture[];
  changes: ChangeEvent[];
  dimensions: DimensionPicture[];
  /** Spans of whole traces and log records, an even share of them. */
  samples: Pick<Incident, 'spans' | 'logs' | 'caveats'>;
}
