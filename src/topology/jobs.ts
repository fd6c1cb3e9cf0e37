import type { Ledger, Queryable } from '../ledger/index.ts';
import { iso } from '../model/index.ts';
import { type Job, type JobContext, type JobResult, upsertResources } from '../rollup/index.ts';
import { applyCalls } from './calls-history.ts';
import { type Discovery, discover, type Unit } from './discover.ts';
import { applySnapshot, type EdgeIds } from './history.ts';

export interface TopologyJobOptions {
  ledger: Ledger;
  /** Directories of a tenant. */
  iacDirs: (tenant: string) => readonly string[];
  ansibleDirs: (tenant: string) => readonly string[];
  iacEveryMs: number;
  ansibleEveryMs: number;
  /** See `applyCalls`. */
  callsIdleMs: number;
  /** How far behind now calls are complete; as oo-agg, ms. */
  delayMs: number;
  initialLookbackMs: number;
}

/** `topo-iac`, `topo-ansible`: what files declare; `topo-calls`: what was observed. All into `topo_edge_time`. */
export const topologyJobs = (options: TopologyJobOptions): Job[] => [
  declaredJob('topo-iac', 'iac', options.iacEveryMs, options.iacDirs, options.ledger),
  declaredJob('topo-ansible', 'ansible', options.ansibleEveryMs, options.ansibleDirs, options.ledger),
  {
    name: 'topo-calls',
    after: ['oo-agg'],
    alignMs: 300_000,
    delayMs: options.delayMs,
    initialLookbackMs: Math.max(300_000, options.initialLookbackMs),
    run: ({ tenant, window, completeTo, commit }) =>
      commit(async (tx) => {
        const { read, written } = await applyCalls(tx, tenant.id, {
          window,
          completeTo,
          idleMs: options.callsIdleMs,
        });
        return { rowsRead: read, rowsWritten: written, rowsConflict: 0, leftOut: {} };
      }),
  },
];

function declaredJob(
  name: string,
  kind: 'iac' | 'ansible',
  alignMs: number,
  dirsOf: (tenant: string) => readonly string[],
  ledger: Ledger,
): Job {
  return {
    name,
    after: [],
    alignMs,
    delayMs: 0,
    initialLookbackMs: alignMs,
    async run(context) {
      // Files say what is, not what was: a window of the past can't be told again from them.
      if (context.window.to < context.completeTo) return context.commit(async () => nothing);
      const found = await discover(kind, dirsOf(context.tenant.code));
      const known = await knownSources(ledger, context.tenant.id, name);
      return context.commit((tx) => write(tx, context, { name, found, known }));
    },
  };
}

const nothing: JobResult = { rowsRead: 0, rowsWritten: 0, rowsConflict: 0, leftOut: {} };

interface KnownSource {
  source: string;
  taken_at: Date | null;
  content_hash: string | null;
}

/** The sources of a job with their newest snapshot. */
const knownSources = (ledger: Queryable, tenantId: number, job: string): Promise<KnownSource[]> =>
  ledger.query<KnownSource>(
    `SELECT s.source, n.taken_at, n.content_hash FROM topo_source s
       LEFT JOIN LATERAL (SELECT taken_at, content_hash FROM topo_snapshot t
                           WHERE t.tenant_id = s.tenant_id AND t.source = s.source ORDER BY taken_at DESC LIMIT 1) n ON true
      WHERE s.tenant_id = $1 AND s.job = $2`,
    [tenantId, job],
  );

interface Findings {
  name: string;
  found: Discovery;
  known: readonly KnownSource[];
}

