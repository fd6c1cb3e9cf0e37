import { ClewError } from '../../lib/index.ts';
import type { EpochMs } from '../../model/index.ts';
import { seriesName } from '../series-name.ts';

/** A span as bundles hold it. */
export interface ImportedSpan {
  trace_id: string;
  span_id: string;
  /** Empty for a root. */
  parent_id: string;
  service: string;
  name: string;
  start: EpochMs;
  duration_ms: number;
  /** `ERROR`, `OK` or empty. */
  status: string;
  attributes: Record<string, string>;
}
export interface ImportedLog {
  ts: EpochMs;
  service: string;
  severity: string;
  body: string;
  trace_id: string;
  attributes: Record<string, string>;
}

/**
 * Takes the rows of a foreign file. Metric names are those that the catalogue of checks knows; what a figure belongs to
 * beside its resource (a device, a core) stands behind the name in braces, as Prometheus writes it.
 */
export interface RowSink {
  metric(at: EpochMs, service: string, metric: string, value: number): void;
  span(span: ImportedSpan): void;
  log(log: ImportedLog): void;
}

/** A foreign file, whole; importers are for histories of hosts and exports of traces, which fit into memory. */
export interface ForeignFile {
  name: string;
  text: string;
}

/** A name with one label. */
export const labelled = (metric: string, label: string, value: string): string =>
  seriesName(metric, { [label]: value });

export const unreadable = (file: string, where: string, why: string): ClewError =>
  new ClewError('unprocessable', `${file}${where === '' ? '' : `, ${where}`}: ${why}`);

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** Those of a list that are objects. */
export const objects = (value: unknown): Record<string, unknown>[] => listOf(value).filter(isObject);

export const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : value === null || value === undefined ? '' : String(value);

export function parseJson({ name, text }: ForeignFile): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unreadable(name, '', `it is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}
