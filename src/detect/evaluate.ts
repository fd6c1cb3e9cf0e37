import {
  type EpochMs,
  type Indicator,
  type Objective,
  type Said,
  type Severity,
  titled,
} from '../model/index.ts';
import type { Baseline } from './baseline.ts';
import { bucketMs, bucketOf, type LiveWindow, type ServiceSeries } from './live/index.ts';
import { type ObjectiveRule, ruleFor } from './objectives.ts';
import { measure, objectiveOf, stragglerMs, targetOf } from './reading.ts';

/** One thing out of bounds on one service now. Detection turns findings into signals, once per fingerprint. */
export interface Finding extends Said {
  service: string;
  indicator: Indicator;
  kind: 'slo_violation' | 'anomaly';
  severity: Severity;
  objective: Objective | null;
  value: number;
  baseline: number;
  since: EpochMs;
  title: string;
  summary: string;
  /** Tells what else is going on, but does not open an incident on its own. */
  supporting: boolean;
}

// Bounds that keep small numbers quiet, whatever the service. With 0.2 % errors at 1 request/s five errors in a minute
// come by chance once in ten years.
const errorsMin = 5;
const slowRequestsMin = 8;
const requestsMin = 20;
/** A rate objective on a service that is always bad: only what is clearly worse than its own normal is an incident. */
const worseThanNormal = 3;
/** Chance of a false alarm accepted for one error-rate test: 1 s of tests × services × a year stays below one. */
const surprise = 1e-9;
const errorRatioMin = 0.03;
/** Typical latency doubles, by at least this much, in a window whose spread it leaves far behind. */
const latencyFactorMin = 2;
const latencyChangeMsMin = 30;
const surgeFactorMin = 2.5;
const deviationsMin = 6;
const outageRequestsMin = 30;
const lookBackBucketsMax = 120;

export interface EvaluateInput {
  live: LiveWindow;
  service: ServiceSeries;
  baseline: Baseline | null;
  rules: readonly ObjectiveRule[];
  /** Requests per second that callers still attempt towards the service, over the last half minute; null = unknown. */
  attemptedRps: number | null;
  /** End of the last incident that is over: its errors burn no budget twice. 0 when there was none. */
  notBefore: EpochMs;
}

export function evaluateService(input: EvaluateInput): Finding[] {
  return [
    availability(input),
    errorRate(input),
    latency(input),
    typicalLatency(input),
    throughput(input),
    surge(input),
    logVolume(input),
  ].filter((finding) => finding !== null);
}

const percent = (ratio: number): string => `${(ratio * 100).toFixed(ratio < 0.1 ? 1 : 0)} %`;
const short = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(2));

function objectiveFor(
  input: EvaluateInput,
  indicator: Indicator,
): { rule: ObjectiveRule; objective: Objective } | null {
  const rule = ruleFor(input.rules, input.service.service, indicator);
  const target = rule ? targetOf(rule, input.baseline) : null;
  if (!rule || target === null) return null;
  return { rule, objective: objectiveOf(rule, input.service.service, target) };
}

/** The first burn pair of which both windows burn faster than the rate. `bad` is counted against `allowed`. */
function burning(
  input: EvaluateInput,
  objective: Objective,
  allowed: number,
  badMin: number,
): { longS: number; ratio: number; rate: number } | null {
  const { live, service } = input;
  for (const pair of objective.burn) {
    const read = (seconds: number) =>
      measure(
        service,
        objective.indicator,
        objective.target,
        Math.max(input.notBefore, live.completeTo - seconds * 1000),
        live.completeTo,
      );
    const long = read(pair.longS);
    const quick = read(pair.shortS);
    if (long.bad < badMin || quick.samples === 0 || quick.bad === 0) continue;
    const longRate = long.bad / long.samples / allowed;
    const quickRate = quick.bad / quick.samples / allowed;
    if (longRate > pair.rate && quickRate > pair.rate) {
      return { longS: pair.longS, ratio: quick.bad / quick.samples, rate: longRate };
    }
  }
  return null;
}

function availability(input: EvaluateInput): Finding | null {
  const found = objectiveFor(input, 'availability');
  if (!found) return null;
  const { rule, objective } = found;
  const burn = burning(input, objective, 1 - objective.target, errorsMin);
  if (!burn) return null;
  const normal = input.baseline?.errorRatio ?? 0;
  if (rule.service === '*' && burn.ratio < worseThanNormal * normal) return null;
  const { service } = input.service;
  return {
    service,
    indicator: 'availability',
    kind: 'slo_violation',
    severity: burn.ratio >= 0.25 ? 'FATAL' : 'ERROR',
    objective,
    value: 1 - burn.ratio,
    baseline: 1 - normal,
    since: onsetOf(input, (bucket) =>
      badBucket(input, bucket, Math.max(1 - objective.target, 3 * normal, burn.ratio / 4)),
    ),
    ...titled('signal.availability', {
      service,
      errors: percent(burn.ratio),
      value: percent(1 - burn.ratio),
      target: percent(objective.target),
      burn: short(burn.rate),
      seconds: burn.longS,
    }),
    supporting: false,
  };
}

