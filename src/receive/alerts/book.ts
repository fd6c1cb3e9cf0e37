import type { ReceivedAlert } from './alert.ts';

/** Alerts remembered: some kilobytes each. A Prometheus with more than this firing has another problem. */
const alertsMax = 10_000;
/** What is over is shown no longer, but a sender may tell it again for a quarter of an hour. */
const keepMs = 1_200_000;

export interface BookEntry {
  alert: ReceivedAlert;
  updatedAt: number;
}

/**
 * Which alerts are known. Senders tell the same alert every minute; only its beginning and its end are news. In memory: after
 * a restart, what fires is news once more.
 */
export class AlertBook {
  private readonly entries = new Map<string, BookEntry>();

  /** Those of `alerts` that began or ended; each alert once. */
  news(tenant: string, alerts: readonly ReceivedAlert[], nowMs: number): ReceivedAlert[] {
    const seen = new Set<string>();
    return alerts.filter((alert) => {
      if (seen.has(alert.fingerprint)) return false;
      seen.add(alert.fingerprint);
      const known = this.entries.get(keyOf(tenant, alert))?.alert;
      if (known === undefined) return true;
      const knownFires = known.firing && known.endsAt > nowMs;
      if (knownFires !== alert.firing) return true;
      return alert.firing && known.startsAt !== alert.startsAt;
    });
  }

  /** After what is news was stored. */
  keep(tenant: string, alerts: readonly ReceivedAlert[], nowMs: number): void {
    for (const alert of alerts) {
      const key = keyOf(tenant, alert);
      this.entries.delete(key);
      this.entries.set(key, { alert, updatedAt: nowMs });
    }
    for (const [key, { alert, updatedAt }] of this.entries) {
      const over = (!alert.firing || alert.endsAt <= nowMs) && nowMs - updatedAt > keepMs;
      if (over || this.entries.size > alertsMax) this.entries.delete(key);
    }
  }

  /** What fires now, in the order of its labels' fingerprints. */
  firing(tenant: string, nowMs: number): BookEntry[] {
    return [...this.entries]
      .filter(([key, { alert }]) => key.startsWith(`${tenant} `) && alert.firing && alert.endsAt > nowMs)
      .map(([, entry]) => entry)
      .sort((a, b) => (a.alert.fingerprint < b.alert.fingerprint ? -1 : 1));
  }
}

const keyOf = (tenant: string, alert: ReceivedAlert): string => `${tenant} ${alert.fingerprint}`;
