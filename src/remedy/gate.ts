import type { Cases } from '../cases/index.ts';
import type { Ledger } from '../ledger/index.ts';
import { ClewError, type Clock } from '../lib/index.ts';
import {
  type CaseEvent,
  type CaseHead,
  type ChangePlan,
  type GateDecision,
  iso,
  type Verdict,
} from '../model/index.ts';
import { gateLatencySeconds } from './events.ts';
import { type FreezeWindow, freezesAt, wallClock } from './freeze.ts';
import type { Policies, PolicyInputs } from './policy.ts';
import { newestPlan } from './store.ts';

export interface GateDeps {
  ledger: Ledger;
  clock: Clock;
  cases: Cases;
  policies: Policies;
  freezes: readonly FreezeWindow[];
  /** What an actor may do. */
  rolesOf: (actor: string) => readonly string[];
  newId: () => string;
}

export interface GateRequest {
  caseId: string;
  traceId: string;
  /** Absent: the policy alone decides. */
  decision?: 'approve' | 'reject';
  actor?: string;
  reason?: string;
  /** A person declares that a freeze must not hold this back. */
  emergency?: boolean;
}

const gatekeeper = { name: 'gatekeeper@svc', roles: ['automatic'] };
/** Whether any person could approve; asked to tell «wait for a person» from «never». */
const anyPerson = { name: 'any person', roles: ['operator', 'approver'] };
const failureMemoryMs = 3_600_000;

const sql = {
  facts: `SELECT verdict,
      (SELECT count(DISTINCT signal->>'service')::int FROM case_signal WHERE case_id = $1) AS services
    FROM ops_case WHERE id = $1`,
  // Repairs of the same template on the same resource whose case ended parked after they ran.
  failedBefore: `SELECT count(*)::int AS n FROM plan_proposed p
    JOIN ops_case c ON c.id = p.case_id AND c.tenant = $5
    JOIN case_timeline t ON t.case_id = p.case_id AND t.created_at > p.created_at AND t.version IS NOT NULL
    WHERE p.id <> $1 AND p.plan->'source'->>'template' = $2 AND p.plan->'source'->>'template' <> 'custom'
      AND coalesce(p.plan->'source'->>'resource', '') = $3 AND p.created_at > $4
      AND t.event IN ('exec_failed', 'verify_failed')`,
  insert: `INSERT INTO plan_approved (id, case_id, decision, created_at, plan_id) VALUES ($1, $2, $3::jsonb, $4, $5)`,
};

/** Asks the policies whether a plan may run, and records what they said and why. */
export class Gate {
  readonly #deps: GateDeps;

  constructor(deps: GateDeps) {
    this.#deps = deps;
  }

