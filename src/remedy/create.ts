import { type Cases, Jobs } from '../cases/index.ts';
import type { Ledger } from '../ledger/index.ts';
import { ClewError, type Clock, isClewError, type Logger, newUuid } from '../lib/index.ts';
import type { BusPort, CaseHead, GateDecision, Message, PlanStep } from '../model/index.ts';
import { adaptersByTenant } from './adapters/index.ts';
import { Executor } from './executor.ts';
import { loadFreezes } from './freeze.ts';
import { Gate, type GateRequest } from './gate.ts';
import { type MadePlan, Planner, type PlanRequest } from './planner.ts';
import { loadPlaybooks, type Playbook } from './playbook.ts';
import { loadPolicies } from './policy.ts';
import { type HasActiveSignal, type ReadObjective, Verifier } from './verifier.ts';

export interface RemedyDeps {
  ledger: Ledger;
  clock: Clock;
  log: Logger;
  bus: BusPort;
  cases: Cases;
  /** `remedy` of the configuration. */
  limits: { scriptAllow: readonly string[]; httpAllow: readonly string[]; scriptOutputBytesMax: number };
  /** Whether the allow lists hold for a tenant's plans. Absent: for all. */
  reaches?: (tenant: string) => boolean;
  verifyWindowS: number;
  catalogDirs: readonly string[];
  readObjective: ReadObjective;
  /** Absent: nothing is known to be active. */
  hasActiveSignal?: HasActiveSignal;
  /** Absent: everyone who may call the API is an operator, except names of machines (`…@svc`). */
  rolesOf?: (actor: string) => readonly string[];
  newId?: () => string;
  verifyPollMs?: number;
}

export interface Remedy {
  plan(request: PlanRequest): Promise<MadePlan>;
  gate(request: GateRequest): Promise<{ head: CaseHead; gate: GateDecision }>;
  /** Runs the plan's steps, or one given step; answers the case as it is when done or after `waitMs`. */
  execute(request: {
    caseId: string;
    actor: string;
    traceId: string;
    step?: PlanStep;
    waitMs: number;
  }): Promise<CaseHead>;
  verify(request: { caseId: string; actor: string; traceId: string; waitMs: number }): Promise<CaseHead>;
  playbooks(): Playbook[];
  policyIds(): string[];
  /** Takes up automatic cases that a stop or crash left between two states. After the bus has started. */
  start(): Promise<void>;
  /** Stops work under way where it can be taken up again. Idempotent. */
  stop(): Promise<void>;
}

/** Cases whose work ended in an error of ours are taken up again this often. */
const sweepMs = 15_000;

const unfinishedSql = `SELECT id, status, trace_id, automatic FROM ops_case
  WHERE (automatic AND status IN ('PLANNING', 'WAIT_GATE', 'EXECUTING', 'VERIFYING'))
    OR EXISTS (SELECT 1 FROM exec_step s WHERE s.case_id = ops_case.id AND s.status = 'running')
    OR EXISTS (SELECT 1 FROM verification v WHERE v.case_id = ops_case.id AND v.status = 'waiting')
  ORDER BY created_at`;
const gatedSql = `SELECT 1 FROM plan_approved a
  WHERE a.plan_id = (SELECT id FROM plan_proposed WHERE case_id = $1 ORDER BY seq DESC LIMIT 1)`;

const machine = /@svc$/;
const defaultRoles = (actor: string): readonly string[] =>
  machine.test(actor) ? ['service'] : ['operator', 'approver'];

/** Before `bus.start()`: it subscribes to the commands. Throws when a playbook or policy of the catalogue is not valid. */
export function createRemedy(deps: RemedyDeps): Remedy {
  return new Loop(deps);
}

class Loop implements Remedy {
  readonly #deps: RemedyDeps;
  readonly #jobs: Jobs;
  readonly #planner: Planner;
  readonly #gate: Gate;
  readonly #executor: Executor;
  readonly #verifier: Verifier;
  readonly #playbooks: ReadonlyMap<string, Playbook>;
  readonly #policyIds: string[];

