import type { DetailStore } from '../../detail/index.ts';
import type { Ledger, Queryable } from '../../ledger/index.ts';
import { ClewError, type Clock } from '../../lib/index.ts';
import { severityOf, type TimeWindow } from '../../model/index.ts';
import { wildcard } from '../../pattern/index.ts';
import { applyRegrouping, heldShapes, planRegrouping } from './assign.ts';
import { addCorrection, type By, notFound, pin } from './corrections.ts';
import { mineExamples } from './mine-examples.ts';
import { currentId } from './redirect.ts';
import { readSetups } from './setup.ts';
import { type ShapeSample, shapeSamples } from './shapes.ts';

interface Deps {
  ledger: Ledger;
  detail: DetailStore;
  clock: Clock;
}

export interface SplitRequest {
  id: string;
  /** Shapes that become a pattern of their own; at least one stays. */
  shapes: readonly string[];
  /** Text of the new pattern; '' takes what mining finds in its messages. */
  template: string;
}

/** Takes shapes out of a pattern. Their counts go with them as far back as the details reach. */
export async function splitPattern(
  deps: Deps,
  tenant: { code: string; id: number },
  request: SplitRequest,
  by: By,
): Promise<{ id: string; correction: string; template: string }> {
  const { ledger } = deps;
  const home = await currentId(ledger, tenant.id, request.id);
  if (home === null) throw notFound(request.id);
  const held = await heldShapes(ledger, tenant.id, [home]);
  const shapes = [...new Set(request.shapes)];
  const foreign = shapes.find((shape) => !held.some((each) => each.shape === shape));
  if (foreign !== undefined)
    throw new ClewError('unprocessable', `shapes: ${foreign} is no shape of pattern ${home}.`);
  if (shapes.length === held.length)
    throw new ClewError(
      'unprocessable',
      `shapes: these are all shapes of pattern ${home}; leave at least one, or rename the pattern.`,
    );
  const samples = await newestSamples(deps, tenant, home, shapes);
  const template = request.template === '' ? await minedTemplate(deps, tenant.id, samples) : request.template;
  await expectFree(ledger, tenant.id, template, request.template !== '');
  const plan = await planRegrouping(deps, tenant, new Map(shapes.map((shape) => [shape, template])));
  return ledger.transaction(async (tx) => {
    const id = await addPattern(tx, tenant.id, home, template, samples);
    const repointed = await parentsOf(
      tx,
      tenant.id,
      plan.whole.map((each) => each.id),
    );
    await applyRegrouping(tx, tenant.id, plan, () => id);
    await pin(tx, tenant.id, [home, id]);
    const made = { id: home, new: id, shapes, template, repointed };
    const correction = await addCorrection(tx, tenant.id, 'split', by, made);
    return { id, correction, template };
  });
}

/** What patterns were part of before: to give them back when the split is undone. */
const parentsOf = (tx: Queryable, tenantId: number, ids: readonly string[]) =>
  tx.query<{ id: string; into: string | null }>(
    `SELECT fingerprint_id::text AS id, merged_into::text AS into FROM log_pattern
      WHERE tenant_id = $1 AND fingerprint_id = ANY($2::bigint[]) ORDER BY fingerprint_id`,
    [tenantId, ids],
  );

async function newestSamples(
  deps: Deps,
  tenant: { code: string; id: number },
  home: string,
  shapes: readonly string[],
): Promise<ShapeSample[]> {
  const [seen] = await deps.ledger.query<{ a: Date | null; z: Date | null }>(
    `SELECT min(first_seen) AS a, max(last_seen) AS z FROM log_pattern
      WHERE tenant_id = $1 AND coalesce(current_id, fingerprint_id) = $2`,
    [tenant.id, home],
  );
  if (!seen?.a || !seen.z) return [];
  const window: TimeWindow = { from: seen.a.getTime(), to: seen.z.getTime() + 1 };
  return shapeSamples(deps.detail, tenant.code, window, shapes);
}

/** The template of most of the messages. */
async function minedTemplate(deps: Deps, tenantId: number, samples: readonly ShapeSample[]): Promise<string> {
  const counts = new Map(samples.map((sample) => [sample.shape, sample.count]));
  const { templates } = mineExamples(
    samples.map(({ shape, service, message }) => ({ shape, service, body: message })),
    {
      countOf: (shape) => counts.get(shape) ?? 0,
      setups: await readSetups(deps.ledger, tenantId),
      known: [],
      clock: deps.clock,
    },
  );
  const [first] = [...templates].sort((a, b) => b.count - a.count);
  if (!first)
    throw new ClewError(
      'unprocessable',
      'template: the details of these shapes are gone, so no template can be found in them; give one.',
    );
  return first.template;
}

async function expectFree(ledger: Queryable, tenantId: number, template: string, given: boolean) {
  if (template === wildcard)
    throw new ClewError('unprocessable', `template: ${wildcard} alone fits everything.`);
  const [same] = await ledger.query<{ id: string }>(
    'SELECT fingerprint_id::text AS id FROM log_pattern WHERE tenant_id = $1 AND pattern = $2',
    [tenantId, template],
  );
  if (!same) return;
  throw new ClewError(
    'unprocessable',
    given
      ? `template: pattern ${same.id} has this template already.`
      : `template: these messages read ${JSON.stringify(template)}, which is pattern ${same.id}; give the new pattern a template of its own.`,
  );
}

async function addPattern(
  tx: Queryable,
  tenantId: number,
  home: string,
  template: string,
  samples: readonly ShapeSample[],
): Promise<string> {
  const severity = severityOf(Math.max(0, ...samples.map((sample) => sample.severityNumber)));
  const [row] = await tx.query<{ id: string }>(
    `INSERT INTO log_pattern (tenant_id, pattern, sample_message, severity, attrs_schema, first_seen, last_seen, pinned)
     SELECT tenant_id, $3, nullif($4, ''), $5, attrs_schema, NULL, NULL, true FROM log_pattern
      WHERE tenant_id = $1 AND fingerprint_id = $2 RETURNING fingerprint_id::text AS id`,
    [tenantId, home, template, samples[0]?.message ?? '', severity],
  );
  return row?.id ?? '';
}
