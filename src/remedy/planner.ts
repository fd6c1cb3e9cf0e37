import type { Cases } from '../cases/index.ts';
import type { Ledger } from '../ledger/index.ts';
import { ClewError, type Clock, type Logger } from '../lib/index.ts';
import { type CaseHead, type Cause, type ChangePlan, iso, type Verdict } from '../model/index.ts';
import type { AdaptersOf } from './adapters/index.ts';
import { planTotal } from './events.ts';
import { addValues, fill, type Values } from './fill.ts';
import { parsePlan } from './plan-schema.ts';
import type { Playbook } from './playbook.ts';

export interface PlannerDeps {
  ledger: Ledger;
  clock: Clock;
  log: Logger;
  cases: Cases;
  adaptersOf: AdaptersOf;
  playbooks: ReadonlyMap<string, Playbook>;
  verifyWindowS: number;
  newId: () => string;
}

export interface PlanRequest {
  caseId: string;
  actor: string;
  traceId: string;
  /** A playbook by id; chosen by the cause when absent. */
  template?: string;
  /** Kind of the cause to repair, where the verdict names several; the first when absent. */
  cause?: string;
  /** A whole plan that a person (or a model) wrote. */
  plan?: unknown;
  generatedBy?: 'person' | 'model';
  params?: Readonly<Record<string, string>>;
}

export interface MadePlan {
  head: CaseHead;
  planId: string;
  plan: ChangePlan;
}

/** Time beyond the window that a verification gets: telemetry needs some to arrive, caches and pools to recover. */
const deadlineExtraS = 180;

const sql = {
  verdict: 'SELECT verdict FROM ops_case WHERE id = $1',
  objectives: `SELECT DISTINCT signal->>'objectiveId' AS id FROM case_signal
    WHERE case_id = $1 AND signal->>'objectiveId' IS NOT NULL ORDER BY 1`,
  insert: 'INSERT INTO plan_proposed (id, case_id, plan, created_at) VALUES ($1, $2, $3::jsonb, $4)',
};

type Fit = { ok: true; plan: ChangePlan } | { ok: false; reason: string };

/** Makes plans out of playbooks and brings them to the gate. */
export class Planner {
  readonly #deps: PlannerDeps;

  constructor(deps: PlannerDeps) {
    this.#deps = deps;
  }

  /** A person (through the API) asks for a plan. Refusals leave the case where it is. */
  async propose(request: PlanRequest): Promise<MadePlan> {
    const head = await this.#readyForPlan(request);
    const made = await this.#make(head, request);
    if (!made.ok) {
      planTotal.inc({ outcome: 'no_fit' });
      throw new ClewError('unprocessable', made.reason);
    }
    return this.#submit(head, made.plan, request);
  }

  /** The loop asks for a plan. Without one that fits, the case is parked with the reason. */
  async proposeAutomatically(caseId: string, traceId: string): Promise<void> {
    const { cases } = this.#deps;
    const head = await cases.head(caseId);
    if (head.status !== 'PLANNING') return;
    const request: PlanRequest = { caseId, actor: 'planner@svc', traceId };
    const made = await this.#make(head, request);
    if (made.ok) {
      await this.#submit(head, made.plan, request);
      return;
    }
    planTotal.inc({ outcome: 'no_fit' });
    await cases.orchestrator.transition({ ...request, event: 'park', reason: made.reason });
  }

