import type { Ledger, Queryable } from '../../ledger/index.ts';
import { floorTo, iso, type Severity, severities, type TimeWindow } from '../../model/index.ts';
import { wildcard } from '../../pattern/index.ts';
import type { Job, JobContext, JobResult } from '../job.ts';
import { notToldYet, type PatternEvent, writePatternEvents } from './events.ts';
import { hasVanished, judgeRate, median } from './judge.ts';

const bucketMs = 300_000;
const dayMs = 86_400_000;
const hourBuckets = 12;
/** Patterns whose history is read in one window: those that changed most within the hour. */
const candidatesMax = 200;

export interface WatchConfig {
  events: boolean;
  /** A service must have logged for this long before a pattern can be new in it, seconds. */
  warmupS: number;
  /** Events of one kind in one window of five minutes. */
  eventsMax: number;
  /** How many times more or less often. */
  rateFactor: number;
  /** Records in five minutes. */
  rateCountMin: number;
  /** How long a regular pattern must be missing, seconds. */
  vanishedS: number;
  /** How long the same is not told again, seconds. */
  cooldownS: number;
}

interface Deps {
  ledger: Ledger;
  config: { delayS: number; initialLookbackS: number };
  patterns: WatchConfig;
}

/** `pattern-watch`: what is new, has stopped, or comes far more or less often than it used to, as events. */
export const patternWatch = (deps: Deps): Job => ({
  name: 'pattern-watch',
  after: ['oo-agg'],
  alignMs: bucketMs,
  delayMs: deps.config.delayS * 1_000,
  lateTables: ['otel_logs'],
  // Two windows at once would both tell the same.
  groupMs: dayMs,
  initialLookbackMs: deps.config.initialLookbackS * 1_000,
  run: (context) => watch(deps, context),
});

async function watch({ ledger, patterns }: Deps, { tenant, window, commit }: JobContext): Promise<JobResult> {
  const result: JobResult = { rowsRead: 0, rowsWritten: 0, rowsConflict: 0, leftOut: {} };
  if (!patterns.events) return result;
  const news = await newPatterns(ledger, tenant.id, window, patterns);
  const rates = await changedRates(ledger, tenant.id, window, patterns);
  const told: PatternEvent[] = [];
  for (const [name, found] of Object.entries({ new_patterns: news, pattern_rates: rates })) {
    const fresh = await notToldYet(ledger, tenant.id, found, patterns.cooldownS * 1_000);
    const chosen = fresh.sort(byWeight).slice(0, patterns.eventsMax);
    told.push(...chosen);
    if (fresh.length > chosen.length) result.leftOut[name] = fresh.length - chosen.length;
    result.rowsRead += found.length;
  }
  result.rowsWritten = told.length;
  return commit(async (tx) => {
    await writePatternEvents(tx, tenant.id, told);
    return result;
  });
}

const rank = (severity: Severity): number => severities.indexOf(severity);

/** The worst first, then what changed by the most records. */
const byWeight = (a: PatternEvent, b: PatternEvent): number =>
  rank(b.severity) - rank(a.severity) ||
  Math.abs(b.count - b.usual) - Math.abs(a.count - a.usual) ||
  (a.patternId < b.patternId ? -1 : 1);

interface NewRow {
  resource_id: string;
  service: string;
  id: string;
  pattern: string;
  severity: Severity | null;
  n: string;
  sample_ref: string | null;
}

