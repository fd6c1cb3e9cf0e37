import {
  type EpochMs,
  type Indicator,
  type Objective,
  type ObjectiveReading,
  staysAbove,
} from '../model/index.ts';
import type { Baseline } from './baseline.ts';
import { bucketMs, bucketOf, type LiveWindow, type ServiceSeries } from './live/index.ts';
import { type ObjectiveRule, objectiveId } from './objectives.ts';

/** Buckets left out at the new end when the question is "is something missing": late senders look like silence. */
export const stragglerMs = 10_000;

/** The target that holds for a service now: fixed, or derived from its baseline; null when there is no baseline yet. */
export function targetOf(rule: ObjectiveRule, baseline: Baseline | null): number | null {
  if (rule.target !== null) return rule.target;
  if (!rule.baseline || !baseline) return null;
  const normal = normalOf(rule.indicator, baseline);
  if (normal === null) return null;
  return Math.max(normal * rule.baseline.factor, rule.baseline.floor);
}

function normalOf(indicator: Indicator, baseline: Baseline): number | null {
  switch (indicator) {
    case 'availability':
      return 1 - baseline.errorRatio;
    case 'error_rate':
      return baseline.errorRatio;
    case 'latency_p95':
      return baseline.p95Ms;
    case 'throughput':
      return baseline.rps.median;
    case 'log_volume':
      return baseline.logRate.median;
  }
}

export function objectiveOf(rule: ObjectiveRule, service: string, target: number): Objective {
  return {
    id: objectiveId(service, rule.indicator),
    service,
    indicator: rule.indicator,
    target,
    budgetWindowS: rule.budgetWindowS,
    burn: rule.burn,
    source: rule.target === null ? 'baseline' : rule.source,
  };
}

/** Good and bad events of an indicator in `[from, to)`, and its value. */
export function measure(
  service: ServiceSeries,
  indicator: Indicator,
  target: number,
  from: EpochMs,
  to: EpochMs,
): { value: number | null; samples: number; bad: number } {
  const seconds = Math.max(1, (to - from) / 1000);
  if (indicator === 'log_volume') {
    const records = service.logs.reduce((sum, ring) => sum + ring.sum(bucketOf(from), bucketOf(to)), 0);
    return { value: records / seconds, samples: records, bad: 0 };
  }
  const requests = service.total.requests.sum(bucketOf(from), bucketOf(to));
  if (indicator === 'throughput') return { value: requests / seconds, samples: requests, bad: 0 };
  if (indicator === 'latency_p95') {
    const histogram = service.total.histogram(from, to);
    return { value: histogram.quantile(0.95), samples: requests, bad: histogram.countAbove(target) };
  }
  const errors = service.total.errors.sum(bucketOf(from), bucketOf(to));
  if (requests === 0) return { value: null, samples: 0, bad: 0 };
  const value = indicator === 'availability' ? 1 - errors / requests : errors / requests;
  return { value, samples: requests, bad: errors };
}

export const holdsAt = (indicator: Indicator, value: number, target: number): boolean =>
  staysAbove(indicator) ? value >= target : value <= target;

/** The reading that verification compares: the last `windowS` seconds of complete buckets against the target. */
export function readObjectiveOf(
  live: LiveWindow,
  service: ServiceSeries | undefined,
  objective: Objective,
  windowS: number,
): ObjectiveReading {
  const lag = objective.indicator === 'throughput' ? stragglerMs : 0;
  const to = live.completeTo - lag;
  const from = to - Math.max(bucketMs, windowS * 1000);
  const base = { objectiveId: objective.id, target: objective.target, windowS };
  if (!service) return { ...base, holds: false, value: null, samples: 0 };
  const { value, samples } = measure(service, objective.indicator, objective.target, from, to);
  return {
    ...base,
    value,
    samples,
    holds: value !== null && holdsAt(objective.indicator, value, objective.target),
  };
}
