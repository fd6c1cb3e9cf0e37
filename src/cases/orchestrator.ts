import type { Ledger, Queryable } from '../ledger/index.ts';
import { ClewError, type Clock, type ErrorCode } from '../lib/index.ts';
import {
  type CaseEvent,
  type CaseHead,
  type CaseState,
  type GateDecision,
  iso,
  type NewMessage,
  type Severity,
} from '../model/index.ts';
import {
  type Answer,
  errorOf,
  type IdempotencyKey,
  lockKey,
  type Refusal,
  recall,
  refusal,
  remember,
} from './answer.ts';
import { storable, storableText } from './canonical.ts';
import { caseOpenedTotal, caseTransitionTotal, conflictTotal } from './events.ts';
import { readFacts } from './facts.ts';
import { type GuardFacts, guards } from './guards.ts';
import { messagesFor, send } from './outbox.ts';
import { type HeadRow, headColumns, isCaseId, noSuchCase, toHead } from './rows.ts';
import { mayHappen, nextState } from './workflow.ts';

/** What a room of ours made and vouches for. A client's request never carries one. */
export type Product =
  | { of: 'plan'; planId: string; plan: unknown }
  | { of: 'gate'; decision: GateDecision }
  | { of: 'verification'; status: 'pass' | 'failed' };

export interface TransitionRequest {
  caseId: string;
  event: CaseEvent;
  actor: string;
  reason?: string;
  expectedVersion?: number;
  /** Goes into the timeline as it is; bounded by the caller's schema. */
  meta?: Record<string, unknown>;
  traceId: string;
  idempotency?: IdempotencyKey | null;
  product?: Product;
  /** Further rows of the same fact (plan, decision, verification), after the guards and in the same transaction. */
  write?: (tx: Queryable, head: CaseHead) => Promise<void>;
}

export interface CreateRequest {
  tenant: string;
  title: string;
  severity: Severity;
  service: string;
  resource: string;
  automatic: boolean;
  incidentKey: string | null;
  actor: string;
  traceId: string;
  idempotency?: IdempotencyKey | null;
}

export interface NoteRequest {
  caseId: string;
  event: string;
  actor: string;
  reason?: string;
  meta?: Record<string, unknown>;
  traceId: string;
  messages?: readonly NewMessage[];
}

export interface OrchestratorDeps {
  ledger: Ledger;
  clock: Clock;
  newId: () => string;
  /** Called after a commit that wrote messages. */
  notify: () => void;
}

const sql = {
  lock: `SELECT ${headColumns} FROM ops_case WHERE id = $1 FOR UPDATE`,
  update: `UPDATE ops_case SET status = $2, version = $3, updated_at = $4, parked_reason = $5, closed_at = $6 WHERE id = $1`,
  timeline: `INSERT INTO case_timeline
      (case_id, event, actor, reason, correlation_id, meta, created_at, from_status, to_status, version)
    VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $9, $10)`,
  releaseSignals: 'UPDATE case_signal SET open = false WHERE case_id = $1 AND open',
  number: `INSERT INTO case_counter (tenant, last) VALUES ($1, 1)
           ON CONFLICT (tenant) DO UPDATE SET last = case_counter.last + 1 RETURNING last`,
  insert: `INSERT INTO ops_case
      (id, tenant, title, status, version, created_at, updated_at, number, severity, service, resource, automatic,
       incident_key, trace_id)
    VALUES ($1, $2, $3, 'NEW', 1, $4, $4, $5, $6, $7, $8, $9, $10, $11)
    RETURNING ${headColumns}`,
};

export class Orchestrator {
  readonly #deps: OrchestratorDeps;

  constructor(deps: OrchestratorDeps) {
    this.#deps = deps;
  }

