import type { Cases } from '../cases/index.ts';
import type { Ledger } from '../ledger/index.ts';
import { ClewError, type Clock, type Logger } from '../lib/index.ts';
import {
  type CaseHead,
  type ChangePlan,
  iso,
  type ObjectiveReading,
  type PlanThreshold,
  type PlanVerify,
} from '../model/index.ts';
import { verifyLatencySeconds } from './events.ts';
import type { Executor } from './executor.ts';
import { newestPlan, type StoredPlan } from './store.ts';
import { type Reading, readThreshold } from './threshold.ts';

export type ReadObjective = (
  tenant: string,
  objectiveId: string,
  windowS: number,
) => Promise<ObjectiveReading>;

/** Whether something is still out of bounds for a resource now; `resource` empty asks for nothing. */
export type HasActiveSignal = (
  tenant: string,
  about: { resource: string; fingerprints: readonly string[] },
) => Promise<boolean>;

export interface VerifierDeps {
  ledger: Ledger;
  clock: Clock;
  log: Logger;
  cases: Cases;
  executor: Executor;
  readObjective: ReadObjective;
  hasActiveSignal: HasActiveSignal;
  newId: () => string;
  pollMs?: number;
}

interface State {
  id: string;
  startedAt: number;
  deadlineAt: number;
  windowS: number;
  holdsSince: number | null;
  history: { at: number; value: number | null; holds: boolean }[];
}

/** The live window has 5 s buckets: looking more often sees nothing new, looking slower delays closing. */
const pollMsDefault = 2_000;
/** One reading covers this much: longer drags the failure along, shorter is noise at low traffic. Seconds. */
const readingWindowS = 15;
/** Points kept for the console's countdown: at 2 s a point the last eight minutes. */
const historyMax = 240;
/** On top of a whole window: telemetry needs this long to flow again after a restart. */
const restartGraceMs = 30_000;
const windowSDefault = 60;
const deadlineSDefault = 300;

const sql = {
  begin: `INSERT INTO verification (id, case_id, plan_id, status, window_s, started_at, deadline_at)
    VALUES ($1, $2, $3, 'waiting', $4, $5, $6) ON CONFLICT (plan_id) DO NOTHING`,
  read: `SELECT id, status, window_s, started_at, deadline_at, holds_since, history, reason FROM verification WHERE plan_id = $1`,
  extend: 'UPDATE verification SET deadline_at = $2 WHERE id = $1',
  progress: `UPDATE verification SET holds_since = $2, objectives = $3::jsonb, history = $4::jsonb WHERE id = $1`,
  end: `UPDATE verification SET status = $2, finished_at = $3, reason = $4 WHERE id = $1`,
  fingerprints: 'SELECT fingerprint FROM case_signal WHERE case_id = $1',
};

/**
 * Watches what the plan says must hold. A plan without objectives and thresholds passes when no signal is active for the
 * case's resource and none of the case's own: with nothing promised, the absence of complaints is what can be asked.
 * No data does not hold: silence after a repair may be the next failure.
 */
export class Verifier {
  readonly #deps: VerifierDeps;

  constructor(deps: VerifierDeps) {
    this.#deps = deps;
  }

