import type { DetailStore } from '../../detail/index.ts';
import { type Ledger, type Queryable, rowsOf } from '../../ledger/index.ts';
import { countedWindow, readCounts, type ShapeCount, writeRecount } from './recount.ts';
import { repoint } from './redirect.ts';

/** Where shapes belong now: the pattern that holds them, and which pattern that counts under. */
interface Held {
  shape: string;
  id: string;
  current: string;
}

export interface Regrouping {
  /** Template of the pattern that a shape goes to. */
  moves: ReadonlyMap<string, string>;
  /** Patterns all of whose shapes go to one and the same: they just point there, counts and all. */
  whole: { id: string; template: string }[];
  /** Shapes that leave others behind: these are counted again. */
  parted: Map<string, string>;
  /** Everything that has to be counted again, and what the details say about it. */
  sources: string[];
  counts: ShapeCount[];
}

/** Shapes of patterns, with those of everything that was merged into them. */
export async function heldShapes(
  ledger: Queryable,
  tenantId: number,
  ids: readonly string[],
): Promise<Held[]> {
  return ledger.query<Held>(
    `SELECT s.shape::text AS shape, p.fingerprint_id::text AS id, coalesce(p.current_id, p.fingerprint_id)::text AS current
       FROM log_pattern p JOIN shape_pattern s ON s.tenant_id = p.tenant_id AND s.fingerprint_id = p.fingerprint_id
      WHERE p.tenant_id = $1 AND (p.fingerprint_id = ANY($2::bigint[]) OR coalesce(p.current_id, p.fingerprint_id) = ANY($2::bigint[]))
      ORDER BY s.shape`,
    [tenantId, ids],
  );
}

/**
 * Prepares moving shapes to other patterns. Reads only: what the details say is read before the transaction that writes,
 * which must not wait for another engine.
 */
export async function planRegrouping(
  deps: { ledger: Ledger; detail: DetailStore },
  tenant: { code: string; id: number },
  moves: ReadonlyMap<string, string>,
): Promise<Regrouping> {
  const { ledger } = deps;
  const homes = await ledger.query<{ id: string }>(
    'SELECT DISTINCT fingerprint_id::text AS id FROM shape_pattern WHERE tenant_id = $1 AND shape = ANY($2::numeric[])',
    [tenant.id, [...moves.keys()]],
  );
  const targets = await ledger.query<{ id: string }>(
    'SELECT DISTINCT coalesce(current_id, fingerprint_id)::text AS id FROM log_pattern WHERE tenant_id = $1 AND pattern = ANY($2::text[])',
    [tenant.id, [...new Set(moves.values())]],
  );
  const leaves = homes.map((row) => row.id);
  const held = (await heldShapes(ledger, tenant.id, leaves)).filter((each) => leaves.includes(each.id));
  const plan: Regrouping = { moves, whole: [], parted: new Map(), sources: [], counts: [] };
  const withMembers = await ledger.query<{ id: string }>(
    'SELECT DISTINCT current_id::text AS id FROM log_pattern WHERE tenant_id = $1 AND current_id = ANY($2::bigint[])',
    [tenant.id, leaves],
  );
  const targetIds = new Set(targets.map((row) => row.id));
  for (const leaf of leaves) {
    const own = held.filter((each) => each.id === leaf).map((each) => each.shape);
    const to = new Set(own.map((shape) => moves.get(shape) ?? ''));
    const [template = ''] = to;
    const free = !targetIds.has(leaf) && !withMembers.some((row) => row.id === leaf);
    if (to.size === 1 && template !== '' && free) plan.whole.push({ id: leaf, template });
    else {
      plan.sources.push(leaf);
      for (const shape of own) {
        const moved = moves.get(shape);
        if (moved !== undefined) plan.parted.set(shape, moved);
      }
    }
  }
  if (plan.parted.size > 0) await addCounts(deps, tenant, plan, [...targetIds]);
  return plan;
}

async function addCounts(
  deps: { ledger: Ledger; detail: DetailStore },
  tenant: { code: string; id: number },
  plan: Regrouping,
  targets: readonly string[],
): Promise<void> {
  const used = new Set(plan.parted.values());
  const affected = [...new Set([...plan.sources, ...(used.size > 0 ? targets : [])])];
  const shapes = await deps.ledger.query<{ shape: string }>(
    'SELECT shape::text AS shape FROM shape_pattern WHERE tenant_id = $1 AND fingerprint_id = ANY($2::bigint[])',
    [tenant.id, affected],
  );
  const window = await countedWindow(deps.ledger, tenant.id, affected);
  plan.sources = affected;
  if (window)
    plan.counts = await readCounts(
      deps.detail,
      tenant.code,
      window,
      shapes.map((row) => row.shape),
    );
}

/** Writes what was planned. `idOf` answers the id of a template, which must exist by now. */
export async function applyRegrouping(
  tx: Queryable,
  tenantId: number,
  plan: Regrouping,
  idOf: (template: string) => string,
): Promise<void> {
  for (const { id, template } of plan.whole) await repoint(tx, tenantId, [id], idOf(template));
  if (plan.parted.size === 0) return;
  const columns = rowsOf([...plan.parted], [([shape]) => shape, ([, template]) => idOf(template)]);
  await tx.query(
    `UPDATE shape_pattern s SET fingerprint_id = g.id FROM unnest($2::numeric[], $3::bigint[]) AS g(shape, id)
      WHERE s.tenant_id = $1 AND s.shape = g.shape`,
    [tenantId, ...columns],
  );
  const ids = [...new Set([...plan.sources, ...[...plan.parted.values()].map(idOf)])];
  const homes = await tx.query<{ shape: string; id: string }>(
    'SELECT shape::text AS shape, fingerprint_id::text AS id FROM shape_pattern WHERE tenant_id = $1 AND fingerprint_id = ANY($2::bigint[])',
    [tenantId, ids],
  );
  const homeOf = new Map(homes.map((row) => [row.shape, row.id]));
  await writeRecount(tx, tenantId, ids, plan.counts, (shape) => homeOf.get(shape));
}
