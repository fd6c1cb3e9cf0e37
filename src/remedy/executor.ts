import type { Cases } from '../cases/index.ts';
import type { Ledger } from '../ledger/index.ts';
import { ClewError, type Clock, type Logger } from '../lib/index.ts';
import type { CaseHead, PlanStep, StepAction } from '../model/index.ts';
import type { AdapterResult, AdaptersOf } from './adapters/index.ts';
import { adapterStepLatencySeconds } from './events.ts';
import { maskSecrets } from './mask.ts';
import {
  addSteps,
  beginAttempt,
  compensationOf,
  endAttempt,
  listSteps,
  markCompensated,
  markInterrupted,
  nextSeq,
  type StepRow,
} from './steps.ts';
import { newestPlan, type StoredPlan } from './store.ts';

export interface ExecutorDeps {
  ledger: Ledger;
  clock: Clock;
  log: Logger;
  cases: Cases;
  adaptersOf: AdaptersOf;
}

export interface ExecRequest {
  caseId: string;
  actor: string;
  traceId: string;
  /** One step given by a person instead of the plan's. */
  step?: PlanStep;
}

export interface StepResult {
  seq: number;
  action: StepAction;
  ok: boolean;
  error: string | null;
}

interface Run {
  head: CaseHead;
  stored: StoredPlan;
  actor: string;
  traceId: string;
  /** Aborts when the program stops; the step under way stays `running` and counts as interrupted after the start. */
  signal: AbortSignal;
}

/** Pause before a step is tried again, doubled each time. */
const retryPauseMs = 1_000;
const retryPauseMsMax = 15_000;

/** Runs the steps of approved plans, one after the other, each attempt on record before and after. */
export class Executor {
  readonly #deps: ExecutorDeps;

  constructor(deps: ExecutorDeps) {
    this.#deps = deps;
  }

  /** Runs what has not run yet; ends with exec_done, or with compensation and exec_failed. */
  async run(request: ExecRequest, signal: AbortSignal): Promise<void> {
    const { cases, ledger } = this.#deps;
    const head = await cases.head(request.caseId);
    if (head.status !== 'EXECUTING')
      throw new ClewError(
        'illegal_transition',
        `Steps run in EXECUTING; case ${head.id} is in ${head.status}.`,
        { details: { status: head.status, event: 'exec_done' } },
      );
    const stored = await newestPlan(ledger, head.id);
    if (!stored) throw new ClewError('unprocessable', `Case ${head.id} has no plan to run.`);
    const run: Run = { head, stored, actor: request.actor, traceId: request.traceId, signal };
    await markInterrupted(ledger, stored.id);
    await this.#schedule(run, request.step);
    // A crash in the middle of compensation: forward is over, go on taking back.
    const takingBack = (await listSteps(ledger, stored.id, 'compensate')).length > 0;
    const failed = takingBack ? 'a step failed before the restart' : await this.#forward(run);
    if (signal.aborted) return;
    const transition = { caseId: head.id, actor: request.actor, traceId: request.traceId };
    if (failed === null) {
      await cases.orchestrator.transition({
        ...transition,
        event: 'exec_done',
        reason: 'all steps succeeded',
      });
      return;
    }
    const back = await this.compensate(run);
    if (signal.aborted) return;
    await cases.orchestrator.transition({
      ...transition,
      event: 'exec_failed',
      reason: `${failed}; ${back}`,
      meta: { plan_id: stored.id },
    });
  }