  /** Looks until everything held for the whole window, or the deadline passed; then moves the case. */
  async run(caseId: string, traceId: string, actor: string, signal: AbortSignal): Promise<void> {
    const { cases, ledger } = this.#deps;
    const head = await cases.head(caseId);
    if (head.status !== 'VERIFYING')
      throw new ClewError(
        'illegal_transition',
        `A repair is verified in VERIFYING; case ${head.id} is in ${head.status}.`,
        { details: { status: head.status, event: 'verify_pass' } },
      );
    const stored = await newestPlan(ledger, caseId);
    if (!stored) throw new ClewError('unprocessable', `Case ${caseId} has no plan to verify.`);
    const verify = verifyOf(stored.plan);
    const state = await this.#begin(head, stored, verify);
    const failure = state.failure ?? (await this.#watch(head, verify, state, signal));
    if (signal.aborted) return;
    await this.#conclude({ head, stored, state, traceId, actor, signal }, failure);
  }

  async #begin(
    head: CaseHead,
    stored: StoredPlan,
    verify: PlanVerify,
  ): Promise<State & { failure: string | null }> {
    const { ledger, clock, newId } = this.#deps;
    const now = clock.now();
    // Without a condition on measurements there is nothing to wait for: one look decides.
    const windowS = measured(verify) ? verify.window_s : 0;
    const deadline = iso(now + Math.max(verify.deadline_s, windowS + 1) * 1_000);
    await ledger.query(sql.begin, [newId(), head.id, stored.id, windowS, iso(now), deadline]);
    const [row] = await ledger.query<{
      id: string;
      status: string;
      window_s: number;
      started_at: Date;
      deadline_at: Date;
      holds_since: Date | null;
      history: State['history'];
      reason: string | null;
    }>(sql.read, [stored.id]);
    if (!row) throw new ClewError('internal', `The verification of plan ${stored.id} vanished.`);
    const deadlineAt = await this.#deadlineOf(row, now);
    return {
      id: row.id,
      windowS: row.window_s,
      startedAt: row.started_at.getTime(),
      deadlineAt,
      // Nobody watched while the process was down: the window starts anew.
      holdsSince: null,
      history: row.history,
      failure: row.status === 'failed' ? (row.reason ?? 'it failed before the restart') : null,
    };
  }

