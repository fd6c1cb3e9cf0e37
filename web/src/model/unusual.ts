/** Signals of a window as lanes: one a service and what of it is unusual, with the times at which it was. */
import type { SignalRow } from '../api/series.ts';
import type { Window } from './range.ts';

export interface Bout {
  eventId: string;
  from: number;
  to: number;
  severity: string;
  open: boolean;
}

export interface Lane {
  key: string;
  service: string;
  /** Indicator or name of a metric; empty for what is said by the kind alone. */
  measure: string;
  kind: string;
  worst: string;
  bouts: Bout[];
  /** The newest event, whose words stand beside the lane. */
  newest: SignalRow;
  open: boolean;
}

/** What has no end of its own is still of this moment for so long after it was noticed. */
export const freshMs = 600_000;
const rank: Record<string, number> = { FATAL: 0, ERROR: 1, WARN: 2, INFO: 3, DEBUG: 4, TRACE: 5 };
const rankOf = (severity: string): number => rank[severity] ?? 6;

const textIn = (labels: Record<string, unknown>, key: string): string =>
  typeof labels[key] === 'string' ? labels[key] : '';
export const numberIn = (labels: Record<string, unknown>, key: string): number | undefined =>
  typeof labels[key] === 'number' ? labels[key] : undefined;

/** Code and values of the title, where the event carries them. */
export const saidBy = (labels: Record<string, unknown>) =>
  typeof labels.code === 'string'
    ? { code: labels.code, params: (labels.params ?? {}) as Record<string, string | number> }
    : undefined;

/** Live detection tells when it is over; what a rollup's window shows is told once, and is of now while it is fresh. */
function boutOf(row: SignalRow, now: number): Bout {
  const { labels } = row;
  const live = labels.objective !== undefined && labels.objective !== null;
  const resolved = numberIn(labels, 'resolved_at');
  const open = resolved === undefined && (live || now - row.detected_at < freshMs);
  const from = numberIn(labels, 'since') ?? row.detected_at;
  const to = resolved ?? (open && live ? now : Math.max(row.detected_at, from));
  return { eventId: row.event_id, from, to, severity: row.severity, open };
}

const serviceOf = (row: SignalRow): string =>
  textIn(row.labels, 'service') || (row.urn?.split(/[:/]/).at(-1) ?? '');

/** What touches the window: open lanes first, then the worst, then the newest. */
export function lanesOf(rows: readonly SignalRow[], window: Window): Lane[] {
  const now = window.to;
  const lanes = new Map<string, Lane>();
  for (const row of [...rows].sort((a, b) => b.detected_at - a.detected_at)) {
    const measure = textIn(row.labels, 'indicator');
    const service = serviceOf(row);
    // Of a pattern each event is its own matter; of an indicator they are one after the other.
    const what = measure || textIn(row.labels, 'pattern_id') || row.kind;
    const key = `${service} ${what}`;
    const bout = boutOf(row, now);
    if (bout.to < window.from || bout.from > window.to) continue;
    const lane = lanes.get(key);
    if (lane === undefined)
      lanes.set(key, {
        key,
        service,
        measure,
        kind: row.kind,
        worst: row.severity,
        bouts: [bout],
        newest: row,
        open: bout.open,
      });
    else {
      lane.bouts.push(bout);
      lane.open ||= bout.open;
      if (rankOf(row.severity) < rankOf(lane.worst)) lane.worst = row.severity;
    }
  }
  return [...lanes.values()].sort(
    (a, b) =>
      Number(b.open) - Number(a.open) ||
      rankOf(a.worst) - rankOf(b.worst) ||
      b.newest.detected_at - a.newest.detected_at ||
      (a.key < b.key ? -1 : 1),
  );
}

/** Where a bout stands in a window, as parts of its width; null outside of it. */
export function placeIn(
  bout: { from: number; to: number },
  window: Window,
): { left: number; width: number } | null {
  const span = window.to - window.from;
  const from = Math.max(window.from, bout.from);
  const to = Math.min(window.to, bout.to);
  if (span <= 0 || to < from) return null;
  return { left: (from - window.from) / span, width: (to - from) / span };
}

/** Times that overlap or touch, as one. */
export function joined(times: readonly { from: number; to: number }[]): { from: number; to: number }[] {
  const all: { from: number; to: number }[] = [];
  for (const { from, to } of [...times].sort((a, b) => a.from - b.from)) {
    const last = all.at(-1);
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
    else all.push({ from, to });
  }
  return all;
}

/** Indicators that detection watches by the second, and the metric of the rollups that shows the same. */
const metricOfIndicator: Record<string, string> = {
  latency_p95: 'clew.duration_ms',
  error_rate: 'clew.error_rate',
  availability: 'clew.error_rate',
  throughput: 'clew.requests_per_second',
};

/** The metric that shows what an event is about; null for calls, patterns and alerts. */
export function metricOf(
  labels: Record<string, unknown>,
): { metric: string; service: string; stat: 'avg' | 'p95'; key: string | null } | null {
  const indicator = textIn(labels, 'indicator');
  const service = textIn(labels, 'service');
  if (labels.table === 'metric_1m') {
    const key = textIn(labels, 'series');
    return { metric: indicator, service, stat: 'avg', key: key === '' ? null : key };
  }
  const metric = labels.table === undefined ? metricOfIndicator[indicator] : undefined;
  if (metric === undefined || service === '') return null;
  return { metric, service, stat: indicator === 'latency_p95' ? 'p95' : 'avg', key: null };
}