  /** Decides on the newest plan of a case in WAIT_GATE. A person who may not do it gets `forbidden`. */
  async evaluate(request: GateRequest): Promise<{ head: CaseHead; gate: GateDecision }> {
    const stop = gateLatencySeconds.startTimer();
    const head = await this.#deps.cases.head(request.caseId);
    if (head.status !== 'WAIT_GATE')
      throw new ClewError(
        'illegal_transition',
        `The gate decides in WAIT_GATE; case ${head.id} is in ${head.status}.`,
        { details: { status: head.status, event: 'gate_approved' } },
      );
    const stored = await newestPlan(this.#deps.ledger, head.id);
    if (!stored) throw new ClewError('unprocessable', `Case ${head.id} has no plan to decide on.`);
    const inputs = await this.#inputs(head, stored, request.emergency ?? false);
    const gate = request.decision
      ? this.#person(request, request.decision, stored.id, inputs)
      : this.#automatic(stored.id, inputs);
    const changed = await this.#record(head, stored.id, gate, request);
    stop({ decision: gate.decision });
    return { head: changed, gate };
  }

  /** Whether an actor may run a single step by hand. Throws `forbidden`. */
  async mayExecute(head: CaseHead, actor: string, adHoc: boolean): Promise<void> {
    const plan = await newestPlan(this.#deps.ledger, head.id);
    if (!plan) throw new ClewError('unprocessable', `Case ${head.id} has no approved plan.`);
    const inputs = { ...(await this.#inputs(head, plan, false)), ad_hoc: adHoc };
    const answer = this.#deps.policies.decide(
      { name: actor, roles: this.#deps.rolesOf(actor) },
      'execute',
      plan.id,
      inputs,
    );
    if (!answer.allowed)
      throw new ClewError(
        'forbidden',
        `${actor} may not run steps: ${answer.reasons.join('; ') || 'no policy permits it'}.`,
        { details: { policies: answer.policies } },
      );
  }

  #automatic(planId: string, inputs: PolicyInputs): GateDecision {
    const { policies } = this.#deps;
    const answer = policies.decide(gatekeeper, 'approve', planId, inputs);
    const base = { policies: answer.policies, actor: gatekeeper.name, inputs: { ...inputs } };
    if (answer.allowed) return { ...base, decision: 'approve', reasons: answer.reasons, needs_person: false };
    const person = policies.decide(anyPerson, 'approve', planId, { ...inputs, emergency: true });
    if (!person.allowed && answer.forbidden)
      return { ...base, decision: 'reject', reasons: answer.reasons, needs_person: false };
    const reasons =
      answer.reasons.length > 0 ? answer.reasons : [whyNotAlone(inputs), 'one person must approve'];
    return { ...base, decision: 'needs_person', reasons, needs_person: true };
  }

  #person(
    request: GateRequest,
    decision: 'approve' | 'reject',
    planId: string,
    inputs: PolicyInputs,
  ): GateDecision {
    const actor = request.actor ?? '';
    if (actor === '') throw new ClewError('bad_request', 'Say in actor who decides.');
    const answer = this.#deps.policies.decide(
      { name: actor, roles: this.#deps.rolesOf(actor) },
      decision,
      planId,
      inputs,
    );
    if (!answer.allowed)
      throw new ClewError(
        'forbidden',
        `${actor} may not ${decision} this plan: ${answer.reasons.join('; ') || 'no policy permits it'}.`,
        { details: { policies: answer.policies } },
      );
    const reasons = request.reason ? [request.reason, ...answer.reasons] : answer.reasons;
    return {
      decision,
      policies: answer.policies,
      reasons,
      actor,
      needs_person: false,
      inputs: { ...inputs },
    };
  }

  async #inputs(
    head: CaseHead,
    { id, plan }: { id: string; plan: ChangePlan },
    emergency: boolean,
  ): Promise<PolicyInputs> {
    const { ledger, clock, freezes } = this.#deps;
    const [row] = await ledger.query<{ verdict: Verdict | null; services: number }>(sql.facts, [head.id]);
    const verdict = row?.verdict ?? null;
    const cause = verdict?.causes.find((each) => each.kind === plan.source?.cause_kind) ?? verdict?.causes[0];
    const template = plan.source?.template ?? '';
    const now = clock.now();
    const [failed] = await ledger.query<{ n: number }>(sql.failedBefore, [
      id,
      template,
      plan.source?.resource ?? '',
      iso(now - failureMemoryMs),
      head.tenant,
    ]);
    const service = cause?.service || head.service;
    const wall = wallClock(now, 'UTC');
    return {
      risk: plan.risk_score,
      confidence: cause?.score ?? 0,
      blast_radius: Math.max(verdict?.scope.services.length ?? 0, row?.services ?? 0),
      steps: plan.steps.length,
      actions: [...new Set(plan.steps.map((step) => step.action))],
      environment: cause?.facts['deployment.environment.name'] ?? cause?.facts.environment ?? '',
      severity: head.severity,
      service,
      resource: cause?.resource ?? head.resource,
      cause_kind: cause?.kind ?? '',
      verdict: verdict?.verdict ?? '',
      template,
      generated_by: plan.source?.generated_by ?? 'person',
      // Without findings only a person can have chosen the playbook. A plan that someone wrote states its own risk, so
      // it does not count: another person must look at it.
      requested_by_person: plan.source?.generated_by === 'template' && plan.source.cause_kind === undefined,
      failed_before: failed?.n ?? 0,
      frozen: freezesAt(freezes, now, [service]).length > 0,
      emergency,
      ad_hoc: false,
      weekday: wall.day,
      hour: Math.floor(wall.minute / 60),
    };
  }

  async #record(head: CaseHead, planId: string, gate: GateDecision, request: GateRequest): Promise<CaseHead> {
    const { cases, clock, ledger, newId } = this.#deps;
    const reason = gate.reasons.join('; ');
    const meta = { plan_id: planId, decision: gate.decision, policies: gate.policies };
    const row = [newId(), head.id, JSON.stringify(gate), iso(clock.now()), planId];
    const about = { caseId: head.id, actor: gate.actor, reason, meta, traceId: request.traceId };
    if (gate.decision === 'needs_person') {
      await ledger.transaction(async (tx) => {
        await tx.query(sql.insert, row);
        await cases.orchestrator.note(tx, head, { ...about, event: 'gate_waits' });
      });
      return head;
    }
    const event: CaseEvent = gate.decision === 'approve' ? 'gate_approved' : 'gate_rejected';
    return cases.orchestrator.transition({
      ...about,
      event,
      // Another plan may have been proposed while this one was judged.
      expectedVersion: head.version,
      product: { of: 'gate', decision: gate },
      write: async (tx) => {
        await tx.query(sql.insert, row);
      },
    });
  }
}

function whyNotAlone(inputs: PolicyInputs): string {
  const parts = [`risk ${inputs.risk}`, `confidence ${inputs.confidence}`];
  if (inputs.failed_before > 0) parts.push(`${inputs.failed_before} such repairs failed in the last hour`);
  return `no policy approves this by itself (${parts.join(', ')})`;
}
