import type { Indicator } from './objective.ts';
import type { Said } from './sentence.ts';
import type { Severity } from './severity.ts';
import type { EpochMs } from './time.ts';
import type { Urn } from './urn.ts';

/**
 * One thing that went wrong, seen by detection: an objective that burns or a series that left its baseline. `code` and
 * `params` say the same as `title`; the code with `.summary` says the same as `summary`.
 */
export interface Signal extends Partial<Said> {
  /** Stable for the same fault on the same series: `slo_violation:payments:availability`. */
  fingerprint: string;
  kind: 'slo_violation' | 'anomaly';
  tenant: string;
  resource: Urn;
  service: string;
  indicator: Indicator;
  severity: Severity;
  title: string;
  summary: string;
  /** First bucket that was out of bounds, and when we noticed. */
  since: EpochMs;
  detectedAt: EpochMs;
  value: number;
  baseline: number;
  objectiveId: string | null;
}