  /** A case in NEW, with its number, first timeline entry and message. */
  async create(request: CreateRequest): Promise<CaseHead> {
    const answer = await this.#deps.ledger.transaction(async (tx): Promise<Answer<CaseHead>> => {
      const key = request.idempotency;
      if (key) {
        await lockKey(tx, key);
        const known = await recall<CaseHead>(tx, key, this.#deps.clock.now());
        if (known) return known;
      }
      const made: Answer<CaseHead> = { ok: true, value: await this.createWithin(tx, request) };
      if (key) await remember(tx, key, made, this.#deps.clock.now());
      return made;
    });
    this.#deps.notify();
    return unwrap(answer);
  }

  /** The same inside a transaction of the caller's, who notifies afterwards. */
  async createWithin(tx: Queryable, request: CreateRequest): Promise<CaseHead> {
    const now = this.#deps.clock.now();
    const [counter] = await tx.query<{ last: number }>(sql.number, [request.tenant]);
    const [row] = await tx.query<HeadRow>(sql.insert, [
      this.#deps.newId(),
      request.tenant,
      storableText(request.title),
      iso(now),
      counter?.last ?? 1,
      request.severity,
      request.service,
      request.resource,
      request.automatic,
      request.incidentKey,
      request.traceId,
    ]);
    if (!row) throw new ClewError('internal', 'The new case was not returned by the ledger.');
    const head = toHead(row);
    const transition = {
      event: 'create',
      from: null,
      to: 'NEW',
      version: 1,
      actor: request.actor,
      number: head.number,
    };
    await this.#entry(tx, head, { ...request, event: 'create' }, { from: null, to: 'NEW', version: 1 });
    await send(tx, this.#envelope(head, request.traceId), [
      { topic: 'evt.case.transition.v1', payload: { ...transition, automatic: head.automatic } },
    ]);
    caseOpenedTotal.inc({ by: request.automatic ? 'analyst' : 'person' });
    return head;
  }

  /**
   * The only way a state changes. Throws `not_found`, `version_mismatch` (412), `illegal_transition` (409) or
   * `unprocessable` (422, a guard); the last two leave a timeline entry and nothing else.
   */
  async transition(request: TransitionRequest): Promise<CaseHead> {
    if (!isCaseId(request.caseId)) throw noSuchCase(request.caseId);
    const answer = await this.#deps.ledger.transaction((tx) => this.#answer(tx, request));
    if (answer.ok) this.#deps.notify();
    return unwrap(answer);
  }

  /** A timeline entry (and messages) without a change of state: a step's result, a gate that waits for a person. */
  async note(tx: Queryable, head: CaseHead, request: NoteRequest): Promise<void> {
    await this.#entry(tx, head, request, null);
    await send(tx, this.#envelope(head, request.traceId), request.messages ?? []);
  }

  async #answer(tx: Queryable, request: TransitionRequest): Promise<Answer<CaseHead>> {
    const now = this.#deps.clock.now();
    const [row] = await tx.query<HeadRow>(sql.lock, [request.caseId]);
    if (!row) throw noSuchCase(request.caseId);
    const head = toHead(row);
    const key = request.idempotency;
    if (key) {
      const known = await recall<CaseHead>(tx, key, now);
      if (known) return known;
    }
    const answer = await this.#decide(tx, head, request);
    if (key) await remember(tx, key, answer, now);
    return answer;
  }

  async #decide(tx: Queryable, head: CaseHead, request: TransitionRequest): Promise<Answer<CaseHead>> {
    const { event, expectedVersion } = request;
    if (expectedVersion !== undefined && expectedVersion !== head.version) {
      conflictTotal.inc({ reason: '412' });
      return refusal(
        'version_mismatch',
        `Case ${head.id} is at version ${head.version}, not ${expectedVersion}. Read it again before you change it.`,
        { version: head.version, expected_version: expectedVersion, status: head.status },
      );
    }
    const next = nextState(head.status, event);
    if (next === null) {
      const allowed = mayHappen(head.status);
      return this.#refuse(tx, head, request, 'illegal_transition', {
        message: `${event} is not possible in state ${head.status}; possible: ${allowed.join(', ') || 'nothing, the case is closed'}.`,
        details: { status: head.status, event, allowed },
      });
    }
    const problem = await guardProblem(tx, head, request);
    if (problem !== null)
      return this.#refuse(tx, head, request, 'unprocessable', {
        message: problem,
        details: { status: head.status, event, guard: event },
      });
    return { ok: true, value: await this.#commit(tx, head, next, request) };
  }

  async #commit(
    tx: Queryable,
    head: CaseHead,
    next: CaseState,
    request: TransitionRequest,
  ): Promise<CaseHead> {
    const now = this.#deps.clock.now();
    const version = head.version + 1;
    const reason = storableText(request.reason ?? '');
    const changed: CaseHead = {
      ...head,
      status: next,
      version,
      updatedAt: now,
      closedAt: next === 'CLOSED' ? now : null,
      parkedReason: next === 'PARKED' ? reason : null,
    };
    await request.write?.(tx, changed);
    await tx.query(sql.update, [
      head.id,
      next,
      version,
      iso(now),
      changed.parkedReason,
      changed.closedAt === null ? null : iso(now),
    ]);
    if (next === 'CLOSED') await tx.query(sql.releaseSignals, [head.id]);
    await this.#entry(tx, head, request, { from: head.status, to: next, version });
    const { event, actor } = request;
    const plan = request.product?.of === 'plan' ? { plan_id: request.product.planId } : {};
    const told = {
      event,
      from: head.status,
      to: next,
      version,
      actor,
      reason,
      automatic: head.automatic,
      ...plan,
    };
    await send(tx, this.#envelope(head, request.traceId), messagesFor(event, told, head.automatic));
    caseTransitionTotal.inc({ from: head.status, to: next, event });
    return changed;
  }

  async #refuse(
    tx: Queryable,
    head: CaseHead,
    request: TransitionRequest,
    code: ErrorCode,
    { message, details }: Omit<Refusal, 'code'>,
  ): Promise<Answer<never>> {
    const refused = refusal(code, message, details);
    conflictTotal.inc({ reason: String(new ClewError(code, message).status) });
    const meta = { ...request.meta, refused: code, message };
    await this.#entry(tx, head, { ...request, meta }, null);
    return refused;
  }

  async #entry(
    tx: Queryable,
    head: CaseHead,
    about: { event: string; actor: string; reason?: string; meta?: Record<string, unknown>; traceId: string },
    change: { from: CaseState | null; to: CaseState; version: number } | null,
  ): Promise<void> {
    await tx.query(sql.timeline, [
      head.id,
      about.event,
      storableText(about.actor),
      storableText(about.reason ?? ''),
      about.traceId,
      JSON.stringify(storable({ ...about.meta, trace_id: about.traceId })),
      iso(this.#deps.clock.now()),
      change?.from ?? null,
      change?.to ?? null,
      change?.version ?? null,
    ]);
  }

  #envelope(head: CaseHead, traceId: string) {
    return {
      caseId: head.id,
      tenant: head.tenant,
      traceId,
      at: this.#deps.clock.now(),
      newId: this.#deps.newId,
    };
  }
}

function unwrap<T>(answer: Answer<T>): T {
  if (answer.ok) return answer.value;
  throw errorOf(answer.error);
}

async function guardProblem(
  tx: Queryable,
  head: CaseHead,
  request: TransitionRequest,
): Promise<string | null> {
  const { event, product } = request;
  if (event !== 'plan_ready' && event !== 'gate_approved' && event !== 'exec_done' && event !== 'verify_pass')
    return null;
  const stored = await readFacts(tx, head.id);
  const facts: GuardFacts = {
    plan: product?.of === 'plan' ? product.plan : stored.plan,
    planIsNew: product?.of === 'plan',
    gate: product?.of === 'gate' ? product.decision : stored.gate,
    stepsOpen: stored.stepsOpen,
    verification: product?.of === 'verification' ? product.status : stored.verification,
    actor: request.actor,
    reason: request.reason ?? '',
  };
  return guards[event](facts);
}
