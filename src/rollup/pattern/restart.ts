import type { DetailStore } from '../../detail/index.ts';
import type { Ledger, Queryable } from '../../ledger/index.ts';
import { rowsOf } from '../../ledger/index.ts';
import { ClewError, type Clock } from '../../lib/index.ts';
import { type EpochMs, iso, severityOf } from '../../model/index.ts';
import type { MinedTemplate } from '../../pattern/index.ts';
import type { Job } from '../job.ts';
import { patternsPerTenantMax, shapesMinedMax } from '../patterns.ts';
import { applyRegrouping, planRegrouping } from './assign.ts';
import { addCorrection, type By } from './corrections.ts';
import { mineExamples } from './mine-examples.ts';
import { readSetups } from './setup.ts';
import { type ShapeSample, serviceShapes } from './shapes.ts';

/** How far back the messages of an application are read again. */
const remineMs = 7 * 86_400_000;
/** Applications that one run does; the others wait for the next. */
const restartsPerRun = 100;
const alignMs = 300_000;

interface Deps {
  ledger: Ledger;
  detail: DetailStore;
  clock: Clock;
}

/** Asks for the templates of an application (or of all) to be mined again. Answers the applications. */
export async function askRestart(
  tx: Queryable,
  tenantId: number,
  service: string | undefined,
  by: By,
): Promise<string[]> {
  const rows = await tx.query<{ service: string }>(
    `UPDATE pattern_access SET state = 'pending', flow = 'mining', reason = '', requested_at = $3, requested_by = $4,
        started_at = NULL, finished_at = NULL
      WHERE tenant_id = $1 AND ($2::text IS NULL OR service = $2) AND state <> 'running' RETURNING service`,
    [tenantId, service ?? null, iso(by.at), by.actor],
  );
  if (rows.length === 0) await explainNone(tx, tenantId, service);
  const services = rows.map((row) => row.service).sort();
  await addCorrection(tx, tenantId, 'restart', by, { services });
  return services;
}

async function explainNone(tx: Queryable, tenantId: number, service: string | undefined): Promise<never> {
  const [row] = await tx.query(
    'SELECT 1 FROM pattern_access WHERE tenant_id = $1 AND ($2::text IS NULL OR service = $2)',
    [tenantId, service ?? null],
  );
  if (row)
    throw new ClewError(
      'illegal_transition',
      'Clustering is being restarted at this moment; wait until it has ended.',
    );
  throw new ClewError(
    'not_found',
    service === undefined
      ? 'There is no application with logs yet.'
      : `service: no logs of ${JSON.stringify(service)} were clustered yet.`,
  );
}

/**
 * `pattern-restart`: mines the templates again of the applications for which that was asked. The one who asks lets it begin
 * at once; this takes up what a process that died left behind.
 */
export const patternRestart = (deps: Deps): Job => ({
  name: 'pattern-restart',
  after: [],
  alignMs,
  delayMs: 0,
  initialLookbackMs: alignMs,
  async run({ tenant }) {
    const { restarted, moved } = await runRestarts(deps, tenant);
    return { rowsRead: restarted, rowsWritten: moved, rowsConflict: 0, leftOut: {} };
  },
});

/** A run that began this long ago and never ended belongs to a process that is gone. */
const abandonedMs = 600_000;

const claimSql = `
UPDATE pattern_access SET state = 'running', flow = 'mining', reason = '', started_at = $2, finished_at = NULL
 WHERE tenant_id = $1 AND service = (
   SELECT service FROM pattern_access WHERE tenant_id = $1 AND (state = 'pending' OR (state = 'running' AND started_at < $3))
    ORDER BY requested_at, service LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING service`;

/** Does what was asked for, one application after the other, each claimed so that nobody else does it too. */
export async function runRestarts(
  deps: Deps,
  tenant: { code: string; id: number },
): Promise<{ restarted: number; moved: number }> {
  const done = { restarted: 0, moved: 0 };
  while (done.restarted < restartsPerRun) {
    const now = deps.clock.now();
    const [claimed] = await deps.ledger.query<{ service: string }>(claimSql, [
      tenant.id,
      iso(now),
      iso(now - abandonedMs),
    ]);
    if (!claimed) break;
    done.restarted++;
    done.moved += await restartOne(deps, tenant, claimed.service, now);
  }
  return done;
}

async function restartOne(
  deps: Deps,
  tenant: { code: string; id: number },
  service: string,
  at: EpochMs,
): Promise<number> {
  try {
    const moved = await remine(deps, tenant, service, at);
    await endRestart(deps, tenant.id, service, 'success', '');
    return moved;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    await endRestart(deps, tenant.id, service, 'failed', reason);
    return 0;
  }
}

async function endRestart(
  deps: Deps,
  tenantId: number,
  service: string,
  state: 'success' | 'failed',
  reason: string,
): Promise<void> {
  await deps.ledger.query(
    `UPDATE pattern_access SET state = $3, reason = $4, finished_at = $5 WHERE tenant_id = $1 AND service = $2 AND state = 'running'`,
    [tenantId, service, state, reason, iso(deps.clock.now())],
  );
}

