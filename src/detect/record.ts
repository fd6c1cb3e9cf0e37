import type { Ledger } from '../ledger/index.ts';
import { type RowFilter, type Signal, serviceRef } from '../model/index.ts';

/** Rows of the ledger that a signal becomes: an event, what it rests on, and how to find the raw rows again. */
const sql = {
  resource: `INSERT INTO dim_resource (tenant_id, urn, type, name) VALUES ($1, $2, 'service', $3)
    ON CONFLICT (tenant_id, urn) DO UPDATE SET name = dim_resource.name RETURNING resource_id::text AS id`,
  locator: `INSERT INTO oo_locator (tenant_id, dataset, bucket, object_key, t_from, t_to, query_hint)
    VALUES ($1, $2, 'detail', $3, $4, $5, $6)
    ON CONFLICT ON CONSTRAINT ux_locator DO UPDATE SET query_hint = EXCLUDED.query_hint RETURNING id::text AS id`,
  event: `INSERT INTO event_envelope (event_id, detected_at, tenant_id, resource_id, severity, kind, title, summary, labels, fingerprints)
    VALUES ($1, $2, $3, $4, $5::severity, $6, $7, $8, $9::jsonb, $10::jsonb) ON CONFLICT (event_id) DO NOTHING`,
  evidence: `INSERT INTO evidence_link (event_id, dim, ref_oo, note) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
  resolve: `UPDATE event_envelope SET labels = labels || $3::jsonb WHERE tenant_id = $1 AND event_id = $2`,
  list: `SELECT e.event_id::text AS event_id, e.detected_at, e.severity::text AS severity, e.kind, e.title, e.summary, e.labels, e.fingerprints,
      r.urn, (SELECT coalesce(jsonb_agg(jsonb_build_object('evidence_id', l.evidence_id, 'dim', l.dim, 'note', l.note, 'locator_id', l.ref_oo)), '[]'::jsonb)
        FROM evidence_link l WHERE l.event_id = e.event_id) AS evidence
    FROM event_envelope e LEFT JOIN dim_resource r ON r.resource_id = e.resource_id
    WHERE e.tenant_id = $1 AND e.kind IN ('slo_violation', 'anomaly', 'alert', 'new_pattern', 'pattern_rate') AND e.detected_at >= $2 AND e.detected_at < $3
    ORDER BY e.detected_at DESC LIMIT $4`,
} as const;

/** The raw rows that a signal rests on: failed or slow requests of the service, or its log records. */
export function signalFilter(signal: Signal): RowFilter {
  const window = { from: signal.since - 5_000, to: signal.detectedAt + 60_000 };
  const equals = { ServiceName: signal.service };
  switch (signal.indicator) {
    case 'log_volume':
      return { dataset: 'otel_logs', window, equals };
    case 'alert': {
      const fingerprint = signal.fingerprint.slice('alert:'.length);
      return {
        dataset: 'otel_logs',
        window,
        equals: { ...equals, 'LogAttributes.alert.fingerprint': fingerprint },
      };
    }
    case 'latency_p95':
      return {
        dataset: 'otel_traces',
        window,
        equals,
        only: 'slow',
        thresholdMs: Math.max(0, signal.baseline),
      };
    case 'throughput':
      return { dataset: 'otel_traces', window, equals, only: 'server_spans' };
    default:
      return { dataset: 'otel_traces', window, equals, only: 'errors' };
  }
}

/** One transaction per signal: event, locator and link stand or fall together. */
export async function recordSignal(ledger: Ledger, signal: Signal, eventId: string): Promise<void> {
  const tenantId = await ledger.tenantId(signal.tenant);
  const filter = signalFilter(signal);
  const dim = filter.dataset === 'otel_logs' ? 'log' : 'trace';
  await ledger.transaction(async (tx) => {
    const [resource] = await tx.query<{ id: string }>(sql.resource, [
      tenantId,
      signal.resource,
      serviceRef(signal.service).name,
    ]);
    const [locator] = await tx.query<{ id: string }>(sql.locator, [
      tenantId,
      dim === 'log' ? 'logs' : 'traces',
      `${filter.dataset}:${signal.fingerprint}`,
      new Date(filter.window.from),
      new Date(filter.window.to),
      JSON.stringify(filter),
    ]);
    const labels = {
      service: signal.service,
      indicator: signal.indicator,
      objective: signal.objectiveId,
      value: signal.value,
      baseline: signal.baseline,
      since: signal.since,
      // What the console says of it in other languages.
      ...(signal.code === undefined ? {} : { code: signal.code, params: signal.params ?? {} }),
    };
    await tx.query(sql.event, [
      eventId,
      new Date(signal.detectedAt),
      tenantId,
      resource?.id ?? null,
      signal.severity,
      signal.kind,
      signal.title,
      signal.summary,
      JSON.stringify(labels),
      JSON.stringify({ signal: signal.fingerprint }),
    ]);
    await tx.query(sql.evidence, [eventId, dim, locator?.id ?? null, signal.summary]);
  });
}

export async function recordResolved(
  ledger: Ledger,
  tenant: string,
  eventId: string,
  at: number,
): Promise<void> {
  await ledger.query(sql.resolve, [
    await ledger.tenantId(tenant),
    eventId,
    JSON.stringify({ resolved_at: at }),
  ]);
}

export interface SignalRow {
  event_id: string;
  detected_at: Date;
  severity: string;
  kind: string;
  title: string | null;
  summary: string | null;
  labels: Record<string, unknown>;
  fingerprints: Record<string, unknown>;
  urn: string | null;
  evidence: unknown;
}

export async function listSignals(
  ledger: Ledger,
  tenant: string,
  from: number,
  to: number,
  limit: number,
): Promise<SignalRow[]> {
  return ledger.query<SignalRow>(sql.list, [
    await ledger.tenantId(tenant),
    new Date(from),
    new Date(to),
    limit,
  ]);
}
