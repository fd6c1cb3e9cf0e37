import type { EpochMs, ResourceType, Urn } from '../../model/index.ts';
import { bucketMs, bucketOf, bucketStart, Histogram, HistogramRing, Ring } from './ring.ts';

/** What happened in a window: totals, not rates, so that windows can be added. */
export interface WindowStats {
  seconds: number;
  requests: number;
  errors: number;
  p50Ms: number | null;
  p95Ms: number | null;
  p99Ms: number | null;
  meanMs: number | null;
  /** Requests that took longer than `slowMs`. */
  slow: number;
}

/** From here on a person waits (source 004, 4.2.1). */
export const slowMs = 2_000;

/** Requests, errors and durations of one thing (a service, an operation, a version, a call edge). */
export class RequestSeries {
  readonly requests = new Ring();
  readonly errors = new Ring();
  readonly durations = new HistogramRing();

  add(bucket: number, requests: number, errors: number, bins: readonly [number[], number[]]): void {
    this.requests.add(bucket, requests);
    this.errors.add(bucket, errors);
    this.durations.addPairs(bucket, bins[0], bins[1]);
  }

  clear(from: number, to: number): void {
    this.requests.clear(from, to);
    this.errors.clear(from, to);
    this.durations.clear(from, to);
  }

  histogram(from: EpochMs, to: EpochMs): Histogram {
    const histogram = new Histogram();
    this.durations.mergeInto(histogram, bucketOf(from), bucketOf(to));
    return histogram;
  }

  stats(from: EpochMs, to: EpochMs): WindowStats {
    const histogram = this.histogram(from, to);
    return {
      seconds: Math.max(0, (to - from) / 1000),
      requests: this.requests.sum(bucketOf(from), bucketOf(to)),
      errors: this.errors.sum(bucketOf(from), bucketOf(to)),
      p50Ms: histogram.quantile(0.5),
      p95Ms: histogram.quantile(0.95),
      p99Ms: histogram.quantile(0.99),
      meanMs: histogram.meanMs(),
      slow: histogram.countAbove(slowMs),
    };
  }
}

export interface Instance {
  id: string;
  version: string;
  first: EpochMs;
  last: EpochMs;
}

export interface ShapeSeries {
  shape: string;
  sample: string;
  level: number;
  records: Ring;
  first: EpochMs;
}

export interface ServiceSeries {
  service: string;
  total: RequestSeries;
  operations: Map<string, RequestSeries>;
  versions: Map<string, RequestSeries>;
  instances: Map<string, Instance>;
  /** Index = severity level, 0 TRACE … 5 FATAL. */
  logs: Ring[];
  shapes: Map<string, ShapeSeries>;
  lastSeen: EpochMs;
}

/** A call edge. `dst` is a URN; `callee` is the service's name where the peer is a service with telemetry. */
export interface EdgeSeries extends EdgeKey {
  calls: RequestSeries;
}
export interface EdgeKey {
  src: string;
  dst: Urn;
  type: ResourceType;
  callee: string | null;
  address: string;
  system: string;
  namespace: string;
}

export interface MetricSeries {
  id: string;
  metric: string;
  service: string;
  unit: string;
  instance: string;
  version: string;
  attributes: Record<string, string>;
  /** How to read it: the value as it is, or the change of a counter per second, or mean per observation of a histogram. */
  reading: 'value' | 'rate' | 'mean';
  values: Ring;
  /** Observations, for histograms. */
  totals: Ring | null;
  delta: boolean;
}

/** A metric as points; counters as rate per second, histograms as the mean of what was observed in the bucket. */
export function metricPoints(
  series: MetricSeries,
  from: EpochMs,
  to: EpochMs,
): { at: EpochMs; value: number }[] {
  const points: { at: EpochMs; value: number }[] = [];
  let before: { bucket: number; value: number; total: number } | null = null;
  for (let bucket = bucketOf(from) - 6; bucket < bucketOf(to); bucket++) {
    const value = series.values.get(bucket);
    if (Number.isNaN(value)) continue;
    const total = series.totals?.get(bucket) ?? 0;
    const reading = readPoint(series, before, { bucket, value, total });
    if (reading !== null && bucket >= bucketOf(from))
      points.push({ at: bucketStart(bucket), value: reading });
    before = { bucket, value, total };
  }
  return points;
}

function readPoint(
  series: MetricSeries,
  before: { bucket: number; value: number; total: number } | null,
  now: { bucket: number; value: number; total: number },
): number | null {
  if (series.reading === 'value') return now.value;
  const seconds = before ? ((now.bucket - before.bucket) * bucketMs) / 1000 : bucketMs / 1000;
  if (series.delta) {
    if (series.reading === 'rate') return now.value / seconds;
    return now.total > 0 ? now.value / now.total : null;
  }
  // A smaller cumulative value is a restarted counter: nothing can be said about that step.
  if (!before || now.value < before.value || now.total < before.total) return null;
  if (series.reading === 'rate') return (now.value - before.value) / seconds;
  return now.total > before.total ? (now.value - before.value) / (now.total - before.total) : null;
}
