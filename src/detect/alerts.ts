import {
  type Alert,
  alertAgeMsMax,
  type EpochMs,
  type Signal,
  serviceRef,
  severities,
  titled,
} from '../model/index.ts';

/** Alerts that are signals at once: they share the room of all signals and must not fill it. */
const alertsMax = 200;
/**
 * Only news joins or opens an incident: an alert that has been firing for longer says nothing about what begins now, and would
 * hold an incident open, and every baseline with it, for as long as nobody mends its rule.
 */
const newsMs = 900_000;

interface Held {
  signal: Signal;
  opensCase: boolean;
  until: EpochMs;
}

/** A signal out of an alert, as the rest of detection handles its own. */
export interface AlertSignal {
  signal: Signal;
  /** Joins an incident but opens none. */
  supporting: boolean;
}

/** Alerts of others that fire now. In memory; their senders tell them again. */
export class AlertSignals {
  readonly #held = new Map<string, Held>();

  /** Takes what was told: beginnings, repetitions, ends. Alerts below WARN are no signals. */
  take(tenant: string, alerts: readonly Alert[], now: EpochMs): void {
    for (const alert of alerts) {
      const fingerprint = `alert:${alert.fingerprint}`;
      if (!alert.firing || alert.endsAt <= now) {
        this.#held.delete(fingerprint);
        continue;
      }
      const known = this.#held.get(fingerprint);
      if (known) known.until = alert.endsAt;
      else if (this.#held.size < alertsMax && isSignal(alert))
        this.#held.set(fingerprint, {
          signal: signalOf(tenant, alert, fingerprint, now),
          opensCase: alert.opensCase,
          until: alert.endsAt,
        });
    }
  }

  /** Those that fire at `now`; one whose sender fell silent is over when its time is. */
  active(now: EpochMs): AlertSignal[] {
    for (const [fingerprint, { until }] of this.#held) if (until <= now) this.#held.delete(fingerprint);
    return [...this.#held.values()].map(({ signal, opensCase }) => ({ signal, supporting: !opensCase }));
  }
}

/** Whether a signal may still join or open an incident; detection's own always may. */
export const isNews = (signal: Signal, now: EpochMs): boolean =>
  signal.kind !== 'alert' || now - signal.detectedAt < newsMs;

const isSignal = (alert: Alert): boolean =>
  alert.opensCase || severities.indexOf(alert.severity) >= severities.indexOf('WARN');

function signalOf(tenant: string, alert: Alert, fingerprint: string, now: EpochMs): Signal {
  const since = Math.max(Math.min(alert.startsAt, now), now - alertAgeMsMax);
  const said = titled('signal.alert', {
    service: alert.service,
    alert: alert.name || alert.fingerprint,
    severity: alert.severity,
    since: new Date(alert.startsAt).toISOString().slice(0, 19).replace('T', ' '),
    text: alert.summary === '' ? undefined : alert.summary.slice(0, 500),
  });
  return {
    fingerprint,
    kind: 'alert',
    tenant,
    resource: serviceRef(alert.service).urn,
    service: alert.service,
    indicator: 'alert',
    severity: alert.severity,
    ...said,
    since,
    detectedAt: now,
    value: 1,
    baseline: 0,
    objectiveId: null,
  };
}