// A pattern that was merged is new only when all that is part of it is.
const newSql = `
WITH fresh AS (
  SELECT s.resource_id, coalesce(p.current_id, p.fingerprint_id) AS id
    FROM pattern_service s JOIN log_pattern p ON p.fingerprint_id = s.fingerprint_id
   WHERE s.tenant_id = $1 AND s.first_seen >= $2 AND s.first_seen < $3 AND p.pattern <> $5
   GROUP BY 1, 2
)
SELECT f.resource_id::text AS resource_id, r.name AS service, f.id::text AS id, coalesce(c.name, c.pattern) AS pattern, c.severity,
       sum(n.count_total)::text AS n, max(n.sample_ref)::text AS sample_ref
  FROM fresh f JOIN log_pattern c ON c.fingerprint_id = f.id JOIN dim_resource r ON r.resource_id = f.resource_id
  JOIN log_pattern m ON m.tenant_id = $1 AND coalesce(m.current_id, m.fingerprint_id) = f.id
  JOIN log_pattern_5m n ON n.tenant_id = $1 AND n.bucket = $2 AND n.resource_id = f.resource_id AND n.fingerprint_id = m.fingerprint_id
 WHERE NOT EXISTS (SELECT FROM pattern_service o JOIN log_pattern q ON q.fingerprint_id = o.fingerprint_id
                    WHERE o.tenant_id = $1 AND o.resource_id = f.resource_id AND o.first_seen < $2 AND coalesce(q.current_id, q.fingerprint_id) = f.id)
   AND EXISTS (SELECT FROM pattern_service o WHERE o.tenant_id = $1 AND o.resource_id = f.resource_id AND o.first_seen <= $4)
 GROUP BY f.resource_id, r.name, f.id, c.name, c.pattern, c.severity`;

async function newPatterns(
  ledger: Queryable,
  tenantId: number,
  bucket: TimeWindow,
  config: WatchConfig,
): Promise<PatternEvent[]> {
  const rows = await ledger.query<NewRow>(newSql, [
    tenantId,
    iso(bucket.from),
    iso(bucket.to),
    iso(bucket.from - config.warmupS * 1_000),
    wildcard,
  ]);
  return rows.map((row) => ({
    kind: 'new_pattern',
    change: 'new',
    resourceId: row.resource_id,
    service: row.service,
    patternId: row.id,
    pattern: row.pattern,
    severity: row.severity ?? 'INFO',
    bucket: bucket.from,
    detectedAt: bucket.to,
    count: Number(row.n),
    usual: 0,
    sampleRef: row.sample_ref,
  }));
}

interface Candidate {
  resource_id: string;
  service: string;
  id: string;
  pattern: string;
  severity: Severity | null;
  now: number;
  hour: number;
  others_now: number;
  others_hour: number;
  first_seen: Date;
  sample_ref: string | null;
}

// Fourteen buckets are read whole; only what changed within the hour, and what just fell silent, is looked at further.
const candidatesSql = `
WITH recent AS (
  SELECT n.resource_id, coalesce(p.current_id, p.fingerprint_id) AS id,
         sum(n.count_total) FILTER (WHERE n.bucket = $2) AS now, sum(n.count_total) FILTER (WHERE n.bucket < $2) / $4::float8 AS hour,
         max(n.bucket) AS last, max(n.sample_ref) AS sample_ref
    FROM log_pattern_5m n JOIN log_pattern p ON p.fingerprint_id = n.fingerprint_id
   WHERE n.tenant_id = $1 AND n.bucket >= $3 AND n.bucket <= $2
   GROUP BY 1, 2
), shares AS (
  SELECT resource_id, id, coalesce(now, 0)::float8 AS now, coalesce(hour, 0)::float8 AS hour, last, sample_ref,
         sum(coalesce(now, 0)) OVER w::float8 - coalesce(now, 0)::float8 AS others_now,
         sum(coalesce(hour, 0)) OVER w::float8 - coalesce(hour, 0)::float8 AS others_hour
    FROM recent WINDOW w AS (PARTITION BY resource_id)
)
SELECT s.resource_id::text AS resource_id, r.name AS service, s.id::text AS id, coalesce(c.name, c.pattern) AS pattern, c.severity,
       s.now, s.hour, s.others_now, s.others_hour, s.sample_ref::text AS sample_ref,
       (SELECT min(o.first_seen) FROM pattern_service o JOIN log_pattern q ON q.fingerprint_id = o.fingerprint_id
         WHERE o.tenant_id = $1 AND o.resource_id = s.resource_id AND coalesce(q.current_id, q.fingerprint_id) = s.id) AS first_seen
  FROM shares s JOIN log_pattern c ON c.fingerprint_id = s.id JOIN dim_resource r ON r.resource_id = s.resource_id
 WHERE c.pattern <> $5 AND ((s.now >= $6 AND s.now >= $7 * s.hour) OR (s.hour >= $6 AND s.now * $7 <= s.hour) OR (s.now = 0 AND s.last = $8))
 ORDER BY abs(sqrt(s.now) - sqrt(s.hour)) DESC, s.id LIMIT $9`;

