import type { DetailTable } from './block.ts';
import type { ChangeEvent } from './change.ts';
import type { Said } from './sentence.ts';
import type { EpochMs, TimeWindow } from './time.ts';
import type { Urn } from './urn.ts';

export const layers = ['application', 'service', 'network', 'host', 'data'] as const;
/** The layered walk of source 004 chapter 4, plus `data` of source 000. */
export type Layer = (typeof layers)[number];

export type EvidenceDim = 'metric' | 'log' | 'trace' | 'topo' | 'event' | 'kb';

/** How to fetch raw rows again: a table, a window and equality filters. It is what `oo_locator.query_hint` holds as JSON. */
export interface RowFilter {
  dataset: DetailTable;
  window: TimeWindow;
  /** Column or `Map.key` (for example `SpanAttributes.db.system`) to its value; all must match. */
  equals: Record<string, string | number>;
  /** Extra conditions that equality can't say, from a closed list. */
  only?: 'errors' | 'slow' | 'server_spans' | 'client_spans';
  /** With `only: 'slow'`: milliseconds. */
  thresholdMs?: number;
}

export interface SeriesPoint {
  at: EpochMs;
  value: number | null;
}

/**
 * A fact that a sentence rests on. `filter` leads to the raw rows; `series` is what a chart of it shows. Here and below,
 * `code` and `params` say the same as the text beside them, so that a reader in another language can be served.
 */
export interface Evidence extends Partial<Said> {
  /** Short stable name inside the verdict, `e1`, `e2`, … */
  ref: string;
  dim: EvidenceDim;
  /** The sentence that it supports. */
  note: string;
  resource: Urn;
  filter: RowFilter | null;
  /** A ledger row, where the fact is one. */
  ledger?: { table: string; keys: Record<string, string | number> };
  /** Some of the raw rows, copied so that they outlive retention. At most 20. */
  rows: Record<string, unknown>[];
  series?: {
    name: string;
    unit: string;
    points: SeriesPoint[];
    baseline: { low: number; high: number } | null;
  };
}

export interface CheckResult extends Partial<Said> {
  layer: Layer;
  check: string;
  status: 'ok' | 'suspect' | 'no_data';
  summary: string;
  /** Of checks of the catalogue, which name themselves. */
  title?: { en: string; zh: string };
  /** Refs of evidence. */
  evidence: string[];
}

/** Cause kinds that the built-in checks can name. Playbooks are chosen by them. */
export const causeKinds = [
  'bad_release',
  'slow_query',
  'connection_pool_exhausted',
  'cpu_saturation',
  'memory_leak',
  'external_dependency',
  'log_storm',
  'config_change',
  'service_down',
  'network_fault',
  'traffic_surge',
  'resource_saturation',
  'error_burst',
  'latency_regression',
] as const;
export type CauseKind = (typeof causeKinds)[number];

export interface Cause {
  resource: Urn;
  service: string;
  kind: CauseKind;
  layer: Layer;
  /** Confidence 0–1. */
  score: number;
  reasons: ({ text: string; evidence: string[] } & Partial<Said>)[];
  change: ChangeEvent | null;
  /** Values that a playbook may use, for example `version`, `previous_version`, `statement`, `key`. */
  facts: Record<string, string>;
  /** Signals' fingerprints that this cause explains. */
  explains: string[];
}

export interface Scope extends Partial<Said> {
  since: EpochMs;
  services: string[];
  operations: string[];
  /** Failed or slow requests at the entry of the system, and all of them, since the onset. */
  affectedRequests: number;
  totalRequests: number;
  /** A dimension whose value separates affected from unaffected requests (`region=eu`), when there is one. */
  only: { key: string; value: string } | null;
  summary: string;
}

export interface Verdict {
  verdict: 'root_cause' | 'external' | 'inconclusive';
  at: EpochMs;
  window: TimeWindow;
  baseline: TimeWindow;
  scope: Scope;
  causes: Cause[];
  checks: CheckResult[];
  evidence: Evidence[];
  changes: (ChangeEvent & { considered: string } & Partial<Said>)[];
  /** Service names and calls around the cause for a small map. */
  graph: {
    nodes: { service: string; health: 'ok' | 'suspect' | 'failing' }[];
    edges: { from: string; to: string; failing: boolean }[];
  };
}