  async #schedule(run: Run, step: PlanStep | undefined): Promise<void> {
    const about = { caseId: run.head.id, planId: run.stored.id, traceId: run.traceId };
    await this.#deps.ledger.transaction(async (tx) => {
      const seq = await nextSeq(tx, run.stored.id);
      if (step) await addSteps(tx, about, 'forward', [{ seq, step }]);
      // After a restart the rows of the first run are there; a step given by hand replaced the plan's.
      else if (seq === 0)
        await addSteps(
          tx,
          about,
          'forward',
          run.stored.plan.steps.map((each, index) => ({ seq: index, step: each })),
        );
    });
  }

  /** Null when all succeeded, else what failed. */
  async #forward(run: Run): Promise<string | null> {
    for (const row of await listSteps(this.#deps.ledger, run.stored.id, 'forward')) {
      if (row.status === 'ok' || row.status === 'skipped') continue;
      const result = row.status === 'failed' ? null : await this.#attempts(run, row);
      if (run.signal.aborted) return null;
      if (!result?.ok)
        return `step ${row.seq + 1} (${row.step.action}) failed: ${result?.error ?? 'see its result'}`;
    }
    return null;
  }

  /**
   * Takes back what began, newest first, and goes on after a compensation that fails: what can be restored is. Answers
   * one sentence for the timeline. Safe to call again after a crash.
   */
  async compensate(run: Run): Promise<string> {
    const { ledger } = this.#deps;
    const adapters = this.#deps.adaptersOf(run.head.tenant);
    const { stored } = run;
    await markInterrupted(ledger, stored.id);
    let rows = await listSteps(ledger, stored.id, 'compensate');
    if (rows.length === 0) {
      const forward = await listSteps(ledger, stored.id, 'forward');
      const steps = compensationOf(stored, forward, (action) => adapters.get(action));
      const about = { caseId: run.head.id, planId: stored.id, traceId: run.traceId };
      await ledger.transaction((tx) =>
        addSteps(
          tx,
          about,
          'compensate',
          steps.map((step, seq) => ({ seq, step })),
        ),
      );
      rows = await listSteps(ledger, stored.id, 'compensate');
    }
    const failures: string[] = [];
    for (const row of rows) {
      if (run.signal.aborted) return '';
      if (row.status === 'ok') continue;
      const result = row.status === 'failed' ? null : await this.#attempts(run, row);
      if (!result?.ok) failures.push(`${row.step.title ?? row.step.action}: ${result?.error ?? 'failed'}`);
    }
    if (rows.length === 0) return 'nothing had to be taken back';
    if (failures.length > 0) return `taking back FAILED, a person must look: ${failures.join('; ')}`;
    return `${rows.length} steps were taken back`;
  }

  /** All attempts of one step. The last result, recorded. */
  async #attempts(run: Run, row: StepRow): Promise<AdapterResult> {
    const { clock } = this.#deps;
    let result: AdapterResult = { ok: false, output: {}, error: 'interrupted, and no attempt is left' };
    let attempt = row.attempt;
    for (let pauseMs = retryPauseMs; attempt <= row.step.retry; pauseMs *= 2) {
      if (attempt > 0) await clock.sleep(Math.min(pauseMs, retryPauseMsMax), run.signal);
      if (run.signal.aborted) return result;
      attempt++;
      result = await this.#attempt(run, row, attempt);
      if (run.signal.aborted) return result;
      if (result.ok) break;
    }
    await this.#finish(run, row, attempt, result);
    return result;
  }

  async #attempt(run: Run, row: StepRow, attempt: number): Promise<AdapterResult> {
    const { clock, ledger, log } = this.#deps;
    const { action, params, timeout_s } = row.step;
    const adapter = this.#deps.adaptersOf(run.head.tenant).get(action);
    if (!adapter)
      return {
        ok: false,
        output: {},
        error: `no adapter for ${action} is configured; a person must carry it out`,
      };
    await beginAttempt(ledger, row, attempt, clock.now(), adapter.prepare?.(params));
    const startedAt = clock.monotonic();
    const over = new AbortController();
    const timeout = new AbortController();
    void clock.sleep(timeout_s * 1_000, over.signal).then(() => {
      if (!over.signal.aborted) timeout.abort();
    });
    const signal = AbortSignal.any([run.signal, timeout.signal]);
    const context = {
      caseId: run.head.id,
      idempotencyKey: `${run.stored.id}:${row.phase}:${row.seq}`,
      signal,
    };
    let result: AdapterResult;
    try {
      result = await adapter.run(params, context);
    } catch (error) {
      log.error({ err: error, case: run.head.id, action }, 'an adapter threw');
      result = {
        ok: false,
        output: {},
        error: maskSecrets(error instanceof Error ? error.message : String(error)),
      };
    }
    over.abort();
    if (!result.ok && timeout.signal.aborted)
      result = { ...result, error: `no result within timeout_s = ${timeout_s} seconds; it was stopped` };
    const seconds = (clock.monotonic() - startedAt) / 1_000;
    adapterStepLatencySeconds.observe({ action, status: result.ok ? 'ok' : 'failed' }, seconds);
    return result;
  }

  async #finish(run: Run, row: StepRow, attempt: number, result: AdapterResult): Promise<void> {
    const { clock, ledger, cases } = this.#deps;
    const { seq, phase, step } = row;
    const status = result.ok ? 'ok' : 'failed';
    const meta = { plan_id: run.stored.id, phase, seq, action: step.action, status, attempt };
    await ledger.transaction(async (tx) => {
      await endAttempt(tx, row, status, result, clock.now());
      if (phase === 'compensate' && result.ok && step.compensates !== undefined)
        await markCompensated(tx, run.stored.id, step.compensates);
      await cases.orchestrator.note(tx, run.head, {
        caseId: run.head.id,
        event: phase === 'forward' ? 'step_result' : 'compensation_result',
        actor: run.actor,
        reason: result.error ?? step.title ?? step.action,
        meta,
        traceId: run.traceId,
        messages: [{ topic: 'evt.exec.step_result.v1', payload: { ...meta, error: result.error ?? null } }],
      });
    });
  }

  /** For the verifier, whose plan is the one that ran. */
  async compensateCase(
    head: CaseHead,
    stored: StoredPlan,
    traceId: string,
    signal: AbortSignal,
  ): Promise<string> {
    return this.compensate({ head, stored, actor: 'executor@svc', traceId, signal });
  }

  problemsOf({ tenant }: CaseHead, step: PlanStep): string[] {
    return this.#deps.adaptersOf(tenant).get(step.action)?.check(step.params) ?? [];
  }
}