async function write(
  tx: Queryable,
  context: JobContext,
  { name, found, known }: Findings,
): Promise<JobResult> {
  const tenantId = context.tenant.id;
  let written = 0;
  let kept = 0;
  const newest = new Map(known.map((one) => [one.source, one]));
  // Of one source the older snapshots first, so that a later one need not split what an earlier one opened.
  const units = [...found.units].sort((a, b) => (a.takenAt ?? 0) - (b.takenAt ?? 0));
  for (const unit of units) {
    const at = unit.takenAt ?? context.window.to;
    if (await isKnown(tx, tenantId, unit, newest.get(unit.source))) continue;
    const ids = await upsertResources(tx, tenantId, unit.structure.nodes);
    const applied = await applySnapshot(tx, tenantId, {
      source: unit.source,
      at,
      hash: unit.hash,
      edges: edgeIds(unit, ids),
    });
    written += applied.opened + applied.closed;
    kept += applied.kept;
  }
  const now = new Set(units.map((unit) => unit.source));
  for (const { source } of known) {
    if (now.has(source) || found.unreadable(source)) continue;
    if (source !== unreadableSource(name))
      written += (await applySnapshot(tx, tenantId, { source, at: context.window.to, hash: '', edges: [] }))
        .closed;
    await tx.query('DELETE FROM topo_source WHERE tenant_id = $1 AND source = $2', [tenantId, source]);
  }
  await noteSources(tx, tenantId, { name, at: context.window.to, units, found, known });
  return { rowsRead: found.filesRead, rowsWritten: written, rowsConflict: kept, leftOut: leftOutOf(found) };
}

/** Files that could not be read are left out too; which and why stands with the sources. */
const leftOutOf = (found: Discovery): Record<string, number> =>
  found.problems.length === 0 ? found.leftOut : { ...found.leftOut, unreadable_files: found.problems.length };

/** The same content as the newest snapshot says nothing new; a dated one only when it is known for that moment. */
async function isKnown(
  tx: Queryable,
  tenantId: number,
  unit: Unit,
  newest: KnownSource | undefined,
): Promise<boolean> {
  if (unit.takenAt === null) return newest?.content_hash === unit.hash;
  const rows = await tx.query(
    'SELECT 1 FROM topo_snapshot WHERE tenant_id = $1 AND source = $2 AND taken_at = $3 AND content_hash = $4',
    [tenantId, unit.source, iso(unit.takenAt), unit.hash],
  );
  return rows.length > 0;
}

const edgeIds = (unit: Unit, ids: ReadonlyMap<string, string>): EdgeIds[] =>
  unit.structure.edges.flatMap((edge) => {
    const srcId = ids.get(edge.src);
    const dstId = ids.get(edge.dst);
    return srcId === undefined || dstId === undefined ? [] : [{ srcId, dstId, relation: edge.relation }];
  });

/** Where problems stand that belong to no source yet. */
const unreadableSource = (job: string): string => `${job.replace('topo-', '')}:unreadable`;

/** Problems kept per source. */
const problemsMax = 20;

interface Noted {
  name: string;
  at: number;
  units: readonly Unit[];
  found: Discovery;
  known: readonly KnownSource[];
}

/** How reading went. What can't be laid at one source's door stands under the job's own name. */
async function noteSources(
  tx: Queryable,
  tenantId: number,
  { name, at, units, found, known }: Noted,
): Promise<void> {
  const rows = new Map<string, { problems: unknown[]; leftOut: Record<string, number> }>();
  for (const unit of units) rows.set(unit.source, { problems: [], leftOut: unit.structure.leftOut });
  for (const { source } of known)
    if (found.unreadable(source)) rows.set(source, { problems: [], leftOut: {} });
  for (const one of found.problems) {
    const own = [...rows.keys()].filter((source) => source.includes(one.file) && found.unreadable(source));
    for (const source of own.length > 0 ? own : [unreadableSource(name)]) {
      const row = rows.get(source) ?? { problems: [], leftOut: {} };
      if (row.problems.length < problemsMax) row.problems.push(one);
      rows.set(source, row);
    }
  }
  for (const [source, { problems, leftOut }] of rows)
    await tx.query(
      `INSERT INTO topo_source (tenant_id, source, job, read_at, problems, left_out) VALUES ($1, $2, $3, $4, $5::jsonb, $6::jsonb)
       ON CONFLICT (tenant_id, source) DO UPDATE SET read_at = excluded.read_at, problems = excluded.problems, left_out = excluded.left_out`,
      [tenantId, source, name, iso(at), JSON.stringify(problems), JSON.stringify(leftOut)],
    );
}
