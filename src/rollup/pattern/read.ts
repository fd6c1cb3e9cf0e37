import type { Ledger, Queryable } from '../../ledger/index.ts';
import type { EpochMs, Severity } from '../../model/index.ts';

export interface PatternFacts {
  id: string;
  template: string;
  /** What a person calls it; '' when nobody named it. */
  name: string;
  sample: string;
  severity: Severity;
  firstSeen: EpochMs | null;
  lastSeen: EpochMs | null;
  /** How many patterns it is made of: 1, or more after merging. */
  members: number;
  /** A person decided about it; mining leaves it as it is. */
  pinned: boolean;
  services: { service: string; firstSeen: EpochMs; lastSeen: EpochMs }[];
}

interface StoredFacts {
  id: string;
  pattern: string;
  name: string | null;
  sample_message: string | null;
  severity: Severity | null;
  first_seen: Date | null;
  last_seen: Date | null;
  members: number;
  pinned: boolean;
  services: { service: string; first: number; last: number }[];
}

const factsSql = `
SELECT c.fingerprint_id::text AS id, c.pattern, c.name, c.sample_message, c.pinned, g.severity, g.first_seen, g.last_seen, g.members,
       coalesce((SELECT jsonb_agg(jsonb_build_object('service', x.name, 'first', x.a, 'last', x.z) ORDER BY x.z DESC, x.name) FROM (
         SELECT r.name, floor(extract(epoch FROM min(s.first_seen)) * 1000) AS a, floor(extract(epoch FROM max(s.last_seen)) * 1000) AS z
           FROM log_pattern q JOIN pattern_service s ON s.fingerprint_id = q.fingerprint_id JOIN dim_resource r USING (resource_id)
          WHERE q.tenant_id = $1 AND coalesce(q.current_id, q.fingerprint_id) = c.fingerprint_id GROUP BY r.name) x), '[]'::jsonb) AS services
  FROM log_pattern c CROSS JOIN LATERAL (
    SELECT max(m.severity::severity)::text AS severity, min(m.first_seen) AS first_seen, max(m.last_seen) AS last_seen, count(*)::int AS members
      FROM log_pattern m WHERE m.tenant_id = $1 AND coalesce(m.current_id, m.fingerprint_id) = c.fingerprint_id) g
 WHERE c.tenant_id = $1 AND c.fingerprint_id = ANY($2::bigint[])`;

const factsOf = (row: StoredFacts): PatternFacts => ({
  id: row.id,
  template: row.pattern,
  name: row.name ?? '',
  sample: row.sample_message ?? '',
  severity: row.severity ?? 'INFO',
  firstSeen: row.first_seen?.getTime() ?? null,
  lastSeen: row.last_seen?.getTime() ?? null,
  members: row.members,
  pinned: row.pinned,
  services: row.services.map(({ service, first, last }) => ({ service, firstSeen: first, lastSeen: last })),
});

/** What the ledger knows of patterns that stand by themselves, by id. */
export async function patternFacts(
  ledger: Queryable,
  tenantId: number,
  ids: readonly string[],
): Promise<Map<string, PatternFacts>> {
  if (ids.length === 0) return new Map();
  const rows = await ledger.query<StoredFacts>(factsSql, [tenantId, ids]);
  return new Map(rows.map((row) => [row.id, factsOf(row)]));
}

export interface PatternDetail extends PatternFacts {
  /** Keys of attributes and the type that their values read as. */
  attributes: Record<string, string>;
  /** Ids and templates of what was merged into it. */
  merged: { id: string; template: string }[];
  shapes: string[];
}

/** One pattern; the id of one that was merged answers the one that it is part of now. null when there is no such id. */
export async function patternDetail(
  ledger: Ledger,
  tenantId: number,
  id: string,
): Promise<PatternDetail | null> {
  const members = await ledger.query<{
    id: string;
    root: string;
    pattern: string;
    attrs_schema: Record<string, string>;
  }>(
    `SELECT m.fingerprint_id::text AS id, coalesce(m.current_id, m.fingerprint_id)::text AS root, m.pattern, m.attrs_schema
       FROM log_pattern m JOIN log_pattern p ON p.tenant_id = m.tenant_id AND coalesce(p.current_id, p.fingerprint_id) = coalesce(m.current_id, m.fingerprint_id)
      WHERE p.tenant_id = $1 AND p.fingerprint_id = $2 ORDER BY m.fingerprint_id`,
    [tenantId, id],
  );
  const root = members[0]?.root;
  if (root === undefined) return null;
  const facts = (await patternFacts(ledger, tenantId, [root])).get(root);
  if (!facts) return null;
  const shapes = await ledger.query<{ shape: string }>(
    'SELECT shape::text AS shape FROM shape_pattern WHERE tenant_id = $1 AND fingerprint_id = ANY($2::bigint[]) ORDER BY shape LIMIT $3',
    [tenantId, members.map((each) => each.id), shapesPerPatternMax],
  );
  return {
    ...facts,
    attributes: Object.assign({}, ...members.map((each) => each.attrs_schema)),
    merged: members
      .filter((each) => each.id !== root)
      .map((each) => ({ id: each.id, template: each.pattern })),
    shapes: shapes.map((row) => row.shape),
  };
}

/** Most shapes of one pattern that are named to the detail store; a template rarely has more than a handful. */
export const shapesPerPatternMax = 1_000;

/**
 * Ids of patterns whose template or name holds the text or is like a part of it, the most alike first. Trigrams answer both
 * from one index.
 */
export async function searchPatterns(
  ledger: Queryable,
  tenantId: number,
  text: string,
  limit: number,
): Promise<string[]> {
  const rows = await ledger.query<{ id: string }>(
    'SELECT id::text AS id FROM search_patterns($1, $2, $3, $4)',
    [tenantId, text, `%${text.replace(/[\\%_]/g, '\\$&')}%`, limit],
  );
  return rows.map((row) => row.id);
}
