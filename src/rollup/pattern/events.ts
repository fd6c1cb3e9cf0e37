import { type Ledger, type Queryable, rowsOf } from '../../ledger/index.ts';
import { sha256Hex } from '../../lib/index.ts';
import { type EpochMs, iso, type Severity, type TimeWindow, type Urn } from '../../model/index.ts';

export type PatternEventKind = 'new_pattern' | 'pattern_rate';

/** Something about a pattern in a service that was not so before. */
export interface PatternEvent {
  kind: PatternEventKind;
  change: 'new' | 'up' | 'down' | 'vanished';
  resourceId: string;
  service: string;
  patternId: string;
  /** What people call it, else its template. */
  pattern: string;
  severity: Severity;
  /** Start of the bucket. */
  bucket: EpochMs;
  detectedAt: EpochMs;
  /** Per five minutes: now, and usually. */
  count: number;
  usual: number;
  sampleRef: string | null;
}

/** The same for the same pattern, service and kind: one is told at most once per cool-down. */
const keyOf = (event: PatternEvent): string =>
  `${event.kind}:${event.change}:${event.resourceId}:${event.patternId}`;

/** The same id for the same finding, so that a replayed window adds nothing. */
function eventIdOf(tenantId: number, event: PatternEvent): string {
  const hex = sha256Hex(`${tenantId}/${keyOf(event)}/${event.bucket}`);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

const templateChars = 120;

function titleOf(event: PatternEvent): string {
  const pattern = event.pattern.slice(0, templateChars);
  switch (event.change) {
    case 'new':
      return `New log pattern in ${event.service}: ${pattern}`;
    case 'vanished':
      return `Log pattern of ${event.service} has stopped: ${pattern}`;
    case 'up':
      return `Log pattern of ${event.service} comes more often: ${pattern}`;
    case 'down':
      return `Log pattern of ${event.service} comes less often: ${pattern}`;
  }
}

const summaryOf = (event: PatternEvent): string =>
  event.change === 'new'
    ? `${event.count} records in 5 minutes; never seen in ${event.service} before.`
    : `${event.count} records in 5 minutes; usually ${Math.round(event.usual * 10) / 10}.`;

const eventsSql = `
INSERT INTO event_envelope (event_id, detected_at, tenant_id, resource_id, severity, kind, title, summary, labels, fingerprints)
SELECT event_id, detected_at, $1, resource_id, severity::severity, kind, title, summary, labels, fingerprints
  FROM unnest($2::uuid[], $3::timestamptz[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::jsonb[], $10::jsonb[])
    AS g(event_id, detected_at, resource_id, severity, kind, title, summary, labels, fingerprints)
ON CONFLICT (event_id) DO UPDATE SET severity = excluded.severity, title = excluded.title, summary = excluded.summary, labels = excluded.labels`;

const evidenceSql = `
INSERT INTO evidence_link (event_id, dim, ref_pg, ref_oo, note)
SELECT event_id, 'log', ref_pg, ref_oo, note FROM unnest($1::uuid[], $2::jsonb[], $3::bigint[], $4::text[]) AS g(event_id, ref_pg, ref_oo, note)
ON CONFLICT DO NOTHING`;

/** Writes events with the counts that they rest on and the way back to raw rows. */
export async function writePatternEvents(
  tx: Queryable,
  tenantId: number,
  events: readonly PatternEvent[],
): Promise<void> {
  if (events.length === 0) return;
  const ids = events.map((event) => eventIdOf(tenantId, event));
  const columns = rowsOf(events, [
    (event) => iso(event.detectedAt),
    (event) => event.resourceId,
    (event) => event.severity,
    (event) => event.kind,
    titleOf,
    summaryOf,
    (event) => JSON.stringify(labelsOf(event)),
    (event) => JSON.stringify({ pattern: keyOf(event) }),
  ]);
  await tx.query(eventsSql, [tenantId, ids, ...columns]);
  await tx.query(evidenceSql, [
    ids,
    ...rowsOf<PatternEvent, string | null>(events, [
      (event) => JSON.stringify(referenceOf(event)),
      (event) => event.sampleRef,
      summaryOf,
    ]),
  ]);
}

const labelsOf = (event: PatternEvent) => ({
  service: event.service,
  indicator: 'log_pattern',
  pattern_id: event.patternId,
  template: event.pattern.slice(0, 1_000),
  change: event.change,
  value: event.count,
  baseline: event.usual,
  since: event.bucket,
});

const referenceOf = (event: PatternEvent) => ({
  table: 'log_pattern_5m',
  keys: { bucket: iso(event.bucket), resource_id: event.resourceId, fingerprint_id: event.patternId },
});

/** Those that were not told within the cool-down before or after them: windows may run in any order. */
export async function notToldYet(
  ledger: Queryable,
  tenantId: number,
  events: readonly PatternEvent[],
  cooldownMs: number,
): Promise<PatternEvent[]> {
  const [first] = events;
  if (!first) return [];
  const rows = await ledger.query<{ key: string }>(
    `SELECT fingerprints ->> 'pattern' AS key FROM event_envelope
      WHERE tenant_id = $1 AND kind IN ('new_pattern', 'pattern_rate') AND detected_at > $2 AND detected_at < $3 AND detected_at <> $5
        AND fingerprints ->> 'pattern' = ANY($4::text[])`,
    [
      tenantId,
      iso(first.detectedAt - cooldownMs),
      iso(first.detectedAt + cooldownMs),
      events.map(keyOf),
      iso(first.detectedAt),
    ],
  );
  const told = new Set(rows.map((row) => row.key));
  return events.filter((event) => !told.has(keyOf(event)));
}

export interface PatternEventRow {
  eventId: string;
  at: EpochMs;
  kind: PatternEventKind;
  change: string;
  severity: Severity;
  service: string;
  resource: Urn | null;
  patternId: string;
  template: string;
  title: string;
  summary: string;
  count: number;
  usual: number;
  evidenceId: string | null;
}

interface StoredEvent {
  event_id: string;
  detected_at: Date;
  severity: Severity;
  kind: PatternEventKind;
  title: string | null;
  summary: string | null;
  labels: Record<string, unknown>;
  urn: Urn | null;
  evidence_id: string | null;
}

/** Events about patterns, the newest first. `patternIds` also finds those of what was merged into a pattern. */
export async function listPatternEvents(
  ledger: Ledger,
  tenant: string,
  window: TimeWindow,
  limit: number,
  only: { service?: string; patternIds?: readonly string[] } = {},
): Promise<PatternEventRow[]> {
  const rows = await ledger.query<StoredEvent>(
    `SELECT e.event_id::text AS event_id, e.detected_at, e.severity::text AS severity, e.kind, e.title, e.summary, e.labels, r.urn,
        (SELECT min(l.evidence_id)::text FROM evidence_link l WHERE l.event_id = e.event_id) AS evidence_id
       FROM event_envelope e LEFT JOIN dim_resource r ON r.resource_id = e.resource_id
      WHERE e.tenant_id = $1 AND e.kind IN ('new_pattern', 'pattern_rate') AND e.detected_at >= $2 AND e.detected_at < $3
        AND ($5::text IS NULL OR e.labels ->> 'service' = $5) AND ($6::text[] IS NULL OR e.labels ->> 'pattern_id' = ANY($6::text[]))
      ORDER BY e.detected_at DESC, e.event_id LIMIT $4`,
    [
      await ledger.tenantId(tenant),
      iso(window.from),
      iso(window.to),
      limit,
      only.service ?? null,
      only.patternIds ?? null,
    ],
  );
  return rows.map((row) => ({
    eventId: row.event_id,
    at: row.detected_at.getTime(),
    kind: row.kind,
    change: String(row.labels.change ?? ''),
    severity: row.severity,
    service: String(row.labels.service ?? ''),
    resource: row.urn,
    patternId: String(row.labels.pattern_id ?? ''),
    template: String(row.labels.template ?? ''),
    title: row.title ?? '',
    summary: row.summary ?? '',
    count: Number(row.labels.value ?? 0),
    usual: Number(row.labels.baseline ?? 0),
    evidenceId: row.evidence_id,
  }));
}
