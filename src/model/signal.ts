import type { Indicator } from './objective.ts';
import type { Said } from './sentence.ts';
import type { Severity } from './severity.ts';
import type { EpochMs } from './time.ts';
import type { Urn } from './urn.ts';

/**
 * One thing that went wrong: an objective that burns or a series that left its baseline, seen by detection, or an alert of
 * somebody else's rules (its `value` is 1, its `baseline` 0). `code` and
 * `params` say the same as `title`; the code with `.summary` says the same as `summary`.
 */
export interface Signal extends Partial<Said> {
  /** Stable for the same fault on the same series: `slo_violation:payments:availability`, `alert:<fingerprint>`. */
  fingerprint: string;
  kind: 'slo_violation' | 'anomaly' | 'alert';
  tenant: string;
  resource: Urn;
  service: string;
  indicator: Indicator | 'alert';
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
