import type { Ledger } from '../ledger/index.ts';
import { ClewError } from '../lib/index.ts';
import type {
  CaseHead,
  CaseState,
  ChangePlan,
  Evidence,
  GateDecision,
  PlanStep,
  RowFilter,
  Said,
  Signal,
  Verdict,
} from '../model/index.ts';
import { type CaseRow, findHead, type HeadRow, headColumns, toHead } from './rows.ts';

/** A case in a list. Names are those of the API. */
export interface CaseSummary {
  id: string;
  case_id: string;
  number: number;
  title: string;
  tenant: string;
  status: CaseState;
  version: number;
  severity: string;
  created_at: number;
  updated_at: number;
  closed_at: number | null;
  service: string;
  resource: string;
  automatic: boolean;
  parked_reason: string | null;
  trace_id: string;
  cause?: { resource: string; service: string; kind: string; score: number } | null;
  verdict_kind?: string | null;
  /** In a list: code and values of the title, when a signal gave it. */
  said?: Said | null;
}

export interface EvidenceView extends Partial<Said> {
  id: string;
  ref: string;
  dim: string;
  note: string;
  resource: string;
  sha256: string;
  locator_id: string | null;
  ledger: Evidence['ledger'] | null;
  link: string | null;
  rows: Record<string, unknown>[];
  series: Evidence['series'] | null;
}

export interface StepView {
  seq: number;
  phase: 'forward' | 'compensate';
  action: string;
  title: string;
  params: Record<string, unknown>;
  status: string;
  attempt: number;
  started_at: number | null;
  finished_at: number | null;
  output: unknown;
  error: string | null;
}

export interface VerificationView {
  status: string;
  window_s: number;
  started_at: number;
  holds_since: number | null;
  deadline_at: number;
  finished_at: number | null;
  objectives: unknown[];
  history: unknown[];
  reason: string | null;
}

export interface CaseDetail extends CaseSummary {
  signals: (Signal & { event_id: string })[];
  verdict: Verdict | null;
  evidence_hash: string | null;
  evidence: EvidenceView[];
  plan: (ChangePlan & { id: string }) | null;
  gate: (GateDecision & { at: number }) | null;
  steps: StepView[];
  verification: VerificationView | null;
}

export interface TimelineEntry {
  id: number;
  at: number;
  event: string;
  actor: string;
  reason: string;
  from: string | null;
  to: string | null;
  version: number | null;
  trace_id: string | null;
  correlation_id: string | null;
  meta: Record<string, unknown>;
}

/** Entries of a timeline that one answer holds; older ones are left out and counted. */
const timelineMax = 1_000;

const sql = {
  any: 'SELECT 1 FROM ops_case WHERE tenant = $1 LIMIT 1',
  list: `SELECT ${headColumns}, verdict->>'verdict' AS verdict_kind, verdict->'causes'->0 AS cause,
      (SELECT jsonb_build_object('code', s.signal->'code', 'params', s.signal->'params') FROM case_signal s
        WHERE s.case_id = ops_case.id AND s.signal->>'title' = ops_case.title AND s.signal ? 'code' LIMIT 1) AS said
    FROM ops_case
    WHERE tenant = $1 AND ($2::text[] IS NULL OR status = ANY($2))
    ORDER BY created_at DESC, number DESC LIMIT $3`,
  row: `SELECT ${headColumns}, verdict, evidence_hash FROM ops_case WHERE id = $1`,
  timeline: `SELECT id, event, actor, reason, correlation_id, meta, created_at, from_status, to_status, version
    FROM case_timeline WHERE case_id = $1 ORDER BY id DESC LIMIT $2`,
  signals: 'SELECT signal, event_id FROM case_signal WHERE case_id = $1 ORDER BY attached_at, fingerprint',
  evidence: `SELECT evidence_id, locator_id, body, sha256, link FROM case_evidence WHERE case_id = $1 ORDER BY seq`,
  plan: 'SELECT id, plan FROM plan_proposed WHERE case_id = $1 ORDER BY seq DESC LIMIT 1',
  gate: 'SELECT decision, created_at FROM plan_approved WHERE plan_id = $1 ORDER BY seq DESC LIMIT 1',
  steps: 'SELECT * FROM exec_step WHERE plan_id = $1 ORDER BY id',
  verification: 'SELECT * FROM verification WHERE plan_id = $1',
  locator:
    'SELECT l.query_hint, t.code AS tenant FROM oo_locator l JOIN dim_tenant t USING (tenant_id) WHERE l.id = $1',
  evidenceLocator: `SELECT e.ref_oo AS locator_id, c.body FROM evidence_link e
    LEFT JOIN case_evidence c ON c.evidence_id = e.evidence_id WHERE e.evidence_id = $1`,
};

