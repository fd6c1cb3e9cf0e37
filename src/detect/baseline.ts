import type { EpochMs, TimeWindow } from '../model/index.ts';
import { bucketMs, bucketOf, Histogram, type LiveWindow, type ServiceSeries } from './live/index.ts';

/**
 * The newest minute never belongs to the baseline: a fault that starts now must not teach itself as normal. Soon after
 * the first data a shorter guard has to do, else nothing could be judged for two minutes.
 */
const guardMsMax = 60_000;
const guardMsMin = 20_000;

const guardMs = (historyMs: number): number =>
  Math.max(guardMsMin, Math.min(guardMsMax, Math.floor(historyMs / 3)));
/** Less history than this says nothing about normal: 6 buckets are half a minute. */
const bucketsMin = 6;
/** Rates are compared over 15 s: three buckets even out the export rhythm of senders. */
export const rateBuckets = 3;

/** Middle and spread of a series, both insensitive to a few wild values. */
export interface Robust {
  median: number;
  /** Median absolute deviation, scaled so that it equals the standard deviation of normal noise. */
  spread: number;
}

export interface Baseline {
  at: EpochMs;
  /** How much of it was seen, seconds. */
  seconds: number;
  requests: number;
  /** Requests per second. */
  rps: Robust;
  errorRatio: number;
  errors: number;
  p50Ms: number | null;
  p95Ms: number | null;
  /** Log records per second, and per request where there are requests. */
  logRate: Robust;
  logsPerRequest: number | null;
}

export function robust(values: readonly number[]): Robust {
  if (values.length === 0) return { median: 0, spread: 0 };
  const middle = medianOf(values);
  return { median: middle, spread: 1.4826 * medianOf(values.map((value) => Math.abs(value - middle))) };
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? 0) + upper) / 2;
}

/**
 * A service's normal, from the last `baselineS` seconds before the guard without the windows of known incidents. Null
 * when too little was seen to call anything normal.
 */
export function baselineOf(
  live: LiveWindow,
  service: ServiceSeries,
  options: { baselineS: number; exclude: readonly TimeWindow[]; end?: EpochMs },
): Baseline | null {
  const end = options.end ?? live.completeTo - guardMs(live.completeTo - live.firstData);
  const first = bucketOf(Math.max(end - options.baselineS * 1000, firstSeen(live, service, end)));
  const usable = (bucket: number) =>
    !options.exclude.some((window) => bucket * bucketMs < window.to && (bucket + 1) * bucketMs > window.from);
  const rates: number[] = [];
  const logRates: number[] = [];
  const durations = new Histogram();
  const sums = { requests: 0, errors: 0, logs: 0, buckets: 0 };
  for (let bucket = first; bucket + rateBuckets <= bucketOf(end); bucket += rateBuckets) {
    if (!usable(bucket) || !usable(bucket + rateBuckets - 1)) continue;
    const requests = service.total.requests.sum(bucket, bucket + rateBuckets);
    const logs = service.logs.reduce((sum, ring) => sum + ring.sum(bucket, bucket + rateBuckets), 0);
    rates.push(requests / ((rateBuckets * bucketMs) / 1000));
    logRates.push(logs / ((rateBuckets * bucketMs) / 1000));
    service.total.durations.mergeInto(durations, bucket, bucket + rateBuckets);
    sums.requests += requests;
    sums.errors += service.total.errors.sum(bucket, bucket + rateBuckets);
    sums.logs += logs;
    sums.buckets += rateBuckets;
  }
  if (sums.buckets < bucketsMin) return null;
  return {
    at: end,
    seconds: (sums.buckets * bucketMs) / 1000,
    requests: sums.requests,
    rps: robust(rates),
    errors: sums.errors,
    errorRatio: sums.requests > 0 ? sums.errors / sums.requests : 0,
    p50Ms: durations.quantile(0.5),
    p95Ms: durations.quantile(0.95),
    logRate: robust(logRates),
    logsPerRequest: sums.requests > 0 ? sums.logs / sums.requests : null,
  };
}

/** When the service was first heard of: the silence before it is not its normal. One bucket of it is cut as a start. */
function firstSeen(live: LiveWindow, service: ServiceSeries, end: EpochMs): EpochMs {
  const newest = bucketOf(end);
  const oldest = Math.max(bucketOf(live.firstData), newest - 700);
  for (let bucket = oldest; bucket < newest; bucket++) {
    if (service.total.requests.get(bucket) > 0 || service.logs.some((ring) => ring.get(bucket) > 0)) {
      return (bucket + 1) * bucketMs;
    }
  }
  return end;
}