async function changedRates(
  ledger: Queryable,
  tenantId: number,
  bucket: TimeWindow,
  config: WatchConfig,
): Promise<PatternEvent[]> {
  const silent = Math.max(1, Math.round((config.vanishedS * 1_000) / bucketMs));
  const found = await ledger.query<Candidate>(candidatesSql, [
    tenantId,
    iso(bucket.from),
    iso(bucket.from - Math.max(hourBuckets, silent + 1) * bucketMs),
    Math.max(hourBuckets, silent + 1),
    wildcard,
    config.rateCountMin,
    config.rateFactor,
    iso(bucket.from - silent * bucketMs),
    candidatesMax,
  ]);
  const own = found.filter((row) => !followsOthers(row, config.rateFactor));
  if (own.length === 0) return [];
  const histories = await readHistories(ledger, tenantId, bucket.from, own);
  return own.flatMap((row): PatternEvent[] => {
    const history = histories(row);
    const change = hasVanished([...history.day, row.now], silent)
      ? 'vanished'
      : judgeRate({ now: row.now, ...history }, { factor: config.rateFactor, countMin: config.rateCountMin });
    if (change === null) return [];
    const failing = rank(row.severity ?? 'INFO') >= rank('ERROR') && change === 'up';
    return [
      {
        kind: 'pattern_rate',
        change,
        resourceId: row.resource_id,
        service: row.service,
        patternId: row.id,
        pattern: row.pattern,
        severity: failing ? 'ERROR' : 'INFO',
        bucket: bucket.from,
        detectedAt: bucket.to,
        count: row.now,
        usual: median(history.day),
        sampleRef: row.sample_ref,
      },
    ];
  });
}

/** The whole service logs that much more or less (its load, or it is gone): not news about one of its patterns. */
function followsOthers(row: Candidate, factor: number): boolean {
  if (row.now >= row.hour) return row.others_hour > 0 && row.others_now >= factor * row.others_hour;
  return row.others_now * factor <= row.others_hour || row.others_now + row.others_hour === 0;
}

const historySql = `
SELECT n.resource_id::text AS resource_id, coalesce(p.current_id, p.fingerprint_id)::text AS id,
       (extract(epoch FROM n.bucket) * 1000)::float8 AS at, sum(n.count_total)::float8 AS n
  FROM unnest($2::bigint[], $3::bigint[]) AS g(resource_id, id)
  JOIN log_pattern p ON p.tenant_id = $1 AND coalesce(p.current_id, p.fingerprint_id) = g.id
  JOIN log_pattern_5m n ON n.fingerprint_id = p.fingerprint_id AND n.resource_id = g.resource_id
 WHERE n.tenant_id = $1 AND n.bucket < $4 AND n.bucket >= $4::timestamptz - INTERVAL '7 days 15 minutes'
   AND (n.bucket >= $4::timestamptz - INTERVAL '1 day' OR mod(extract(epoch FROM $4::timestamptz - n.bucket)::bigint + 900, 86400) <= 1800)
 GROUP BY 1, 2, 3`;

async function readHistories(
  ledger: Queryable,
  tenantId: number,
  at: number,
  candidates: readonly Candidate[],
): Promise<(row: Candidate) => { day: number[]; sameTime: number[] }> {
  const rows = await ledger.query<{ resource_id: string; id: string; at: number; n: number }>(historySql, [
    tenantId,
    candidates.map((row) => row.resource_id),
    candidates.map((row) => row.id),
    iso(at),
  ]);
  const counts = new Map(rows.map((row) => [`${row.resource_id}/${row.id}/${row.at}`, row.n]));
  return (row) => {
    const countAt = (bucket: number) => counts.get(`${row.resource_id}/${row.id}/${bucket}`) ?? 0;
    const since = floorTo(row.first_seen.getTime(), bucketMs);
    const day: number[] = [];
    for (let bucket = Math.max(since, at - dayMs); bucket < at; bucket += bucketMs) day.push(countAt(bucket));
    const sameTime: number[] = [];
    for (let days = 1; days <= 7; days++)
      for (let step = -3; step <= 3; step++) {
        const bucket = at - days * dayMs + step * bucketMs;
        if (bucket >= since) sameTime.push(countAt(bucket));
      }
    return { day, sameTime };
  };
}