const badBucket = (input: EvaluateInput, bucket: number, ratio: number): boolean => {
  const requests = input.service.total.requests.get(bucket);
  const errors = input.service.total.errors.get(bucket);
  // One failed request in a bucket happens on good days too.
  return errors >= 2 && errors / requests > ratio;
};

/** Errors that chance does not explain given the service's own normal share; quicker than any budget. */
function errorRate(input: EvaluateInput): Finding | null {
  const { live, service, baseline } = input;
  if (!baseline || baseline.requests < requestsMin) return null;
  const to = bucketOf(live.completeTo);
  const requests = service.total.requests.sum(to - 3, to);
  const errors = service.total.errors.sum(to - 3, to);
  const badBuckets = [1, 2, 3].filter((back) => service.total.errors.get(to - back) > 0).length;
  // One pseudo-error in the baseline: a service that never failed may fail once without an alarm.
  const normal = (baseline.errors + 1) / baseline.requests;
  if (errors < errorsMin || badBuckets < 2 || errors / requests < Math.max(errorRatioMin, 3 * normal))
    return null;
  if (poissonTail(errors, normal * requests) > surprise) return null;
  return {
    service: service.service,
    indicator: 'error_rate',
    kind: 'anomaly',
    severity: 'ERROR',
    objective: objectiveFor(input, 'error_rate')?.objective ?? null,
    value: errors / requests,
    baseline: baseline.errorRatio,
    since: onsetOf(input, (bucket) =>
      badBucket(input, bucket, Math.max(0.01, 3 * baseline.errorRatio, errors / requests / 4)),
    ),
    ...titled('signal.error_rate', {
      service: service.service,
      ratio: percent(errors / requests),
      errors,
      requests,
      normal: percent(baseline.errorRatio),
    }),
    supporting: false,
  };
}

/** P(X ≥ k) of a Poisson variable with mean `lambda`, by its largest terms. */
export function poissonTail(k: number, lambda: number): number {
  if (k <= 0) return 1;
  if (lambda <= 0) return 0;
  let logTerm = -lambda;
  for (let i = 1; i <= k; i++) logTerm += Math.log(lambda / i);
  let term = Math.exp(logTerm);
  let tail = 0;
  for (let i = k; i < k + 200; i++) {
    tail += term;
    term *= lambda / (i + 1);
  }
  return Math.min(1, tail);
}

function latency(input: EvaluateInput): Finding | null {
  const found = objectiveFor(input, 'latency_p95');
  if (!found || (found.objective.source === 'baseline' && (input.baseline?.requests ?? 0) < 2 * requestsMin))
    return null;
  const { objective } = found;
  // p95 above the target means more than 5 % of requests are slower than it.
  const burn = burning(input, objective, 0.05, slowRequestsMin);
  if (!burn) return null;
  const { live, service } = input;
  const value = measure(
    service,
    'latency_p95',
    objective.target,
    live.completeTo - 15_000,
    live.completeTo,
  ).value;
  const normal = input.baseline?.p95Ms ?? 0;
  return {
    service: service.service,
    indicator: 'latency_p95',
    kind: 'slo_violation',
    severity: 'ERROR',
    objective,
    value: value ?? 0,
    baseline: normal,
    since: onsetOf(input, (bucket) => slowBucket(input, bucket, objective.target, 0.05)),
    ...titled('signal.latency', {
      service: service.service,
      value: short(value ?? 0),
      target: short(objective.target),
      normal: short(normal),
    }),
    supporting: false,
  };
}

const slowBucket = (input: EvaluateInput, bucket: number, ms: number, share: number): boolean => {
  const at = bucket * bucketMs;
  const histogram = input.service.total.histogram(at, at + bucketMs);
  return histogram.total > 0 && histogram.countAbove(ms) / histogram.total > share;
};

/** The typical request got slower, though perhaps not beyond three times p95. */
function typicalLatency(input: EvaluateInput): Finding | null {
  const { live, service, baseline } = input;
  if (!baseline || baseline.p50Ms === null || baseline.p95Ms === null || baseline.requests < 5 * requestsMin)
    return null;
  const read = (seconds: number) => service.total.stats(live.completeTo - seconds * 1000, live.completeTo);
  const now = read(30);
  const quick = read(15);
  if (now.p50Ms === null || quick.p50Ms === null || quick.requests < requestsMin) return null;
  const bound = Math.max(
    baseline.p50Ms * latencyFactorMin,
    baseline.p50Ms + latencyChangeMsMin,
    baseline.p95Ms,
  );
  if (now.p50Ms <= bound || quick.p50Ms <= bound) return null;
  return {
    service: service.service,
    indicator: 'latency_p95',
    kind: 'anomaly',
    severity: 'WARN',
    objective: objectiveFor(input, 'latency_p95')?.objective ?? null,
    value: quick.p50Ms,
    baseline: baseline.p50Ms,
    since: onsetOf(input, (bucket) => slowBucket(input, bucket, bound, 0.5)),
    ...titled('signal.typical_latency', {
      service: service.service,
      value: short(quick.p50Ms),
      normal: short(baseline.p50Ms),
    }),
    supporting: false,
  };
}