/** Answers how many shapes went to another pattern. What a person decided about stays as it is. */
async function remine(
  deps: Deps,
  tenant: { code: string; id: number },
  service: string,
  at: EpochMs,
): Promise<number> {
  const window = { from: at - remineMs, to: at };
  const found = await serviceShapes(deps.detail, tenant.code, window, service, shapesMinedMax);
  const homes = await homesOf(deps.ledger, tenant.id, found);
  const free = found.filter((sample) => homes.get(sample.shape)?.pinned === false);
  const counts = new Map(free.map((sample) => [sample.shape, sample.count]));
  const mined = mineExamples(
    free.map(({ shape, message }) => ({ shape, service, body: message })),
    {
      countOf: (shape) => counts.get(shape) ?? 0,
      setups: await readSetups(deps.ledger, tenant.id),
      known: await pinnedTemplates(deps.ledger, tenant.id),
      clock: deps.clock,
    },
  );
  const failure = mined.failed.get(service);
  if (failure !== undefined) throw new ClewError('unprocessable', failure);
  const severities = new Map(free.map((sample) => [sample.shape, sample.severityNumber]));
  const moves = await neededMoves(deps.ledger, tenant.id, mined.templates, homes);
  if (moves.size === 0) return 0;
  const plan = await planRegrouping(deps, tenant, moves);
  await deps.ledger.transaction(async (tx) => {
    const wanted = new Set(moves.values());
    const ids = await addTemplates(
      tx,
      tenant.id,
      mined.templates,
      wanted,
      (shape) => severities.get(shape) ?? 0,
    );
    await applyRegrouping(tx, tenant.id, plan, (template) => ids.get(template) ?? '');
  });
  return moves.size;
}

/** Shapes whose template does not count under the pattern that they are in. */
async function neededMoves(
  ledger: Queryable,
  tenantId: number,
  templates: readonly MinedTemplate[],
  homes: ReadonlyMap<string, Home>,
): Promise<Map<string, string>> {
  const rows = await ledger.query<{ pattern: string; id: string }>(
    `SELECT pattern, coalesce(current_id, fingerprint_id)::text AS id FROM log_pattern
      WHERE tenant_id = $1 AND pattern = ANY($2::text[])`,
    [tenantId, templates.map((each) => each.template)],
  );
  const idOf = new Map(rows.map((row) => [row.pattern, row.id]));
  const moves = new Map<string, string>();
  for (const { template, shapes } of templates)
    for (const shape of shapes) if (homes.get(shape)?.id !== idOf.get(template)) moves.set(shape, template);
  return moves;
}

interface Home {
  /** The pattern that the shape counts under. */
  id: string;
  pinned: boolean;
}

async function homesOf(
  ledger: Queryable,
  tenantId: number,
  samples: readonly ShapeSample[],
): Promise<Map<string, Home>> {
  const rows = await ledger.query<Home & { shape: string }>(
    `SELECT s.shape::text AS shape, c.fingerprint_id::text AS id, p.pinned OR c.pinned AS pinned
       FROM shape_pattern s JOIN log_pattern p ON p.fingerprint_id = s.fingerprint_id
       JOIN log_pattern c ON c.fingerprint_id = coalesce(p.current_id, p.fingerprint_id)
      WHERE s.tenant_id = $1 AND s.shape = ANY($2::numeric[])`,
    [tenantId, samples.map((sample) => sample.shape)],
  );
  return new Map(rows.map((row) => [row.shape, { id: row.id, pinned: row.pinned }]));
}

async function pinnedTemplates(ledger: Queryable, tenantId: number): Promise<string[]> {
  const rows = await ledger.query<{ pattern: string }>(
    'SELECT pattern FROM log_pattern WHERE tenant_id = $1 AND pinned ORDER BY fingerprint_id LIMIT $2',
    [tenantId, patternsPerTenantMax],
  );
  return rows.map((row) => row.pattern);
}

const addSql = `
INSERT INTO log_pattern (tenant_id, pattern, sample_message, severity, first_seen, last_seen)
SELECT $1, pattern, sample, severity, NULL, NULL FROM unnest($2::text[], $3::text[], $4::text[]) AS g(pattern, sample, severity)
ON CONFLICT (tenant_id, pattern_hash) DO UPDATE SET pattern = excluded.pattern
RETURNING pattern, coalesce(current_id, fingerprint_id)::text AS id`;

/** Makes sure that the templates exist; a template that is part of another pattern answers that one. */
async function addTemplates(
  tx: Queryable,
  tenantId: number,
  templates: readonly MinedTemplate[],
  wanted: ReadonlySet<string>,
  severityNumberOf: (shape: string) => number,
): Promise<Map<string, string>> {
  const [size] = await tx.query<{ n: string }>('SELECT count(*) AS n FROM log_pattern WHERE tenant_id = $1', [
    tenantId,
  ]);
  const rows = templates.filter((each) => wanted.has(each.template));
  if (Number(size?.n ?? 0) + rows.length > patternsPerTenantMax)
    throw new ClewError(
      'unprocessable',
      `The tenant would have more than ${patternsPerTenantMax} patterns; merge some, or mask what varies.`,
    );
  const columns = rowsOf(rows, [
    (row) => row.template,
    (row) => row.example,
    (row) => severityOf(Math.max(0, ...row.shapes.map(severityNumberOf))),
  ]);
  const found = await tx.query<{ pattern: string; id: string }>(addSql, [tenantId, ...columns]);
  return new Map(found.map((row) => [row.pattern, row.id]));
}
