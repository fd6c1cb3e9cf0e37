import type { DetailStore } from '../detail/index.ts';
import { type Ledger, type Queryable, rowsOf } from '../ledger/index.ts';
import type { Clock } from '../lib/index.ts';
import { iso, severityOf, type TimeWindow } from '../model/index.ts';
import { wildcard } from '../pattern/index.ts';
import { absorbed, type KnownTemplate, writeAbsorbed } from './pattern/generalise.ts';
import { mineExamples } from './pattern/mine-examples.ts';
import { readSetups } from './pattern/setup.ts';
import {
  attributeSchema,
  type ExampleRow,
  examplesQuery,
  patternsPerTenantMax,
  type ShapeRow,
  shapesMinedMax,
} from './patterns.ts';
import { rowsPerStatement } from './write.ts';

/** A template that has to exist, with what is known of it from this window. */
interface PatternWrite {
  pattern: string;
  example: string;
  severity: string;
  attributes: Record<string, string>;
  firstMs: number;
  lastMs: number;
}

export interface PatternPlan {
  /** Patterns to write, by template. */
  patterns: PatternWrite[];
  /** Template of every shape that had none. */
  newShapes: Map<string, string>;
  /** Pattern id of every shape that had one. */
  knownShapes: Map<string, string>;
  /** Templates of before that are part of new, more general ones. */
  absorbed: ReturnType<typeof absorbed>;
  /** Why the messages of an application could not be mined, by service. */
  failed: Map<string, string>;
  leftOut: number;
}

interface Deps {
  ledger: Ledger;
  detail: DetailStore;
  clock: Clock;
  /** Relation that holds the messages; `otel_logs` when it is not given. */
  logs?: string;
}

/**
 * Decides the pattern of every shape of a window: known ones from the ledger, the others by mining one message of each.
 * Reads only; what has to be written is the answer, so that the caller can write it in its own transaction.
 */
export async function planPatterns(
  deps: Deps,
  tenant: { code: string; id: number },
  window: TimeWindow,
  shapes: readonly ShapeRow[],
): Promise<PatternPlan> {
  const names = [...new Set(shapes.map((row) => row.shape))];
  const knownShapes = await knownPatterns(deps.ledger, tenant.id, names);
  const unknown = names.filter((shape) => !knownShapes.has(shape));
  const plan: PatternPlan = {
    patterns: [],
    newShapes: new Map(),
    knownShapes,
    absorbed: [],
    failed: new Map(),
    leftOut: 0,
  };
  if (unknown.length === 0) return plan;
  const room = await patternRoom(deps.ledger, tenant.id);
  const counts = sumByShape(shapes);
  const examples = await fetchExamples(
    deps,
    tenant.code,
    seenIn(unknown, counts, window),
    unknown.slice(0, shapesMinedMax),
  );
  const known = await knownTemplates(deps.ledger, tenant.id);
  const mined = mineExamples(examples, {
    countOf: (shape) => counts.get(shape)?.total ?? 0,
    setups: await readSetups(deps.ledger, tenant.id),
    known: known.map((each) => each.pattern),
    clock: deps.clock,
  });
  plan.failed = mined.failed;
  const attributesOf = new Map(examples.map((row) => [row.shape, row.attributes]));
  const before = new Set(known.map((each) => each.pattern));
  let created = 0;
  for (const found of mined.templates) {
    if (!before.has(found.template) && ++created > room) continue;
    const facts = found.shapes.map((shape) => counts.get(shape)).filter((fact) => fact !== undefined);
    plan.patterns.push({
      pattern: found.template,
      example: found.example,
      severity: severityOf(Math.max(0, ...facts.map((fact) => fact.severity))),
      attributes: attributeSchema(found.shapes.flatMap((shape) => attributesOf.get(shape) ?? [])),
      firstMs: Math.min(...facts.map((fact) => fact.firstMs)),
      lastMs: Math.max(...facts.map((fact) => fact.lastMs)),
    });
    for (const shape of found.shapes) plan.newShapes.set(shape, found.template);
  }
  plan.absorbed = absorbed(
    plan.patterns.map(({ pattern, severity }) => ({ pattern, error: isError(severity) })),
    known,
  );
  if (created > room) noteNoRoom(plan, examples);
  addOverflow(plan, unknown, counts);
  return plan;
}

const isError = (severity: string | null): boolean => severity === 'ERROR' || severity === 'FATAL';

function noteNoRoom(plan: PatternPlan, examples: readonly ExampleRow[]): void {
  const reason = `The tenant has ${patternsPerTenantMax} patterns, and no room for more; merge some, or mask what varies.`;
  for (const { shape, service } of examples)
    if (!plan.newShapes.has(shape) && !plan.failed.has(service)) plan.failed.set(service, reason);
}

