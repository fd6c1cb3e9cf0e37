import type { Severity } from './severity.ts';
import type { EpochMs } from './time.ts';

/** An alert of somebody else's rules, as Prometheus or Alertmanager told it. */
export interface Alert {
  /** Names the alert's labels for ever, as Alertmanager counts it: 16 hex digits. */
  fingerprint: string;
  /** Label `alertname`. */
  name: string;
  /** What its labels say it is about. */
  service: string;
  severity: Severity;
  firing: boolean;
  startsAt: EpochMs;
  /** When it ended; while it fires, until when that holds if nothing more is heard. */
  endsAt: EpochMs;
  /** What its annotations say; may be empty. */
  summary: string;
  /** Whether it may open a case by itself; any other joins one. */
  opensCase: boolean;
}

/**
 * An alert that is older than this when it is first heard of is taken as noticed now: the incident that began it lies
 * outside of what detection still compares with.
 */
export const alertAgeMsMax = 600_000;
