import type { EpochMs, Said, Sentence, TimeWindow } from '../model/index.ts';

/**
 * What is known about one incident as plain rows, wherever they were read from. Every list may be empty: an engine that
 * reads this must do with what there is, and say what is missing. Times are epoch milliseconds of the sender's clock.
 */
export interface Incident {
  name: string;
  /** When somebody or something noticed. */
  at: EpochMs;
  symptom: Symptom | null;
  alert: Alert | null;
  /** As the sender stated them; null where the engine has to find them. The baseline may lie before or after the window. */
  window: TimeWindow | null;
  baseline: TimeWindow | null;
  series: Series[];
  spans: SpanRow[];
  logs: LogRow[];
  calls: CallRow[];
  edges: TopologyEdge[];
  events: EventRow[];
  caveats: Caveat[];
  /** Names of the files by what they hold, for references; absent where rows came from elsewhere. */
  files: Partial<Record<RowKind, string>>;
}

export type RowKind = 'metrics' | 'logs' | 'spans' | 'calls' | 'topology' | 'events';

export interface Symptom {
  service: string;
  metric: string;
  stat: string;
}
export interface Alert {
  service: string;
  metric: string;
  /** Its name and summary, as text. */
  text: string;
  threshold: number | null;
  observed: number | null;
}

/** One metric of one resource, oldest first, without duplicate times and without missing values. */
export interface Series {
  service: string;
  metric: string;
  times: number[];
  values: number[];
  /** Its callers measured it: the values stand in the rows of `calls`. */
  calls?: boolean;
}
export interface SpanRow {
  traceId: string;
  spanId: string;
  /** Empty for a root. */
  parentId: string;
  service: string;
  name: string;
  start: EpochMs;
  durationMs: number;
  /** `ERROR`, `OK`, or empty when the sender says nothing. */
  status: string;
  /** `client`, `server`, …; absent when the sender says nothing, or says it in an attribute. */
  kind?: string;
  /** Release of the service; absent when the sender says nothing. */
  version?: string;
  attributes: Record<string, string>;
}
export interface LogRow {
  at: EpochMs;
  service: string;
  severity: string;
  body: string;
  traceId: string;
  spanId: string;
  attributes: Record<string, string>;
}
export interface CallRow {
  at: EpochMs;
  src: string;
  dst: string;
  rps: number | null;
  errorRate: number | null;
  p50Ms: number | null;
  p95Ms: number | null;
}
export interface TopologyEdge {
  src: string;
  dst: string;
  /** `CALLS`, `RUNS_ON`, … in upper case. */
  relation: string;
}
export interface EventRow {
  at: EpochMs;
  /** commit, deploy, flag, config, scale, … in lower case. */
  kind: string;
  id: string;
  service: string;
  title: string;
  actor: string;
  /** Values are text; lists are joined by a line feed. */
  labels: Record<string, string>;
}

/** Something about the data that the reader of a verdict should know. */
export interface Caveat extends Partial<Said> {
  file: string;
  text: string;
}

export const caveat = (file: string, said: Sentence): Caveat => ({ file, ...said });
