import type { DetailQuery, DetailStore } from '../../detail/index.ts';
import type { Ledger } from '../../ledger/index.ts';
import { type EpochMs, floorTo, iso, type Severity, type TimeWindow } from '../../model/index.ts';
import { shapesMax } from '../patterns.ts';
import { patternFacts } from './read.ts';

const bucketMs = 300_000;
const dayMs = 86_400_000;
/** Patterns of an answer, those that changed most. */
export const comparedMax = 2_000;

export type CompareState = 'new' | 'gone' | 'up' | 'down' | 'same';

export interface ComparedPattern {
  id: string;
  template: string;
  name: string;
  severity: Severity;
  firstSeen: EpochMs | null;
  services: string[];
  count: number;
  before: number;
  errors: number;
  errorsBefore: number;
  /** Now to before, by time where the windows differ in length; null when there were none before. */
  ratio: number | null;
  state: CompareState;
}

export interface Comparison {
  now: TimeWindow;
  before: TimeWindow;
  /** Where the counts come from: details are exact to the record; sums are of whole buckets of five minutes, or of days. */
  source: 'details' | 'five_minutes' | 'days';
  patterns: ComparedPattern[];
  /** Records in the windows of messages that no pattern is known for yet. */
  unmined: { count: number; before: number };
  truncated: boolean;
}

interface Count {
  count: number;
  before: number;
  errors: number;
  errorsBefore: number;
}

interface Deps {
  ledger: Ledger;
  detail: DetailStore;
}

/** How often each pattern came in one window and in an earlier one; the greatest changes first. */
export async function comparePatterns(
  deps: Deps,
  tenant: { code: string; id: number },
  windows: { now: TimeWindow; before: TimeWindow },
  service: string | undefined,
): Promise<Comparison> {
  const found =
    (await fromDetails(deps, tenant, windows, service)) ??
    (await fromSums(deps.ledger, tenant.id, windows, service));
  const facts = await patternFacts(deps.ledger, tenant.id, [...found.counts.keys()]);
  const length = (window: TimeWindow) => window.to - window.from;
  const scale = length(found.before) / length(found.now);
  const patterns = [...found.counts].flatMap(([id, count]): (ComparedPattern & { weight: number })[] => {
    const known = facts.get(id);
    if (!known) return [];
    const { state, ratio, weight } = judge(count, scale);
    const { template, name, severity, firstSeen } = known;
    const services = known.services.map((each) => each.service);
    return [{ id, template, name, severity, firstSeen, services, ...count, ratio, state, weight }];
  });
  patterns.sort((a, b) => b.weight - a.weight || b.count - a.count || (a.id < b.id ? -1 : 1));
  return {
    now: found.now,
    before: found.before,
    source: found.source,
    patterns: patterns.slice(0, comparedMax).map(({ weight: _, ...pattern }) => pattern),
    unmined: found.unmined,
    truncated: found.truncated || patterns.length > comparedMax,
  };
}

/** Counts within three deviations of each other, or within half as much again, are the same. */
function judge(count: Count, scale: number): { state: CompareState; ratio: number | null; weight: number } {
  const expected = count.before / scale;
  const weight = Math.abs(2 * (Math.sqrt(count.count) - Math.sqrt(expected)));
  const ratio = count.before === 0 ? null : count.count / expected;
  if (ratio === null) return { state: 'new', ratio, weight };
  if (count.count === 0) return { state: 'gone', ratio, weight };
  const far = weight >= 3 && (ratio >= 1.5 || ratio <= 1 / 1.5);
  return { state: far ? (ratio > 1 ? 'up' : 'down') : 'same', ratio, weight };
}

interface Found {
  source: Comparison['source'];
  now: TimeWindow;
  before: TimeWindow;
  counts: Map<string, Count>;
  unmined: { count: number; before: number };
  truncated: boolean;
}

interface ShapeRow {
  shape: string;
  n: number;
  b: number;
  e: number;
  f: number;
}

const isBefore = "Timestamp < {before_to:DateTime64(9, 'UTC')}";
const countsQuery = (
  tenant: string,
  { now, before }: { now: TimeWindow; before: TimeWindow },
  service: string | undefined,
): DetailQuery => ({
  name: 'patterns.compare',
  tenant,
  window: { from: before.from, to: now.to },
  params: {
    before_to: iso(before.to).replace('T', ' ').replace('Z', ''),
    now_from: iso(now.from).replace('T', ' ').replace('Z', ''),
    shapes_max: shapesMax + 1,
    ...(service === undefined ? {} : { service }),
  },
  sql: `SELECT toString(Shape) AS shape, toFloat64(countIf(NOT is_before)) AS n, toFloat64(countIf(is_before)) AS b,
  toFloat64(countIf(NOT is_before AND SeverityNumber >= 17)) AS e, toFloat64(countIf(is_before AND SeverityNumber >= 17)) AS f
FROM (SELECT Shape, SeverityNumber, ${isBefore} AS is_before FROM otel_logs
  WHERE Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(9, 'UTC')} AND Timestamp < {to:DateTime64(9, 'UTC')}
    AND (${isBefore} OR Timestamp >= {now_from:DateTime64(9, 'UTC')}) AND Shape <> 0
    ${service === undefined ? '' : 'AND ServiceName = {service:String}'})
GROUP BY Shape ORDER BY n + b DESC, shape LIMIT {shapes_max:UInt32}`,
});