/** Requests went missing although callers still try. For an objective set on the service by name, silence is enough. */
function throughput(input: EvaluateInput): Finding | null {
  const found = objectiveFor(input, 'throughput');
  const { live, service, baseline } = input;
  if (!found || !baseline) return null;
  const to = live.completeTo - stragglerMs;
  const value = measure(service, 'throughput', 0, to - 30_000, to).value ?? 0;
  const expected = baseline.rps.median * 30;
  if (value >= found.objective.target || expected < outageRequestsMin) return null;
  if (found.rule.service === '*') {
    const attempted = input.attemptedRps;
    if (attempted === null || attempted < 0.5 * baseline.rps.median || value > 0.5 * attempted) return null;
  }
  return {
    service: service.service,
    indicator: 'throughput',
    kind: 'slo_violation',
    severity: 'ERROR',
    objective: found.objective,
    value,
    baseline: baseline.rps.median,
    since: onsetOf(
      input,
      (bucket) => service.total.requests.get(bucket) * (1000 / bucketMs) < 0.5 * baseline.rps.median,
    ),
    ...titled('signal.throughput', {
      service: service.service,
      value: short(value),
      normal: short(baseline.rps.median),
    }),
    supporting: false,
  };
}

function surge(input: EvaluateInput): Finding | null {
  const { live, service, baseline } = input;
  if (!baseline || baseline.seconds < 60 || baseline.rps.median < 0.5) return null;
  const value = measure(service, 'throughput', 0, live.completeTo - 15_000, live.completeTo).value ?? 0;
  // Noise of a count is at least its square root, however calm the baseline looked.
  const noise = Math.max(baseline.rps.spread, Math.sqrt(baseline.rps.median / 15));
  if (value < surgeFactorMin * baseline.rps.median || value < baseline.rps.median + deviationsMin * noise)
    return null;
  return {
    service: service.service,
    indicator: 'throughput',
    kind: 'anomaly',
    severity: 'WARN',
    objective: null,
    value,
    baseline: baseline.rps.median,
    since: onsetOf(
      input,
      (bucket) => service.total.requests.get(bucket) * (1000 / bucketMs) > 2 * baseline.rps.median,
    ),
    ...titled('signal.surge', {
      service: service.service,
      value: short(value),
      normal: short(baseline.rps.median),
    }),
    supporting: true,
  };
}

function logVolume(input: EvaluateInput): Finding | null {
  const found = objectiveFor(input, 'log_volume');
  const { live, service, baseline } = input;
  if (!found || !baseline) return null;
  const { objective } = found;
  const read = (seconds: number) =>
    measure(service, 'log_volume', 0, live.completeTo - seconds * 1000, live.completeTo).value ?? 0;
  const quick = read(15);
  const isBurning = objective.burn.some(
    (pair) => read(pair.longS) > objective.target && read(pair.shortS) > objective.target,
  );
  const noise = Math.max(baseline.logRate.spread, Math.sqrt(Math.max(baseline.logRate.median, 0.1) / 15));
  if (!isBurning || quick < baseline.logRate.median + deviationsMin * noise) return null;
  // More requests write more logs; that is traffic, not a storm.
  const requests = measure(service, 'throughput', 0, live.completeTo - 15_000, live.completeTo).value ?? 0;
  const factor = ruleFactor(found.rule);
  if (baseline.logsPerRequest !== null && baseline.logsPerRequest > 0 && requests > 2 * baseline.rps.median) {
    if (quick / requests < factor * baseline.logsPerRequest) return null;
  }
  return {
    service: service.service,
    indicator: 'log_volume',
    kind: 'slo_violation',
    severity: 'WARN',
    objective,
    value: quick,
    baseline: baseline.logRate.median,
    since: onsetOf(input, (bucket) => logsPerSecond(service, bucket) > objective.target),
    ...titled('signal.log_volume', {
      service: service.service,
      value: short(quick),
      normal: short(baseline.logRate.median),
    }),
    supporting: false,
  };
}

const ruleFactor = (rule: ObjectiveRule): number => rule.baseline?.factor ?? 1;

const logsPerSecond = (service: ServiceSeries, bucket: number): number =>
  service.logs.reduce((sum, ring) => sum + ring.get(bucket), 0) * (1000 / bucketMs);

/** Walks back from now while buckets are out of bounds, over at most two good ones in a row. */
function onsetOf(input: EvaluateInput, isBad: (bucket: number) => boolean): EpochMs {
  const newest = bucketOf(input.live.completeTo) - 1;
  let onset = newest;
  let good = 0;
  const oldest = Math.max(newest - lookBackBucketsMax, bucketOf(input.notBefore));
  for (let bucket = newest; bucket > oldest && good <= 2; bucket--) {
    if (isBad(bucket)) {
      onset = bucket;
      good = 0;
    } else good++;
  }
  return onset * bucketMs;
}
