import type { Queryable } from '../../ledger/index.ts';
import { sha256Hex } from '../../lib/index.ts';
import { iso, type Said, type Severity, titled } from '../../model/index.ts';
import { type Groupable, groupsOf } from './group.ts';
import type { StoredAlarm } from './watch.ts';

/** Earlier anomalies that new ones may belong to. */
const groupLookBackMs = 900_000;
const groupMembersMax = 500;
const edgesMax = 20_000;

const edgesSql = `SELECT DISTINCT src_resource_id::text AS src, dst_resource_id::text AS dst FROM service_call_5m
  WHERE tenant_id = $1 AND bucket >= $2 AND bucket < $3 LIMIT ${edgesMax}`;
const recentSql = `SELECT event_id::text AS id, labels FROM event_envelope
  WHERE tenant_id = $1 AND kind = 'anomaly' AND detected_at >= $2 AND detected_at < $3 AND labels ? 'group' ORDER BY detected_at DESC LIMIT ${groupMembersMax}`;
const eventSql = `INSERT INTO event_envelope (event_id, detected_at, tenant_id, resource_id, severity, kind, title, summary, labels, fingerprints)
  VALUES ($1, $2, $3, $4, $5::severity, 'anomaly', $6, $7, $8::jsonb, $9::jsonb) ON CONFLICT (event_id) DO NOTHING`;
const evidenceSql = `INSERT INTO evidence_link (event_id, dim, ref_pg, note) VALUES ($1, $2, $3::jsonb, $4) ON CONFLICT DO NOTHING`;

const dims = { metric_1m: 'metric', service_call_5m: 'call', log_pattern_5m: 'log' } as const;

interface RecentRow {
  id: string;
  labels: { group: string; resources: string[]; onset_from: number; onset_to: number };
}

/** The same anomaly has the same id however often its window is run. */
export function anomalyId(tenantId: number, alarm: StoredAlarm): string {
  const hex = sha256Hex(`anomaly:${tenantId}:${alarm.series.key}:${alarm.bucket}`);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

export interface RecordedAnomaly extends StoredAlarm, Said {
  id: string;
  group: string;
  title: string;
  summary: string;
  severity: Severity;
}

/** Groups what is new with what is recent and writes one event with its evidence per alarm. For use in a transaction. */
export async function recordAnomalies(
  tx: Queryable,
  tenantId: number,
  alarms: readonly StoredAlarm[],
  detectedAt: number,
): Promise<RecordedAnomaly[]> {
  if (alarms.length === 0) return [];
  const oldest = alarms.reduce((least, { bucket }) => Math.min(least, bucket), detectedAt);
  const groups = await groupsWith(tx, tenantId, alarms, { from: oldest - groupLookBackMs, to: detectedAt });
  const recorded = alarms.map((alarm) => {
    const id = anomalyId(tenantId, alarm);
    return { ...alarm, id, group: groups.get(id) ?? id, ...said(alarm) };
  });
  for (const each of recorded) await write(tx, tenantId, each, detectedAt);
  return recorded;
}

async function groupsWith(
  tx: Queryable,
  tenantId: number,
  alarms: readonly StoredAlarm[],
  window: { from: number; to: number },
): Promise<Map<string, string>> {
  const bounds = [tenantId, iso(window.from), iso(window.to)];
  const edges = await tx.query<{ src: string; dst: string }>(edgesSql, bounds);
  const calls = new Set(edges.map(({ src, dst }) => `${src}>${dst}`));
  const recent = await tx.query<RecentRow>(recentSql, bounds);
  const ids = new Set(alarms.map((alarm) => anomalyId(tenantId, alarm)));
  const members: Groupable[] = [
    ...recent
      .filter(({ id }) => !ids.has(id))
      .map(({ id, labels }) => ({
        id,
        resourceIds: labels.resources,
        from: labels.onset_from,
        to: labels.onset_to,
        group: labels.group,
      })),
    ...alarms.map((alarm) => ({
      id: anomalyId(tenantId, alarm),
      resourceIds: resourcesOf(alarm),
      from: alarm.onset.from,
      to: alarm.onset.to,
      group: null,
    })),
  ];
  return groupsOf(members, (a, b) => calls.has(`${a}>${b}`) || calls.has(`${b}>${a}`));
}

const resourcesOf = ({ series }: StoredAlarm): string[] =>
  series.callerId === null ? [series.resourceId] : [series.resourceId, series.callerId];

const short = (value: number): string => String(Number(value.toPrecision(4)));

/** Rises of errors and of time taken are worth a warning; the rest is worth knowing. */
function said({ series, value, detail, onset }: StoredAlarm): Said & {
  title: string;
  summary: string;
  severity: Severity;
} {
  const worse = detail.direction === 'up' && /err|fail|_ms$|latency|duration|p9\d/i.test(series.measure);
  // What was unusual may be the mean of some samples; up and down are told of the value that a reader sees.
  const way = value >= detail.expected ? 'above' : 'below';
  return {
    ...titled(detail.aspect === 'spread' ? 'signal.series_spread' : `signal.series_${way}`, {
      service: series.resource,
      measure: series.measure,
      table: series.table,
      value: short(value),
      expected: short(detail.expected),
      sigma: short(detail.sigma),
      span: detail.span,
      since: iso(onset.at).slice(0, 19).replace('T', ' '),
    }),
    severity: worse ? 'WARN' : 'INFO',
  };
}

async function write(
  tx: Queryable,
  tenantId: number,
  anomaly: RecordedAnomaly,
  detectedAt: number,
): Promise<void> {
  const { series, bucket, value, score, detail, onset } = anomaly;
  const labels = {
    service: series.resource,
    indicator: series.measure,
    objective: null,
    table: series.table,
    series: series.key,
    resources: resourcesOf(anomaly),
    value,
    baseline: detail.expected,
    sigma: detail.sigma,
    score,
    aspect: detail.aspect,
    direction: detail.direction,
    since: onset.at,
    onset_from: onset.from,
    onset_to: onset.to,
    group: anomaly.group,
    code: anomaly.code,
    params: anomaly.params,
  };
  await tx.query(eventSql, [
    anomaly.id,
    iso(detectedAt),
    tenantId,
    series.resourceId,
    anomaly.severity,
    anomaly.title,
    anomaly.summary,
    JSON.stringify(labels),
    JSON.stringify({ signal: `anomaly:${series.key}` }),
  ]);
  const row = { table: series.table, bucket: iso(bucket), ...series.row };
  await tx.query(evidenceSql, [anomaly.id, dims[series.table], JSON.stringify(row), anomaly.summary]);
}
