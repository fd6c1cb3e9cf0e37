import type { Ledger } from '../../ledger/index.ts';
import type { Clock } from '../../lib/index.ts';
import { type BusPort, causeKinds, iso, type Message, type Urn, type Verdict } from '../../model/index.ts';
import { adjustmentOf, applyPriors, type Prior, type PriorCase } from './apply.ts';
import { typeOfResource } from './types.ts';

/** Kinds and types that are counted, and cases shown of each. */
const priorsMax = 500;
const casesShown = 20;

/** What a case says about its cause when it is decided; `named` is what a person said instead, if one did. */
export interface CaseCause {
  number: number;
  kind: string;
  resource: Urn;
  named: { kind: string; resource: Urn } | null;
}

export interface LearningDeps {
  ledger: Ledger;
  clock: Clock;
  /** `diagnose.learning`. */
  enabled: boolean;
  bus: BusPort;
  /** Null where the case named no cause. */
  causeOf: (caseId: string) => Promise<CaseCause | null>;
}

export interface Learning {
  /** The verdict, moved by what the tenant's cases taught; as it is where learning is off. */
  applied(tenant: string, verdict: Verdict): Promise<Verdict>;
  list(tenant: string): Promise<Prior[]>;
  /** All of a tenant without `which`; answers how many cases were forgotten. */
  forget(tenant: string, which?: { kind: string; resourceType: string }): Promise<number>;
}

const sql = {
  put: `INSERT INTO diagnosis_outcome (tenant, case_id, kind, resource_type, case_number, resource, outcome, decided_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (tenant, kind, resource_type, case_id) DO UPDATE
      SET outcome = EXCLUDED.outcome, decided_at = EXCLUDED.decided_at, resource = EXCLUDED.resource`,
  list: `SELECT kind, resource_type,
      count(*) FILTER (WHERE outcome = 'confirmed')::int AS confirmed,
      count(*) FILTER (WHERE outcome = 'refuted')::int AS refuted,
      (array_agg(jsonb_build_object('case_id', case_id, 'number', case_number, 'resource', resource, 'outcome', outcome,
        'at', (extract(epoch FROM decided_at) * 1000)::bigint) ORDER BY decided_at DESC, case_id))[1:${casesShown}] AS cases
    FROM diagnosis_outcome WHERE tenant = $1 GROUP BY kind, resource_type ORDER BY kind, resource_type LIMIT ${priorsMax}`,
  forget: `DELETE FROM diagnosis_outcome WHERE tenant = $1
    AND ($2::text IS NULL OR (kind = $2 AND resource_type = $3)) RETURNING case_id`,
};

interface Row {
  kind: string;
  resource_type: string;
  confirmed: number;
  refuted: number;
  cases: PriorCase[];
}

/** Counts how cases end: a verified repair confirms the cause that it was made for, one that did not help refutes it. */
export function createLearning(deps: LearningDeps): Learning {
  const { ledger, clock, enabled } = deps;
  const put = (message: Message, about: CaseCause, cause: { kind: string; resource: Urn }, outcome: string) =>
    ledger.query(sql.put, [
      message.tenant,
      message.key,
      cause.kind,
      typeOfResource(cause.resource),
      about.number,
      cause.resource,
      outcome,
      iso(clock.now()),
    ]);
  const list: Learning['list'] = async (tenant) =>
    (await ledger.query<Row>(sql.list, [tenant])).map((row) => ({ ...row, adjustment: adjustmentOf(row) }));
  deps.bus.subscribe('learning', ['evt.case.transition.v1'], async (message) => {
    const { event } = message.payload;
    if (!enabled || (event !== 'verify_pass' && event !== 'verify_failed')) return;
    const about = await deps.causeOf(message.key);
    if (about === null) return;
    const { named } = about;
    const other =
      named !== null &&
      (named.kind !== about.kind || typeOfResource(named.resource) !== typeOfResource(about.resource));
    await put(message, about, about, event === 'verify_failed' || other ? 'refuted' : 'confirmed');
    if (other && event === 'verify_pass') await put(message, about, named, 'confirmed');
  });
  return {
    applied: async (tenant, verdict) => (enabled ? applyPriors(verdict, await list(tenant)) : verdict),
    list,
    forget: async (tenant, which) =>
      (await ledger.query(sql.forget, [tenant, which?.kind ?? null, which?.resourceType ?? null])).length,
  };
}

/** The cause that a person wrote into the transition (`meta.cause`: kind, and resource where it is another one). */
export function namedBy(said: unknown, resource: Urn): CaseCause['named'] {
  if (typeof said !== 'object' || said === null || !('kind' in said)) return null;
  const kind = causeKinds.find((one) => one === said.kind);
  if (kind === undefined) return null;
  const at = 'resource' in said && typeof said.resource === 'string' ? said.resource : resource;
  return { kind, resource: at };
}
