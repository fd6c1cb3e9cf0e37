/** What the API answers, by route. Times are epoch milliseconds unless a name says otherwise. */
import type {
  CaseEvent,
  CaseState,
  ChangePlan,
  Evidence,
  Layer,
  Said,
  SeriesPoint,
  Verdict,
} from '../../../src/model/index.ts';

export type { CaseEvent, CaseState, ChangePlan, Layer, SeriesPoint, Verdict };
export type Cause = Verdict['causes'][number];
export type VerdictGraph = Verdict['graph'];
export type ConsideredChange = Verdict['changes'][number];
export type Series = NonNullable<Evidence['series']>;

export type HealthState = 'ok' | 'suspect' | 'failing' | 'no_data';

export interface Statistics {
  rows_read: number;
  bytes_read: number;
  elapsed_ms: number;
}

export interface ObjectiveValue {
  id: string;
  indicator: string;
  target: number;
  value: number | null;
  holds: boolean | null;
}

export interface ServiceRow {
  service: string;
  urn: string;
  type: string;
  health: HealthState;
  rps: number;
  error_rate: number;
  p95_ms: number | null;
  log_rate: number;
  last_seen: number | null;
  spark: { at: number[]; rps: (number | null)[]; errors: (number | null)[]; p95_ms: (number | null)[] };
  objectives: ObjectiveValue[];
}

export interface LogRow {
  event_id: string;
  at: number;
  at_ns: string;
  service: string;
  severity: string;
  severity_number: number;
  body: string;
  trace_id: string;
  span_id: string;
  pattern_id: string | null;
  resource: Record<string, string>;
  attributes: Record<string, string>;
  scope: string;
}

export interface ChangeRow {
  id: string;
  at: number;
  kind: string;
  service: string;
  title: string;
  actor: string;
  labels: Record<string, string>;
}

export interface LogHistogram {
  step_ms: number;
  at: number[];
  series: Record<string, number[]>;
  changes: ChangeRow[];
}

export interface Facet {
  key: string;
  values: { value: string; count: number }[];
}

export interface PatternRow {
  pattern_id: string | null;
  template: string;
  /** What a person calls it; empty when nobody named it. */
  name: string;
  severity: string;
  count: number;
  error_count: number;
  first_seen: number;
  last_seen: number;
  spark: number[];
  is_new: boolean;
}

export interface TraceRow {
  trace_id: string;
  at: number;
  service: string;
  operation: string;
  duration_ms: number;
  spans: number;
  errors: number;
  services: { service: string; spans: number }[];
}

export interface Span {
  span_id: string;
  parent_span_id: string;
  service: string;
  name: string;
  kind: string;
  at_us_offset: number;
  duration_us: number;
  status: string;
  status_message: string;
  attributes: Record<string, string>;
  resource: Record<string, string>;
  events: { at_us_offset: number; name: string; attributes: Record<string, string> }[];
  critical: boolean;
}

export interface TraceDetail {
  trace_id: string;
  at: number;
  duration_ms: number;
  spans: Span[];
  logs: LogRow[];
  truncated?: boolean;
}

export interface GraphAnswer {
  nodes: {
    urn: string;
    /** What a person reads: the name of a database or an outside peer too, which have no service. */
    service: string;
    name?: string;
    type: string;
    health: HealthState;
    rps: number;
    error_rate: number;
    p95_ms: number | null;
  }[];
  edges: {
    src: string;
    dst: string;
    rps: number;
    error_rate: number;
    p50_ms: number | null;
    p95_ms: number | null;
  }[];
}

export interface TopologySource {
  source: string;
  job: string;
  read_at: number;
  edges: number;
  changed_at: number | null;
  problems: { file: string; where: string; what: string }[];
}

export interface CypherAnswer {
  columns: string[];
  rows: unknown[][];
  truncated: boolean;
}

export interface ObjectiveRow extends ObjectiveValue {
  service: string;
  burn_rate: number | null;
  budget_left: number | null;
  source: string;
}

export interface CaseRow {
  id: string;
  number: number;
  title: string;
  status: CaseState;
  version: number;
  severity: string;
  service: string | null;
  created_at: number;
  updated_at: number;
  closed_at?: number | null;
  parked_reason?: string | null;
  cause?: { resource: string; service: string; kind: string; score: number } | null;
  verdict_kind?: string | null;
  /** Code and values of the title, where a signal gave it. */
  said?: Said | null;
}

export interface CaseSignal extends Partial<Said> {
  event_id?: string;
  detectedAt?: number;
  fingerprint: string;
  title: string;
  summary: string;
  service: string;
  indicator: string;
  severity: string;
  since: number;
  value: number;
  baseline: number;
}

export interface CaseEvidence extends Partial<Said> {
  id: string;
  ref: string;
  dim: Evidence['dim'];
  note: string;
  resource: string;
  sha256: string;
  locator_id: string | null;
  ledger: { table: string; keys: Record<string, string | number> } | null;
  link: string | null;
  rows: Record<string, unknown>[];
  series: Series | null;
}

export interface GateResult {
  /** approve, reject, needs_person. */
  decision: string;
  policies: string[];
  reasons: string[];
  actor: string;
  at: number;
  needs_person: boolean;
}

export interface ExecutedStep {
  seq: number;
  /** Steps of the rollback are listed too, as `compensate`. */
  phase?: 'forward' | 'compensate';
  action: string;
  title: string | null;
  params: Record<string, unknown>;
  status: 'pending' | 'running' | 'ok' | 'failed' | 'compensated' | 'skipped';
  attempt: number;
  started_at: number | null;
  finished_at: number | null;
  output: unknown;
  error: string | null;
}

export interface Verification {
  status: 'waiting' | 'pass' | 'failed';
  window_s: number;
  started_at: number;
  holds_since: number | null;
  deadline_at: number | null;
  finished_at?: number | null;
  reason?: string | null;
  objectives: (ObjectiveValue & { service: string })[];
  history: { at: number; value: number | null; holds: boolean }[];
}

export interface CaseDetail extends CaseRow {
  tenant: string;
  resource: string | null;
  signals: CaseSignal[];
  verdict: Verdict | null;
  evidence_hash: string | null;
  evidence: CaseEvidence[];
  plan: (ChangePlan & { id?: string }) | null;
  gate: GateResult | null;
  steps: ExecutedStep[];
  verification: Verification | null;
  trace_id: string;
}

export interface TimelineEntry {
  id: number | string;
  at: number;
  event: string;
  actor: string;
  reason: string;
  from: string | null;
  to: string | null;
  trace_id: string | null;
  meta: Record<string, unknown>;
}

export interface HealthReport {
  status: boolean;
  namespaces: {
    namespace: string;
    status: boolean;
    message: string;
    data: {
      status: boolean;
      metric_name: string;
      metric_value: number | string;
      dimensions: Record<string, string>;
      message: string;
      suggestion: string;
    }[];
  }[];
}