/** Exact, where the details still reach back to the earlier window; null where they don't. */
async function fromDetails(
  deps: Deps,
  tenant: { code: string; id: number },
  windows: { now: TimeWindow; before: TimeWindow },
  service: string | undefined,
): Promise<Found | null> {
  const [counted] = await deps.ledger.query<{ first: Date | null }>(
    'SELECT min(bucket) AS first FROM log_pattern_5m WHERE tenant_id = $1 AND bucket >= $2 AND bucket < $3',
    [tenant.id, iso(windows.before.from), iso(windows.before.to)],
  );
  if (counted?.first) {
    const bucket = { from: counted.first.getTime(), to: counted.first.getTime() + bucketMs };
    const [row] = (await deps.detail.query<{ any: number }>(anyQuery(tenant.code, bucket))).rows;
    if (!row) return null;
  } else if (await hasDays(deps.ledger, tenant.id, windows.before)) return null;
  const { rows } = await deps.detail.query<ShapeRow>(countsQuery(tenant.code, windows, service));
  const kept = rows.slice(0, shapesMax);
  const homes = await deps.ledger.query<{ shape: string; id: string }>(
    `SELECT s.shape::text AS shape, coalesce(p.current_id, p.fingerprint_id)::text AS id
       FROM shape_pattern s JOIN log_pattern p ON p.fingerprint_id = s.fingerprint_id
      WHERE s.tenant_id = $1 AND s.shape = ANY($2::numeric[])`,
    [tenant.id, kept.map((row) => row.shape)],
  );
  const idOf = new Map(homes.map((row) => [row.shape, row.id]));
  const counts = new Map<string, Count>();
  const unmined = { count: 0, before: 0 };
  for (const row of kept) {
    const id = idOf.get(row.shape);
    if (id === undefined) {
      unmined.count += row.n;
      unmined.before += row.b;
    } else add(counts, id, { count: row.n, before: row.b, errors: row.e, errorsBefore: row.f });
  }
  return { source: 'details', ...windows, counts, unmined, truncated: rows.length > shapesMax };
}

const anyQuery = (tenant: string, window: TimeWindow): DetailQuery => ({
  name: 'patterns.any',
  tenant,
  window,
  sql: `SELECT 1 AS any FROM otel_logs WHERE Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(9, 'UTC')}
    AND Timestamp < {to:DateTime64(9, 'UTC')} LIMIT 1`,
});

async function hasDays(ledger: Ledger, tenantId: number, window: TimeWindow): Promise<boolean> {
  const rows = await ledger.query(
    'SELECT 1 FROM log_pattern_1d WHERE tenant_id = $1 AND bucket >= $2 AND bucket < $3 LIMIT 1',
    [tenantId, iso(floorTo(window.from, dayMs)), iso(window.to)],
  );
  return rows.length > 0;
}

function add(counts: Map<string, Count>, id: string, more: Count): void {
  const sum = counts.get(id) ?? { count: 0, before: 0, errors: 0, errorsBefore: 0 };
  sum.count += more.count;
  sum.before += more.before;
  sum.errors += more.errors;
  sum.errorsBefore += more.errorsBefore;
  counts.set(id, sum);
}

/** From the ledger's sums: per five minutes where both windows have them, else of whole days. */
async function fromSums(
  ledger: Ledger,
  tenantId: number,
  windows: { now: TimeWindow; before: TimeWindow },
  service: string | undefined,
): Promise<Found> {
  const [fine] = await ledger.query(
    'SELECT 1 FROM log_pattern_5m WHERE tenant_id = $1 AND bucket >= $2 AND bucket < $3 LIMIT 1',
    [tenantId, iso(floorTo(windows.before.from, bucketMs)), iso(windows.before.to)],
  );
  const source = fine ? 'five_minutes' : 'days';
  const step = fine ? bucketMs : dayMs;
  const now = aligned(windows.now, step);
  const before = aligned(windows.before, step);
  const counts = new Map<string, Count>();
  for (const [window, isNow] of [
    [now, true],
    [before, false],
  ] as const) {
    const table = source === 'days' && !isNow ? 'log_pattern_1d' : 'log_pattern_5m';
    for (const row of await sums(ledger, table, tenantId, window, service))
      add(counts, row.id, {
        count: isNow ? row.n : 0,
        before: isNow ? 0 : row.n,
        errors: isNow ? row.e : 0,
        errorsBefore: isNow ? 0 : row.e,
      });
  }
  return { source, now, before, counts, unmined: { count: 0, before: 0 }, truncated: false };
}

const aligned = (window: TimeWindow, step: number): TimeWindow => {
  const from = floorTo(window.from, step);
  return { from, to: Math.max(from + step, floorTo(window.to + step - 1, step)) };
};

const sums = (
  ledger: Ledger,
  table: 'log_pattern_1d' | 'log_pattern_5m',
  tenantId: number,
  window: TimeWindow,
  service: string | undefined,
) =>
  ledger.query<{ id: string; n: number; e: number }>(
    `SELECT coalesce(p.current_id, p.fingerprint_id)::text AS id, sum(n.n)::float8 AS n, sum(n.e)::float8 AS e
       FROM (SELECT fingerprint_id, sum(count_total) AS n, sum(count_error) AS e FROM ${table}
              WHERE tenant_id = $1 AND bucket >= $2 AND bucket < $3
                AND ($4::text IS NULL OR resource_id IN (SELECT resource_id FROM dim_resource WHERE tenant_id = $1 AND name = $4 AND type = 'service'))
              GROUP BY fingerprint_id) n
       JOIN log_pattern p USING (fingerprint_id) GROUP BY 1`,
    [tenantId, iso(window.from), iso(window.to), service ?? null],
  );
