/** Indicators that an objective can be set on (source 004, SLA/SLO/SLI). */
export const indicators = ['availability', 'latency_p95', 'error_rate', 'throughput', 'log_volume'] as const;
export type Indicator = (typeof indicators)[number];

/** Whether a value must stay at or above its target; of the others at or below. */
export const staysAbove = (indicator: string): boolean =>
  indicator === 'availability' || indicator === 'throughput';

/**
 * A service level objective. Units of `target`: availability and error_rate are ratios 0–1, latency_p95 milliseconds,
 * throughput requests per second, log_volume records per second. Availability and throughput must stay at or above,
 * the others at or below.
 */
export interface Objective {
  /** Unique, for example `checkout.availability`. */
  id: string;
  service: string;
  indicator: Indicator;
  target: number;
  /** Window over which the error budget is counted, seconds. */
  budgetWindowS: number;
  /** Fast and slow burn windows: both the long and the short window must burn faster than `rate`. */
  burn: { longS: number; shortS: number; rate: number }[];
  /** Where it came from: a file, or `baseline` when it was derived from the service's own normal behaviour. */
  source: string;
}

/** The reading of an objective over a window. */
export interface ObjectiveReading {
  objectiveId: string;
  holds: boolean;
  /** Measured value in the unit of the target; null when there was no data. */
  value: number | null;
  target: number;
  windowS: number;
  /** Requests (or records) that the value rests on. */
  samples: number;
}
