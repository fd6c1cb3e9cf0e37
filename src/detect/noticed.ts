import { type EpochMs, type Indicator, type Signal, serviceRef } from '../model/index.ts';
import type { RecordedAnomaly } from './stored/index.ts';

const noticedMax = 200;
/** What the ledger shows is minutes old: it joins an incident that is open now, or none. */
const heldMs = 60_000;

/** Measures of the ledger that are indicators of a service. */
const indicatorOf: Readonly<Record<string, Indicator>> = {
  err_rate: 'error_rate',
  p95_ms: 'latency_p95',
  rps: 'throughput',
  count_total: 'log_volume',
};

/** Anomalies of stored series as signals that support an incident. They are recorded already; here they only wait to be joined. */
export class NoticedAnomalies {
  readonly #held = new Map<string, { signal: Signal; until: EpochMs }>();

  take(tenant: string, anomalies: readonly RecordedAnomaly[], now: EpochMs): void {
    for (const anomaly of anomalies) {
      const signal = signalOf(tenant, anomaly, now);
      if (!signal || this.#held.size >= noticedMax) continue;
      this.#held.set(signal.fingerprint, { signal, until: now + heldMs });
    }
  }

  active(now: EpochMs): { signal: Signal; supporting: true }[] {
    for (const [fingerprint, { until }] of this.#held) if (until <= now) this.#held.delete(fingerprint);
    return [...this.#held.values()].map(({ signal }) => ({ signal, supporting: true }));
  }
}

function signalOf(tenant: string, anomaly: RecordedAnomaly, now: EpochMs): Signal | null {
  const { series, onset, value, detail, title, summary, severity, code, params } = anomaly;
  const indicator = indicatorOf[series.measure];
  if (indicator === undefined || series.resourceType !== 'service') return null;
  return {
    fingerprint: `anomaly:${series.key}`,
    kind: 'anomaly',
    tenant,
    resource: serviceRef(series.resource).urn,
    service: series.resource,
    indicator,
    severity,
    title,
    summary,
    code,
    params,
    since: onset.at,
    detectedAt: now,
    value,
    baseline: detail.expected,
    objectiveId: null,
  };
}