export const summaryOf = (head: CaseHead): CaseSummary => ({
  id: head.id,
  case_id: head.id,
  number: head.number,
  title: head.title,
  tenant: head.tenant,
  status: head.status,
  version: head.version,
  severity: head.severity,
  created_at: head.createdAt,
  updated_at: head.updatedAt,
  closed_at: head.closedAt,
  service: head.service,
  resource: head.resource,
  automatic: head.automatic,
  parked_reason: head.parkedReason,
  trace_id: head.traceId,
});

/** Asked first, so that a question about a tenant that is not there does not make it one. */
export const hasCases = async (ledger: Ledger, tenant: string): Promise<boolean> =>
  (await ledger.query(sql.any, [tenant])).length > 0;

export async function listCases(
  ledger: Ledger,
  filter: { tenant: string; status?: readonly CaseState[]; limit: number },
): Promise<CaseSummary[]> {
  const rows = await ledger.query<
    HeadRow & {
      verdict_kind: string | null;
      cause: { resource: string; service: string; kind: string; score: number } | null;
      said: Said | null;
    }
  >(sql.list, [filter.tenant, filter.status ?? null, filter.limit]);
  return rows.map((row) => ({
    ...summaryOf(toHead(row)),
    verdict_kind: row.verdict_kind,
    cause: row.cause && {
      resource: row.cause.resource,
      service: row.cause.service,
      kind: row.cause.kind,
      score: row.cause.score,
    },
    said: row.said,
  }));
}

interface EvidenceRow {
  evidence_id: string | null;
  locator_id: string | null;
  body: string;
  sha256: string;
  link: string | null;
}

function evidenceView(row: EvidenceRow): EvidenceView {
  const frozen = JSON.parse(row.body) as Evidence;
  return {
    id: row.evidence_id ?? '',
    ref: frozen.ref,
    dim: frozen.dim,
    note: frozen.note,
    ...(frozen.code && frozen.params && { code: frozen.code, params: frozen.params }),
    resource: frozen.resource,
    sha256: row.sha256,
    locator_id: row.locator_id,
    ledger: frozen.ledger ?? null,
    link: row.link,
    rows: frozen.rows,
    series: frozen.series ?? null,
  };
}

interface StepRow {
  seq: number;
  phase: 'forward' | 'compensate';
  step: PlanStep;
  status: string;
  attempt: number;
  started_at: Date | null;
  finished_at: Date | null;
  output: unknown;
  error: string | null;
}

const stepView = (row: StepRow): StepView => ({
  seq: row.seq,
  phase: row.phase,
  action: row.step.action,
  title: row.step.title ?? row.step.action,
  params: row.step.params,
  status: row.status,
  attempt: row.attempt,
  started_at: row.started_at?.getTime() ?? null,
  finished_at: row.finished_at?.getTime() ?? null,
  output: row.output,
  error: row.error,
});

interface VerificationRow {
  status: string;
  window_s: number;
  started_at: Date;
  holds_since: Date | null;
  deadline_at: Date;
  finished_at: Date | null;
  objectives: unknown[];
  history: unknown[];
  reason: string | null;
}

