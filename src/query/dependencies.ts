import type { Queryable } from '../ledger/index.ts';
import { iso, type ResourceType, type TimeWindow, type Urn } from '../model/index.ts';

export interface Dependency {
  /** Caller; asked for one service it is always that one. */
  src: Urn;
  dst: Urn;
  name: string;
  type: ResourceType;
  /** Per second, mean over the buckets. */
  rps: number;
  errorRate: number;
  p95Ms: number;
  /** Locator of the newest bucket; leads to raw spans. */
  sampleRef: string | null;
  /** Trace of the slowest and of a failed call of that bucket. */
  slowestTrace: string | null;
  failedTrace: string | null;
}

// p95 is the mean of the buckets weighted by their calls, the error share that of all calls. Slowest first, as one looks for
// what slows a service down; of two equally slow ones the one that fails more.
const dependenciesSql = `
SELECT s.urn AS src, d.urn AS dst, d.name, d.type, avg(c.rps) AS rps,
       coalesce(sum(c.err_rate * c.rps) / nullif(sum(c.rps), 0), 0) AS err_rate,
       coalesce(sum(c.p95_ms * c.rps) / nullif(sum(c.rps), 0), 0) AS p95_ms,
       (array_agg(c.sample_ref ORDER BY c.bucket DESC))[1] AS sample_ref,
       (array_agg(l.attributes ORDER BY c.bucket DESC))[1] AS traces
  FROM service_call_5m c
  JOIN dim_resource s ON s.resource_id = c.src_resource_id
  JOIN dim_resource d ON d.resource_id = c.dst_resource_id
  LEFT JOIN oo_locator l ON l.id = c.sample_ref
 WHERE c.tenant_id = $1 AND c.bucket > $2::timestamptz - interval '5 minutes' AND c.bucket < $3::timestamptz
   AND ($4::text IS NULL OR s.urn = $4 OR (s.type = 'service' AND s.name = $4))
   AND s.urn <> 'urn:ext:unknown'
 GROUP BY s.urn, d.urn, d.name, d.type
 ORDER BY CASE WHEN $6 THEN coalesce(sum(c.err_rate * c.rps) / nullif(sum(c.rps), 0), 0) END DESC NULLS LAST,
          p95_ms DESC, err_rate DESC, src, dst
 LIMIT $5`;

interface Row {
  src: string;
  dst: string;
  name: string;
  type: ResourceType;
  rps: number;
  err_rate: number;
  p95_ms: number;
  sample_ref: string | null;
  traces: Record<string, string> | null;
}

/** The slowest or most failing dependencies of a service (URN or name), or of all. */
export async function worstDependencies(
  ledger: Queryable,
  tenantId: number,
  window: TimeWindow,
  question: { service?: string; by: 'slow' | 'failing'; limit: number },
): Promise<Dependency[]> {
  const rows = await ledger.query<Row>(dependenciesSql, [
    tenantId,
    iso(window.from),
    iso(window.to),
    question.service ?? null,
    question.limit,
    question.by === 'failing',
  ]);
  return rows.map((row) => ({
    src: row.src,
    dst: row.dst,
    name: row.name,
    type: row.type,
    rps: row.rps,
    errorRate: row.err_rate,
    p95Ms: row.p95_ms,
    sampleRef: row.sample_ref,
    slowestTrace: row.traces?.slowest_trace ?? null,
    failedTrace: row.traces?.failed_trace ?? null,
  }));
}

export interface EventEvidence {
  eventId: string;
  title: string | null;
  summary: string | null;
  /** What the event was told with. */
  labels: Record<string, unknown>;
  kind: string;
  severity: string;
  detectedAt: number;
  resource: Urn | null;
  evidence: {
    id: string;
    dim: string;
    note: string | null;
    /** Row of the ledger that it rests on. */
    ledger: unknown;
    locator: { id: string; bucket: string; objectKey: string; queryHint: string | null } | null;
  }[];
}

interface EvidenceRow {
  event_id: string;
  title: string | null;
  summary: string | null;
  labels: Record<string, unknown> | null;
  kind: string;
  severity: string;
  detected_at: Date;
  urn: string | null;
  evidence_id: string | null;
  dim: string;
  note: string | null;
  ref_pg: unknown;
  locator_id: string | null;
  bucket: string;
  object_key: string;
  query_hint: string | null;
}

/** An event with its evidence, and the locator that leads from each piece to the raw rows; null when there is no such event. */
export async function eventEvidence(
  ledger: Queryable,
  tenantId: number,
  eventId: string,
): Promise<EventEvidence | null> {
  const rows = await ledger.query<EvidenceRow>(
    `SELECT e.event_id, e.title, e.summary, e.labels, e.kind, e.severity::text AS severity, e.detected_at, r.urn, ev.evidence_id, ev.dim, ev.note, ev.ref_pg,
            ol.id AS locator_id, ol.bucket, ol.object_key, ol.query_hint
       FROM event_envelope e LEFT JOIN dim_resource r ON r.resource_id = e.resource_id
       LEFT JOIN evidence_link ev ON ev.event_id = e.event_id
       LEFT JOIN oo_locator ol ON ol.id = ev.ref_oo AND ol.tenant_id = e.tenant_id
      WHERE e.tenant_id = $1 AND e.event_id = $2::uuid ORDER BY ev.evidence_id LIMIT 1000`,
    [tenantId, eventId],
  );
  const [first] = rows;
  if (first === undefined) return null;
  return {
    eventId: first.event_id,
    title: first.title,
    summary: first.summary,
    labels: first.labels ?? {},
    kind: first.kind,
    severity: first.severity,
    detectedAt: first.detected_at.getTime(),
    resource: first.urn,
    evidence: rows.flatMap((row) =>
      row.evidence_id === null
        ? []
        : [
            {
              id: row.evidence_id,
              dim: row.dim,
              note: row.note,
              ledger: row.ref_pg,
              locator:
                row.locator_id === null
                  ? null
                  : {
                      id: row.locator_id,
                      bucket: row.bucket,
                      objectKey: row.object_key,
                      queryHint: row.query_hint,
                    },
            },
          ],
    ),
  };
}