/** Shapes beyond the bounds count under one pattern, so totals stay right; they are not remembered as its shapes. */
function addOverflow(
  plan: PatternPlan,
  unknown: readonly string[],
  counts: ReadonlyMap<string, ShapeFacts>,
): void {
  const rest = unknown.filter((shape) => !plan.newShapes.has(shape));
  plan.leftOut = rest.length;
  if (rest.length === 0) return;
  const facts = rest.map((shape) => counts.get(shape)).filter((fact) => fact !== undefined);
  plan.patterns.push({
    pattern: wildcard,
    example: '',
    severity: severityOf(0),
    attributes: {},
    firstMs: Math.min(...facts.map((fact) => fact.firstMs)),
    lastMs: Math.max(...facts.map((fact) => fact.lastMs)),
  });
}

interface ShapeFacts {
  total: number;
  severity: number;
  firstMs: number;
  lastMs: number;
}

function sumByShape(shapes: readonly ShapeRow[]): Map<string, ShapeFacts> {
  const sums = new Map<string, ShapeFacts>();
  for (const row of shapes) {
    const sum = sums.get(row.shape);
    sums.set(row.shape, {
      total: (sum?.total ?? 0) + row.total,
      severity: Math.max(sum?.severity ?? 0, row.severity_number),
      firstMs: Math.min(sum?.firstMs ?? row.first_ms, row.first_ms),
      lastMs: Math.max(sum?.lastMs ?? row.last_ms, row.last_ms),
    });
  }
  return sums;
}

async function knownPatterns(ledger: Queryable, tenantId: number, shapes: readonly string[]) {
  const known = new Map<string, string>();
  for (let start = 0; start < shapes.length; start += rowsPerStatement) {
    const rows = await ledger.query<{ shape: string; fingerprint_id: string }>(
      `SELECT shape::text AS shape, fingerprint_id FROM shape_pattern
        WHERE tenant_id = $1 AND shape = ANY($2::numeric[])`,
      [tenantId, shapes.slice(start, start + rowsPerStatement)],
    );
    for (const row of rows) known.set(row.shape, row.fingerprint_id);
  }
  return known;
}

async function patternRoom(ledger: Queryable, tenantId: number): Promise<number> {
  const rows = await ledger.query<{ n: string }>(
    'SELECT count(*) AS n FROM log_pattern WHERE tenant_id = $1',
    [tenantId],
  );
  return Math.max(0, patternsPerTenantMax - Number(rows[0]?.n ?? 0));
}

/** Most recently seen first: an old template that no longer appears need not be compared with. */
async function knownTemplates(ledger: Queryable, tenantId: number): Promise<KnownTemplate[]> {
  const rows = await ledger.query<{ id: string; pattern: string; severity: string | null; fixed: boolean }>(
    `SELECT fingerprint_id::text AS id, pattern, severity, pinned OR current_id IS NOT NULL AS fixed FROM log_pattern
      WHERE tenant_id = $1 AND pattern <> $2 ORDER BY last_seen DESC, fingerprint_id LIMIT $3`,
    [tenantId, wildcard, patternsPerTenantMax],
  );
  return rows.map(({ id, pattern, severity, fixed }) => ({ id, pattern, fixed, error: isError(severity) }));
}

/** Shapes per query: each is a parameter of up to 20 characters, and the statement's text is bounded. */
const shapesPerQuery = 500;

/** When the shapes were seen, of `window`: most new ones are of its last minute, so that little is read for them. */
function seenIn(
  shapes: readonly string[],
  counts: ReadonlyMap<string, ShapeFacts>,
  window: TimeWindow,
): TimeWindow {
  const facts = shapes.map((shape) => counts.get(shape)).filter((fact) => fact !== undefined);
  const from = facts.reduce((least, fact) => Math.min(least, fact.firstMs), window.to);
  return { from: Math.max(window.from, Math.floor(from)), to: window.to };
}

async function fetchExamples(
  deps: Pick<Deps, 'detail' | 'logs'>,
  tenant: string,
  window: TimeWindow,
  shapes: readonly string[],
) {
  const examples: ExampleRow[] = [];
  for (let start = 0; start < shapes.length; start += shapesPerQuery) {
    const query = examplesQuery(tenant, window, shapes.slice(start, start + shapesPerQuery), deps.logs);
    examples.push(...(await deps.detail.query<ExampleRow>(query)).rows);
  }
  return examples;
}