  async #readyForPlan(request: PlanRequest): Promise<CaseHead> {
    const { cases } = this.#deps;
    const head = await cases.head(request.caseId);
    // Who asks for a plan says that the analysis is over.
    if (head.status === 'ANALYZING')
      return cases.orchestrator.transition({
        caseId: head.id,
        event: 'analysis_done',
        actor: request.actor,
        reason: 'a plan was asked for',
        traceId: request.traceId,
      });
    if (head.status === 'PLANNING') return head;
    throw new ClewError(
      'illegal_transition',
      `A plan is made in ANALYZING or PLANNING; case ${head.id} is in ${head.status}.`,
      { details: { status: head.status, event: 'plan_ready' } },
    );
  }

  async #make(head: CaseHead, request: PlanRequest): Promise<Fit> {
    if (request.plan !== undefined) return this.#custom(head, request);
    const [row] = await this.#deps.ledger.query<{ verdict: Verdict | null }>(sql.verdict, [head.id]);
    const cause = causeOf(row?.verdict ?? null, request.cause);
    if (request.template !== undefined) {
      const playbook = this.#deps.playbooks.get(request.template);
      if (!playbook)
        return {
          ok: false,
          reason: `There is no playbook ${request.template.slice(0, 100)}; there are ${[...this.#deps.playbooks.keys()].join(', ')}.`,
        };
      return this.#fit(playbook, head, cause, request);
    }
    if (!cause) return { ok: false, reason: whyNoCause(row?.verdict ?? null, request.cause) };
    return this.#choose(head, cause, request);
  }

  /** By cause kind, then by how much of `match` a playbook asks for, then by priority. */
  async #choose(head: CaseHead, cause: Cause, request: PlanRequest): Promise<Fit> {
    const rejected: string[] = [];
    const candidates = [...this.#deps.playbooks.values()]
      .filter((playbook) => playbook.causes.includes(cause.kind) && matches(playbook, cause))
      .sort((a, b) => specificity(b) - specificity(a) || b.priority - a.priority || (a.id < b.id ? -1 : 1));
    for (const playbook of candidates) {
      const fit = await this.#fit(playbook, head, cause, request);
      if (fit.ok) return fit;
      rejected.push(fit.reason);
    }
    const about = `${cause.kind} on ${cause.resource}`;
    return {
      ok: false,
      reason: `No playbook fits ${about}; a person must plan the repair.${rejected.length > 0 ? ` ${rejected.join(' ')}` : ''}`,
    };
  }

  async #fit(playbook: Playbook, head: CaseHead, cause: Cause | null, request: PlanRequest): Promise<Fit> {
    const unknown = Object.keys(request.params ?? {}).filter((name) => !(name in playbook.params));
    if (unknown.length > 0)
      return {
        ok: false,
        reason: `Playbook ${playbook.id} has no parameter ${unknown.join(', ')}; it has ${Object.keys(playbook.params).join(', ') || 'none'}.`,
      };
    const values = valuesOf(playbook, head, cause, request.params ?? {});
    const { steps, verify } = playbook;
    const filled = fill({ title: playbook.title, steps, thresholds: verify.thresholds }, values);
    if (!filled.ok)
      return {
        ok: false,
        reason: `Playbook ${playbook.id} needs ${filled.missing.join(', ')}, which is not known.`,
      };
    const plan = assemble(playbook, filled.value as FilledPlaybook, cause, {
      objectives: await this.#objectives(head, verify.objectives),
      window_s: verify.window_s ?? this.#deps.verifyWindowS,
    });
    const problems = this.#problems(head, plan);
    if (problems.length > 0) return { ok: false, reason: `Playbook ${playbook.id}: ${problems.join('; ')}.` };
    return { ok: true, plan: parsePlan(plan) };
  }

  #custom(head: CaseHead, request: PlanRequest): Fit {
    const plan = parsePlan(request.plan);
    const problems = this.#problems(head, plan);
    if (problems.length > 0)
      return { ok: false, reason: `The plan can't be carried out: ${problems.join('; ')}.` };
    const generated_by = request.generatedBy ?? 'person';
    return { ok: true, plan: { ...plan, source: { template: 'custom', generated_by } } };
  }

  /** What the adapters would refuse, found before anything runs. Actions without an adapter fail when they run. */
  #problems({ tenant }: CaseHead, plan: ChangePlan): string[] {
    const adapters = this.#deps.adaptersOf(tenant);
    return [...plan.steps.entries(), ...plan.rollback.steps.entries()].flatMap(([index, step]) =>
      (adapters.get(step.action)?.check(step.params) ?? []).map(
        (problem) => `step ${index + 1} (${step.action}): ${problem}`,
      ),
    );
  }

  async #objectives(head: CaseHead, wanted: readonly string[]): Promise<string[]> {
    const found = new Set<string>();
    for (const id of wanted) {
      if (id !== 'broken') {
        found.add(id);
        continue;
      }
      const rows = await this.#deps.ledger.query<{ id: string }>(sql.objectives, [head.id]);
      for (const row of rows) found.add(row.id);
    }
    return [...found];
  }

  async #submit(head: CaseHead, plan: ChangePlan, request: PlanRequest): Promise<MadePlan> {
    const planId = this.#deps.newId();
    const at = iso(this.#deps.clock.now());
    const changed = await this.#deps.cases.orchestrator.transition({
      caseId: head.id,
      event: 'plan_ready',
      actor: request.actor,
      reason: plan.title,
      meta: { plan_id: planId, template: plan.source?.template ?? null, risk_score: plan.risk_score },
      traceId: request.traceId,
      product: { of: 'plan', planId, plan },
      write: async (tx) => {
        await tx.query(sql.insert, [planId, head.id, JSON.stringify(plan), at]);
      },
    });
    planTotal.inc({ outcome: 'proposed' });
    return { head: changed, planId, plan };
  }
}