  /** After a restart the time in which nobody watched must not condemn a repair that works. */
  async #deadlineOf(
    row: { id: string; window_s: number; started_at: Date; deadline_at: Date },
    now: number,
  ): Promise<number> {
    const stored = row.deadline_at.getTime();
    if (row.started_at.getTime() >= now) return stored;
    const extended = Math.max(stored, now + row.window_s * 1_000 + restartGraceMs);
    if (extended > stored) await this.#deps.ledger.query(sql.extend, [row.id, iso(extended)]);
    return extended;
  }

  /** Null when it held, else why not. */
  async #watch(
    head: CaseHead,
    verify: PlanVerify,
    state: State,
    signal: AbortSignal,
  ): Promise<string | null> {
    const { clock } = this.#deps;
    for (;;) {
      const readings = await this.#look(head, verify);
      const now = clock.now();
      const holds = readings.every((reading) => reading.holds);
      state.holdsSince = holds ? (state.holdsSince ?? now) : null;
      await this.#progress(state, readings, now, holds);
      if (state.holdsSince !== null && now - state.holdsSince >= state.windowS * 1_000) return null;
      if (now >= state.deadlineAt) return lastWord(readings, state);
      await clock.sleep(this.#deps.pollMs ?? pollMsDefault, signal);
      if (signal.aborted) return null;
    }
  }

  async #look(head: CaseHead, verify: PlanVerify): Promise<Reading[]> {
    const { clock, ledger, hasActiveSignal } = this.#deps;
    if (!measured(verify)) {
      const rows = await ledger.query<{ fingerprint: string }>(sql.fingerprints, [head.id]);
      const fingerprints = rows.map((row) => row.fingerprint);
      const asks = head.resource !== '' || fingerprints.length > 0;
      const active = asks && (await hasActiveSignal(head.tenant, { resource: head.resource, fingerprints }));
      return [
        {
          id: 'no_active_signal',
          service: head.service,
          indicator: 'active_signals',
          target: 0,
          value: active ? 1 : 0,
          holds: !active,
        },
      ];
    }
    const windowS = Math.max(5, Math.min(verify.window_s || readingWindowS, readingWindowS));
    const objectives = await Promise.all(
      verify.objectives.map((id) => this.#readObjective(head.tenant, id, windowS)),
    );
    const thresholds: Reading[] = [];
    for (const threshold of verify.thresholds ?? [])
      thresholds.push(await readThreshold(ledger, head.tenant, threshold, clock.now()));
    return [...objectives, ...thresholds];
  }

  /** An objective that can't be read does not hold; the reason goes to the log, the deadline decides. */
  async #readObjective(tenant: string, id: string, windowS: number): Promise<Reading> {
    const dot = id.lastIndexOf('.');
    const named = { id, service: id.slice(0, Math.max(0, dot)), indicator: id.slice(dot + 1) };
    try {
      const reading = await this.#deps.readObjective(tenant, id, windowS);
      const { value, target } = reading;
      return { ...named, value, target, holds: reading.holds && value !== null };
    } catch (error) {
      this.#deps.log.warn({ err: error, objective: id }, 'an objective could not be read');
      return { ...named, value: null, target: 0, holds: false };
    }
  }

  async #progress(state: State, readings: readonly Reading[], now: number, holds: boolean): Promise<void> {
    const worst = readings.find((reading) => !reading.holds) ?? readings[0];
    state.history = [...state.history, { at: now, value: worst?.value ?? null, holds }].slice(-historyMax);
    await this.#deps.ledger.query(sql.progress, [
      state.id,
      state.holdsSince === null ? null : iso(state.holdsSince),
      JSON.stringify(readings),
      JSON.stringify(state.history),
    ]);
  }

  async #conclude(
    run: {
      head: CaseHead;
      stored: StoredPlan;
      state: State;
      traceId: string;
      actor: string;
      signal: AbortSignal;
    },
    failure: string | null,
  ): Promise<void> {
    const { cases, clock, executor, ledger } = this.#deps;
    const { head, stored, state, traceId, actor } = run;
    const now = clock.now();
    const status = failure === null ? 'pass' : 'failed';
    const meta = { plan_id: stored.id, verification_id: state.id };
    const transition = { caseId: head.id, actor, traceId, meta };
    if (failure === null) {
      await cases.orchestrator.transition({
        ...transition,
        event: 'verify_pass',
        reason: state.windowS > 0 ? `held for ${state.windowS} s` : 'nothing is out of bounds',
        product: { of: 'verification', status: 'pass' },
        write: async (tx) => {
          await tx.query(sql.end, [state.id, status, iso(now), null]);
        },
      });
    } else {
      // On record first: after a crash the compensation goes on and nothing is watched again.
      await ledger.query(sql.end, [state.id, status, iso(now), failure]);
      const back = await executor.compensateCase(head, stored, traceId, run.signal);
      if (run.signal.aborted) return;
      await cases.orchestrator.transition({
        ...transition,
        event: 'verify_failed',
        reason: `${failure}; ${back}`,
        product: { of: 'verification', status: 'failed' },
      });
    }
    verifyLatencySeconds.observe({ status }, (now - state.startedAt) / 1_000);
  }
}

const measured = (verify: PlanVerify): boolean =>
  verify.objectives.length > 0 || (verify.thresholds ?? []).length > 0;

/** The schema has checked the kinds; what is left out gets the defaults. */
function verifyOf({ verify }: ChangePlan): PlanVerify {
  const given: Partial<PlanVerify> = verify;
  return {
    window_s: given.window_s ?? windowSDefault,
    deadline_s: given.deadline_s ?? deadlineSDefault,
    objectives: given.objectives ?? [],
    thresholds: (given.thresholds ?? []) satisfies PlanThreshold[],
  };
}

function lastWord(readings: readonly Reading[], state: State): string {
  const seconds = Math.round((state.deadlineAt - state.startedAt) / 1_000);
  const open = readings
    .filter((reading) => !reading.holds)
    .map((reading) => `${reading.id} is ${reading.value ?? 'without data'} (target ${reading.target})`);
  if (open.length === 0) return `it did not hold for ${state.windowS} s within ${seconds} s`;
  return `after ${seconds} s ${open.join(', ')}`;
}