const patternsSql = `
INSERT INTO log_pattern AS p (tenant_id, pattern, sample_message, severity, attrs_schema, first_seen, last_seen)
SELECT $1, pattern, sample, severity, attrs, first_seen, last_seen
  FROM unnest($2::text[], $3::text[], $4::text[], $5::jsonb[], $6::timestamptz[], $7::timestamptz[])
    AS g(pattern, sample, severity, attrs, first_seen, last_seen)
ON CONFLICT (tenant_id, pattern_hash) DO UPDATE SET
  first_seen = least(p.first_seen, excluded.first_seen), last_seen = greatest(p.last_seen, excluded.last_seen),
  severity = greatest(p.severity::severity, excluded.severity::severity)::text,
  attrs_schema = excluded.attrs_schema || p.attrs_schema
RETURNING pattern, fingerprint_id`;

const shapePatternsSql = `
INSERT INTO shape_pattern (tenant_id, shape, fingerprint_id)
SELECT $1, shape, fingerprint_id FROM unnest($2::numeric[], $3::bigint[]) AS g(shape, fingerprint_id)
ON CONFLICT (tenant_id, shape) DO NOTHING`;

const touchSql = `
UPDATE log_pattern p SET first_seen = least(p.first_seen, g.first_seen), last_seen = greatest(p.last_seen, g.last_seen),
    severity = greatest(p.severity::severity, g.severity::severity)::text
  FROM unnest($2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::text[]) AS g(fingerprint_id, first_seen, last_seen, severity)
 WHERE p.tenant_id = $1 AND p.fingerprint_id = g.fingerprint_id
   AND (p.first_seen > g.first_seen OR p.last_seen < g.last_seen OR p.severity::severity < g.severity::severity)`;

/** Writes the plan; answers with the pattern id of each shape, and of everything else under `wildcard`. */
export async function writePatterns(
  tx: Queryable,
  tenantId: number,
  plan: PatternPlan,
  shapes: readonly ShapeRow[],
): Promise<(shape: string) => string | undefined> {
  const idOf = new Map<string, string>();
  const patterns = [...plan.patterns].sort((a, b) => (a.pattern < b.pattern ? -1 : 1));
  for (let start = 0; start < patterns.length; start += rowsPerStatement) {
    const columns = rowsOf(patterns.slice(start, start + rowsPerStatement), [
      (row) => row.pattern,
      (row) => row.example,
      (row) => row.severity,
      (row) => JSON.stringify(row.attributes),
      (row) => iso(row.firstMs),
      (row) => iso(row.lastMs),
    ]);
    const rows = await tx.query<{ pattern: string; fingerprint_id: string }>(patternsSql, [
      tenantId,
      ...columns,
    ]);
    for (const row of rows) idOf.set(row.pattern, row.fingerprint_id);
  }
  const pairs = [...plan.newShapes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([shape, template]) => ({ shape, id: idOf.get(template) ?? '' }));
  for (let start = 0; start < pairs.length; start += rowsPerStatement) {
    const columns = rowsOf(pairs.slice(start, start + rowsPerStatement), [
      (row) => row.shape,
      (row) => row.id,
    ]);
    await tx.query(shapePatternsSql, [tenantId, ...columns]);
  }
  await touchKnown(tx, tenantId, plan, shapes);
  const newest = Math.max(0, ...plan.patterns.map((row) => row.lastMs));
  await writeAbsorbed(tx, tenantId, plan.absorbed, (pattern) => idOf.get(pattern), newest);
  const overflow = idOf.get(wildcard);
  return (shape) => {
    const template = plan.newShapes.get(shape);
    return plan.knownShapes.get(shape) ?? (template === undefined ? overflow : idOf.get(template));
  };
}

/** Known patterns were seen again: their last_seen moves, and their severity may rise. */
async function touchKnown(tx: Queryable, tenantId: number, plan: PatternPlan, shapes: readonly ShapeRow[]) {
  const seen = new Map<string, { firstMs: number; lastMs: number; severity: number }>();
  for (const row of shapes) {
    const id = plan.knownShapes.get(row.shape);
    if (id === undefined) continue;
    const before = seen.get(id);
    seen.set(id, {
      firstMs: Math.min(before?.firstMs ?? row.first_ms, row.first_ms),
      lastMs: Math.max(before?.lastMs ?? row.last_ms, row.last_ms),
      severity: Math.max(before?.severity ?? 0, row.severity_number),
    });
  }
  // In one order, so that two windows at once never wait for each other.
  const rows = [...seen].sort(([a], [b]) => Number(a) - Number(b));
  for (let start = 0; start < rows.length; start += rowsPerStatement) {
    const columns = rowsOf(rows.slice(start, start + rowsPerStatement), [
      ([id]) => id,
      ([, range]) => iso(range.firstMs),
      ([, range]) => iso(range.lastMs),
      ([, range]) => severityOf(range.severity),
    ]);
    await tx.query(touchSql, [tenantId, ...columns]);
  }
}