function causeOf(verdict: Verdict | null, kind: string | undefined): Cause | null {
  if (!verdict || (verdict.verdict === 'inconclusive' && kind === undefined)) return null;
  return verdict.causes.find((cause) => kind === undefined || cause.kind === kind) ?? null;
}

function whyNoCause(verdict: Verdict | null, kind: string | undefined): string {
  if (!verdict) return 'The case has no findings to plan from; name a template or give a plan.';
  if (kind !== undefined) return `The findings name no cause of kind ${kind.slice(0, 100)}.`;
  return 'The findings are inconclusive; a person must plan the repair.';
}

const anyOf = (wanted: string | readonly string[] | undefined, value: string): boolean =>
  wanted === undefined || [wanted].flat().some((each) => globs(each, value));

const globs = (pattern: string, value: string): boolean =>
  pattern.endsWith('*') ? value.startsWith(pattern.slice(0, -1)) : pattern === value;

function matches({ match }: Playbook, cause: Cause): boolean {
  const facts = Object.entries(match.facts ?? {});
  return (
    anyOf(match.service, cause.service) &&
    anyOf(match.layer, cause.layer) &&
    anyOf(match.resource, cause.resource) &&
    facts.every(([name, wanted]) => cause.facts[name] !== undefined && anyOf(wanted, cause.facts[name]))
  );
}

const specificity = ({ match }: Playbook): number =>
  [match.service, match.layer, match.resource].filter((part) => part !== undefined).length +
  Object.keys(match.facts ?? {}).length;

function valuesOf(
  playbook: Playbook,
  head: CaseHead,
  cause: Cause | null,
  params: Readonly<Record<string, string>>,
): Values {
  const values = new Map<string, string>();
  const { id, title, service, resource, severity, tenant, number } = head;
  addValues(values, 'case', { id, title, service, resource, severity, tenant, number });
  addValues(values, 'params', { ...playbook.params, ...params });
  if (!cause) return values;
  const { kind, layer, score } = cause;
  addValues(values, 'cause', { kind, layer, score, service: cause.service, resource: cause.resource });
  addValues(values, 'facts', cause.facts);
  if (cause.change) addValues(values, 'change', cause.change);
  return values;
}

interface FilledPlaybook {
  title: string;
  steps: Playbook['steps'];
  thresholds: Playbook['verify']['thresholds'];
}

function assemble(
  playbook: Playbook,
  filled: FilledPlaybook,
  cause: Cause | null,
  verify: { objectives: string[]; window_s: number },
): ChangePlan {
  return {
    title: filled.title,
    risk_score: playbook.risk_score,
    steps: filled.steps.map(({ rollback: _, ...step }) => step),
    rollback: {
      steps: filled.steps.flatMap(({ rollback }, index) =>
        rollback ? [{ ...rollback, compensates: index }] : [],
      ),
    },
    verify: {
      ...verify,
      deadline_s: playbook.verify.deadline_s ?? verify.window_s * 2 + deadlineExtraS,
      ...(filled.thresholds.length > 0 ? { thresholds: filled.thresholds } : {}),
    },
    source: {
      template: playbook.id,
      ...(cause ? { cause_kind: cause.kind, resource: cause.resource } : {}),
      generated_by: 'template',
    },
  };
}