const verificationView = (row: VerificationRow): VerificationView => ({
  status: row.status,
  window_s: row.window_s,
  started_at: row.started_at.getTime(),
  holds_since: row.holds_since?.getTime() ?? null,
  deadline_at: row.deadline_at.getTime(),
  finished_at: row.finished_at?.getTime() ?? null,
  objectives: row.objectives,
  history: row.history,
  reason: row.reason,
});

export async function readCase(ledger: Ledger, caseId: string): Promise<CaseDetail> {
  await findHead(ledger, caseId);
  const [row] = await ledger.query<CaseRow>(sql.row, [caseId]);
  if (!row) throw new ClewError('not_found', `There is no case ${caseId}.`);
  const signals = await ledger.query<{ signal: Signal; event_id: string }>(sql.signals, [caseId]);
  const evidence = await ledger.query<EvidenceRow>(sql.evidence, [caseId]);
  const [plan] = await ledger.query<{ id: string; plan: ChangePlan }>(sql.plan, [caseId]);
  const [gate] = plan
    ? await ledger.query<{ decision: GateDecision; created_at: Date }>(sql.gate, [plan.id])
    : [];
  const steps = plan ? await ledger.query<StepRow>(sql.steps, [plan.id]) : [];
  const [verification] = plan ? await ledger.query<VerificationRow>(sql.verification, [plan.id]) : [];
  return {
    ...summaryOf(toHead(row)),
    signals: signals.map((each) => ({ ...each.signal, event_id: each.event_id })),
    verdict: row.verdict,
    evidence_hash: row.evidence_hash,
    evidence: evidence.map(evidenceView),
    plan: plan ? { ...plan.plan, id: plan.id } : null,
    gate: gate ? { ...gate.decision, at: gate.created_at.getTime() } : null,
    steps: steps.map(stepView),
    verification: verification ? verificationView(verification) : null,
  };
}

interface TimelineRow {
  id: string;
  event: string;
  actor: string;
  reason: string;
  correlation_id: string | null;
  meta: Record<string, unknown>;
  created_at: Date;
  from_status: string | null;
  to_status: string | null;
  version: number | null;
}

/** Oldest first; of a very long timeline the newest entries. */
export async function readTimeline(ledger: Ledger, caseId: string): Promise<TimelineEntry[]> {
  await findHead(ledger, caseId);
  const rows = await ledger.query<TimelineRow>(sql.timeline, [caseId, timelineMax]);
  return rows.reverse().map((row) => ({
    id: Number(row.id),
    at: row.created_at.getTime(),
    event: row.event,
    actor: row.actor,
    reason: row.reason,
    from: row.from_status,
    to: row.to_status,
    version: row.version,
    trace_id: typeof row.meta.trace_id === 'string' ? row.meta.trace_id : null,
    correlation_id: row.correlation_id,
    meta: row.meta,
  }));
}

/** What a locator points to. */
export async function readLocator(
  ledger: Ledger,
  locatorId: string,
): Promise<{ tenant: string; filter: RowFilter }> {
  const [row] = /^\d{1,18}$/.test(locatorId)
    ? await ledger.query<{ query_hint: string | null; tenant: string }>(sql.locator, [locatorId])
    : [];
  if (!row?.query_hint) throw new ClewError('not_found', `There is no locator ${locatorId.slice(0, 40)}.`);
  return { tenant: row.tenant, filter: JSON.parse(row.query_hint) as RowFilter };
}

/** Where the raw rows of an evidence are, and the rows frozen with it. */
export async function readEvidence(
  ledger: Ledger,
  evidenceId: string,
): Promise<{ locatorId: string | null; frozen: Record<string, unknown>[] }> {
  const [row] = /^\d{1,18}$/.test(evidenceId)
    ? await ledger.query<{ locator_id: string | null; body: string | null }>(sql.evidenceLocator, [
        evidenceId,
      ])
    : [];
  if (!row) throw new ClewError('not_found', `There is no evidence ${evidenceId.slice(0, 40)}.`);
  return {
    locatorId: row.locator_id,
    frozen: row.body ? (JSON.parse(row.body) as Evidence).rows : [],
  };
}