  constructor(deps: RemedyDeps) {
    this.#deps = deps;
    const { ledger, clock, log, cases, catalogDirs } = deps;
    const newId = deps.newId ?? newUuid;
    const adaptersOf = adaptersByTenant({ ...deps.limits, clock }, deps.reaches ?? (() => true));
    const policies = loadPolicies(catalogDirs);
    this.#policyIds = policies.ids;
    this.#playbooks = loadPlaybooks(catalogDirs);
    this.#jobs = new Jobs(log);
    const base = { ledger, clock, log, cases, newId };
    const { verifyWindowS } = deps;
    this.#planner = new Planner({ ...base, adaptersOf, playbooks: this.#playbooks, verifyWindowS });
    this.#gate = new Gate({
      ...base,
      policies,
      freezes: loadFreezes(catalogDirs),
      rolesOf: deps.rolesOf ?? defaultRoles,
    });
    this.#executor = new Executor({ ...base, adaptersOf });
    this.#verifier = new Verifier({
      ...base,
      executor: this.#executor,
      readObjective: deps.readObjective,
      hasActiveSignal: deps.hasActiveSignal ?? (async () => false),
      ...(deps.verifyPollMs === undefined ? {} : { pollMs: deps.verifyPollMs }),
    });
    this.#subscribe(deps.bus);
  }

  plan(request: PlanRequest): Promise<MadePlan> {
    return this.#planner.propose(request);
  }

  gate(request: GateRequest): Promise<{ head: CaseHead; gate: GateDecision }> {
    return this.#gate.evaluate(request);
  }

  async execute(request: {
    caseId: string;
    actor: string;
    traceId: string;
    step?: PlanStep;
    waitMs: number;
  }): Promise<CaseHead> {
    const { caseId, actor, traceId, step } = request;
    const head = await this.#deps.cases.head(caseId);
    this.#refuseIn(head, 'EXECUTING');
    if (step || !machine.test(actor)) await this.#checkExecution(head, actor, step);
    const name = `execute:${caseId}`;
    if (step && this.#jobs.running(name))
      throw new ClewError('conflict', `Steps of case ${caseId} are running; wait for them.`);
    const work = this.#jobs.run(name, (signal) =>
      this.#executor.run({ caseId, actor, traceId, ...(step ? { step } : {}) }, signal),
    );
    return this.#settled(caseId, work, request.waitMs);
  }

  async verify(request: {
    caseId: string;
    actor: string;
    traceId: string;
    waitMs: number;
  }): Promise<CaseHead> {
    const { caseId, actor, traceId } = request;
    this.#refuseIn(await this.#deps.cases.head(caseId), 'VERIFYING');
    const work = this.#jobs.run(`verify:${caseId}`, (signal) =>
      this.#verifier.run(caseId, traceId, actor, signal),
    );
    return this.#settled(caseId, work, request.waitMs);
  }

  playbooks(): Playbook[] {
    return [...this.#playbooks.values()];
  }

  policyIds(): string[] {
    return this.#policyIds;
  }

  async start(): Promise<void> {
    await this.#recover();
    this.#jobs.every(this.#deps.clock, sweepMs, 'remedy sweep', () => this.#recover());
  }

  /** What is under way already is joined, not begun again. */
  async #recover(): Promise<void> {
    const { ledger } = this.#deps;
    const rows = await ledger.query<{ id: string; status: string; trace_id: string; automatic: boolean }>(
      unfinishedSql,
    );
    for (const { id, status, trace_id, automatic } of rows) {
      if (status === 'EXECUTING') this.#startExecution(id, trace_id);
      else if (status === 'VERIFYING') this.#startVerification(id, trace_id);
      else if (automatic && status === 'PLANNING') await this.#planAlone(id, trace_id);
      else if (automatic && status === 'WAIT_GATE') await this.#gateAlone(id, trace_id);
    }
  }

  stop(): Promise<void> {
    return this.#jobs.close();
  }

  #subscribe(bus: BusPort): void {
    bus.subscribe('planner', ['cmd.plan.generate'], ({ key, traceId }) => this.#planAlone(key, traceId));
    bus.subscribe('gatekeeper', ['cmd.gate.eval'], ({ key, traceId }) => this.#gateAlone(key, traceId));
    // Long work is accepted, not awaited: the state is on record, and start() takes up what a crash interrupted.
    bus.subscribe('executor', ['cmd.exec.run'], async ({ key, traceId }: Message) =>
      this.#startExecution(key, traceId),
    );
    bus.subscribe('verifier', ['cmd.verify.run'], async ({ key, traceId }: Message) =>
      this.#startVerification(key, traceId),
    );
  }

  #planAlone(caseId: string, traceId: string): Promise<void> {
    return this.#jobs.run(`plan:${caseId}`, () =>
      this.#safely(caseId, () => this.#planner.proposeAutomatically(caseId, traceId)),
    );
  }

  #gateAlone(caseId: string, traceId: string): Promise<void> {
    return this.#jobs.run(`gate:${caseId}`, () =>
      this.#safely(caseId, async () => {
        const head = await this.#deps.cases.head(caseId);
        if (head.status !== 'WAIT_GATE') return;
        // Asked already: it waits for a person.
        const asked = await this.#deps.ledger.query(gatedSql, [caseId]);
        if (asked.length === 0) await this.#gate.evaluate({ caseId, traceId });
      }),
    );
  }

  #startExecution(caseId: string, traceId: string): void {
    this.#jobs.start(`execute:${caseId}`, (signal) =>
      this.#safely(caseId, () => this.#executor.run({ caseId, actor: 'executor@svc', traceId }, signal)),
    );
  }

  #startVerification(caseId: string, traceId: string): void {
    this.#jobs.start(`verify:${caseId}`, (signal) =>
      this.#safely(caseId, () => this.#verifier.run(caseId, traceId, 'verifier@svc', signal)),
    );
  }

  /** A command may come twice, and a person may be faster: then the case has moved on and there is nothing to do. */
  async #safely(caseId: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const moved =
        isClewError(error) && (error.code === 'illegal_transition' || error.code === 'version_mismatch');
      if (!moved) throw error;
      this.#deps.log.debug({ case: caseId, reason: error.message }, 'the case had moved on');
    }
  }

  async #checkExecution(head: CaseHead, actor: string, step: PlanStep | undefined): Promise<void> {
    const problems = step ? this.#executor.problemsOf(head, step) : [];
    if (problems.length > 0)
      throw new ClewError('unprocessable', `The step can't be run: ${problems.join('; ')}`);
    await this.#gate.mayExecute(head, actor, step !== undefined);
  }

  #refuseIn(head: CaseHead, wanted: 'EXECUTING' | 'VERIFYING'): void {
    if (head.status === wanted) return;
    throw new ClewError(
      'illegal_transition',
      `That is possible in ${wanted}; case ${head.id} is in ${head.status}.`,
      {
        details: { status: head.status, wanted },
      },
    );
  }

  async #settled(caseId: string, work: Promise<void>, waitMs: number): Promise<CaseHead> {
    const over = new AbortController();
    // A failure after the answer must not end the process; it stands in the log of whoever started the work.
    const outcome = work.catch((error: unknown) => {
      this.#deps.log.warn({ err: error, case: caseId }, 'work on a case failed');
      throw error;
    });
    outcome.catch(() => {});
    await Promise.race([outcome, this.#deps.clock.sleep(waitMs, over.signal)]);
    over.abort();
    return this.#deps.cases.head(caseId);
  }
}
