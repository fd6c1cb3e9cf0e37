import type { Ledger } from '../ledger/index.ts';
import { type Clock, isClewError, type Logger, retry } from '../lib/index.ts';
import type { BusPort, CaseHead, Message, Signal, Verdict } from '../model/index.ts';
import type { Findings } from './findings.ts';
import type { Jobs } from './jobs.ts';
import type { Orchestrator } from './orchestrator.ts';
import { findHead, type HeadRow, headColumns } from './rows.ts';

/** Finds the causes of what the signals say; injected. */
export type Diagnose = (tenant: string, input: { signals: Signal[]; since: number }) => Promise<Verdict>;

export interface AnalystDeps {
  ledger: Ledger;
  clock: Clock;
  log: Logger;
  bus: BusPort;
  jobs: Jobs;
  orchestrator: Orchestrator;
  findings: Findings;
  diagnose: Diagnose;
}

/** A fault is often seen before enough of it is stored to explain it: look again after this, each time after half as long again … */
const patienceIntervalMs = 4_000;
const patienceGrowth = 1.5;
/** … and for this long, after which the best answer so far stands. */
const patienceMs = 40_000;
/** A first cause at least this sure ends the waiting; the policy asks for the same before it acts alone. */
const sureEnough = 0.6;
/** Cases whose work ended in an error of ours are taken up again this often. */
const sweepMs = 15_000;
/** Diagnosis may fail while stores are busy. */
const attempts = { attempts: 4, delayMs: 1_000, delayMsMax: 8_000 };

const actor = 'analyst@svc';

const sql = {
  signals: 'SELECT signal FROM case_signal WHERE case_id = $1 ORDER BY attached_at, fingerprint',
  unfinished: `SELECT ${headColumns} FROM ops_case WHERE automatic AND status IN ('NEW', 'ANALYZING') ORDER BY created_at`,
  frozen: 'SELECT verdict IS NOT NULL AS frozen FROM ops_case WHERE id = $1',
};

/** Takes automatic cases from NEW to PLANNING: start, diagnose, freeze the findings. */
export class Analyst {
  readonly #deps: AnalystDeps;

  constructor(deps: AnalystDeps) {
    this.#deps = deps;
    deps.bus.subscribe('analyst', ['evt.case.transition.v1'], (message) => this.#onTransition(message));
  }

  async #onTransition({ payload, key }: Message): Promise<void> {
    if (payload.automatic === true && (payload.to === 'NEW' || payload.to === 'ANALYZING')) this.#accept(key);
  }

  /** Takes up what a stop or a crash left between two states, now and from time to time. */
  async start(): Promise<void> {
    await this.#recover();
    this.#deps.jobs.every(this.#deps.clock, sweepMs, 'analyst sweep', () => this.#recover());
  }

  async #recover(): Promise<void> {
    for (const row of await this.#deps.ledger.query<HeadRow>(sql.unfinished)) this.#accept(row.id);
  }

  #accept(caseId: string): void {
    this.#deps.jobs.start(`analyse:${caseId}`, (signal) => this.#analyse(caseId, signal));
  }

  async #analyse(caseId: string, signal: AbortSignal): Promise<void> {
    const { orchestrator } = this.#deps;
    let head = await findHead(this.#deps.ledger, caseId);
    const request = { caseId, actor, traceId: head.traceId };
    try {
      if (head.status === 'NEW')
        head = await orchestrator.transition({
          ...request,
          event: 'start_analysis',
          reason: 'signals point to an incident',
        });
      if (head.status !== 'ANALYZING') return;
      const failure = await this.#diagnose(head, signal);
      if (signal.aborted) return;
      if (failure !== null) {
        await orchestrator.transition({ ...request, event: 'park', reason: `Diagnosis failed: ${failure}` });
        return;
      }
      await orchestrator.transition({ ...request, event: 'analysis_done', reason: 'findings are frozen' });
    } catch (error) {
      // A person was faster (parked it, asked for a plan): their word counts.
      if (isClewError(error) && error.code === 'illegal_transition') return;
      throw error;
    }
  }

  /** Null when findings are frozen (or someone else moved the case), else why there are none. */
  async #diagnose(head: CaseHead, signal: AbortSignal): Promise<string | null> {
    const { clock, findings, ledger } = this.#deps;
    const [row] = await ledger.query<{ frozen: boolean }>(sql.frozen, [head.id]);
    if (row?.frozen) return null;
    const until = clock.now() + patienceMs;
    for (let pauseMs = patienceIntervalMs; ; pauseMs *= patienceGrowth) {
      let verdict: Verdict;
      try {
        verdict = await this.#verdict(head);
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
      if (signal.aborted) return null;
      if (settled(verdict) || clock.now() >= until) {
        await findings.record(head.id, verdict, head.traceId);
        return null;
      }
      await clock.sleep(Math.min(pauseMs, until - clock.now()), signal);
      if (signal.aborted || (await findHead(ledger, head.id)).status !== 'ANALYZING') return null;
    }
  }

  #verdict(head: CaseHead): Promise<Verdict> {
    const { clock, ledger, diagnose, log } = this.#deps;
    return retry(clock, attempts, async (attempt) => {
      const rows = await ledger.query<{ signal: Signal }>(sql.signals, [head.id]);
      const signals = rows.map((row) => row.signal);
      const since = Math.min(head.createdAt, ...signals.map((signal) => signal.since));
      try {
        return await diagnose(head.tenant, { signals, since });
      } catch (error) {
        log.warn({ err: error, case: head.id, attempt }, 'diagnosis failed');
        throw error;
      }
    });
  }
}

const settled = (verdict: Verdict): boolean =>
  verdict.verdict !== 'inconclusive' && (verdict.causes[0]?.score ?? 0) >= sureEnough;
