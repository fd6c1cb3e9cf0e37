import { setTimeout as sleep } from 'node:timers/promises';
import type { CaseDetail, ClewApi } from './clew-api.ts';
import type { Tell } from './progress.ts';

const pollMs = 500;
/** Clew may be busy for a moment; this many failures in a row are more than that. */
const failuresMax = 20;

export interface Outcome {
  caseId: string;
  status: string;
  rootCause: { resource: string; kind: string } | null;
  detectedS: number | null;
  diagnosedS: number | null;
  closedS: number | null;
  verified: boolean;
}

export interface FollowOptions {
  api: ClewApi;
  injectedAt: number;
  timeoutS: number;
  /** Without a person a case that waits for one has failed. */
  headless: boolean;
  tell: Tell;
  signal: AbortSignal;
}

const since = (at: number, from: number): number => Math.round((at - from) / 100) / 10;

/** Tells each stage of a case once. */
class Narrator {
  readonly #tell: Tell;
  readonly #told = new Set<string>();

  constructor(tell: Tell) {
    this.#tell = tell;
  }

  once(key: string, text: string, fields: Record<string, unknown> = {}): void {
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#tell({ event: key.split(':')[0] ?? key, text, fields });
  }

  stages(found: CaseDetail): void {
    const { verdict, plan, gate, verification } = found;
    for (const signal of found.signals) this.once(`signal:${signal.title}`, `signal: ${signal.title}`);
    const cause = verdict?.causes[0];
    if (verdict) {
      const name = cause
        ? `${cause.kind} of ${cause.resource}, confidence ${cause.score.toFixed(2)}`
        : 'no cause named';
      this.once(`verdict:${verdict.verdict}:${name}`, `verdict: ${verdict.verdict}, ${name}`, {
        causes: verdict.causes.map(({ resource, kind, score }) => ({ resource, kind, score })),
      });
      for (const reason of cause?.reasons ?? [])
        this.once(`reason:${reason.text}`, `  because ${reason.text}`);
    }
    if (plan) this.once(`plan:${plan.title}`, `plan: ${plan.title}`);
    if (gate?.decision)
      this.once(`gate:${gate.decision}`, `gate: ${gate.decision}, ${gate.reasons.join('; ')}`);
    for (const step of found.steps) {
      const title = step.title ?? step.action;
      if (step.status !== 'pending')
        this.once(
          `step:${step.seq}:${title}:${step.status}`,
          `step ${step.seq + 1} ${step.status}: ${title}`,
        );
    }
    if (verification)
      this.once(`verification:${verification.status}`, `verification: ${verification.status}`, {
        objectives: verification.objectives,
      });
    const why = found.status === 'PARKED' && found.parked_reason ? `: ${found.parked_reason}` : '';
    this.once(`state:${found.status}`, `case is ${found.status}${why}`);
  }
}

/** Watches the case that opened after the injection until it is closed or parked, or time is up. */
export async function followCase(options: FollowOptions): Promise<Outcome> {
  const { api, injectedAt, timeoutS, headless, tell, signal } = options;
  const narrator = new Narrator(tell);
  const outcome: Outcome = {
    caseId: '',
    status: 'none',
    rootCause: null,
    detectedS: null,
    diagnosedS: null,
    closedS: null,
    verified: false,
  };
  let failures = 0;
  while (!signal.aborted && Date.now() < injectedAt + timeoutS * 1_000) {
    try {
      const found = await currentCase(api, injectedAt, outcome.caseId);
      if (found) {
        read(found, outcome, injectedAt, narrator);
        if (found.status === 'CLOSED') return outcome;
        const waits = found.status === 'WAIT_GATE' && (found.gate?.needs_person ?? false);
        if (waits) narrator.once('person', 'the gate asks for a person: approve in the console');
        if (headless && (found.status === 'PARKED' || waits)) return outcome;
      }
      failures = 0;
    } catch (error) {
      if (++failures >= failuresMax) throw error;
    }
    await sleep(pollMs);
  }
  return outcome;
}

/** The first case opened after the injection; later ones are other incidents. */
async function currentCase(api: ClewApi, injectedAt: number, known: string): Promise<CaseDetail | null> {
  if (known !== '') return api.case(known);
  const rows = (await api.cases()).filter((row) => row.created_at >= injectedAt);
  const first = rows.sort((a, b) => a.created_at - b.created_at)[0];
  return first ? api.case(first.id) : null;
}

function read(found: CaseDetail, outcome: Outcome, injectedAt: number, narrator: Narrator): void {
  const now = Date.now();
  outcome.caseId = found.id;
  outcome.status = found.status;
  outcome.detectedS ??= since(found.created_at, injectedAt);
  const number = found.number ? `INC-${found.number}` : found.id;
  narrator.once('detected', `${number} opened: ${found.title}`, { case: found.id, s: outcome.detectedS });
  const cause = found.verdict?.causes[0];
  if (found.verdict) outcome.diagnosedS ??= since(found.verdict.at ?? now, injectedAt);
  if (cause) outcome.rootCause = { resource: cause.resource, kind: cause.kind };
  narrator.stages(found);
  if (found.status !== 'CLOSED') return;
  outcome.closedS = since(found.closed_at ?? found.updated_at ?? now, injectedAt);
  outcome.verified = found.verification?.status === 'pass';
}
