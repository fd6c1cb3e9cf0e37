import type { Ledger } from '../ledger/index.ts';
import { type Clock, type Logger, randomUnit } from '../lib/index.ts';
import type { EpochMs, TimeWindow } from '../model/index.ts';
import { probeNow, returnProbe, takeProbe } from './circuit.ts';
import { beatRuns, claimRun, heldByOthers, releaseRuns, takeBack } from './claims.ts';
import { skippedTotal, takeoversTotal } from './events.ts';
import { showGauges } from './gauges.ts';
import { Heart } from './heart.ts';
import type { Job, Tenant } from './job.ts';
import { LeaseWatch } from './leases.ts';
import { inOrder } from './order.ts';
import { readPriorities } from './priority.ts';
import { addWindows, plannedTo, readyCandidates, undoFuture, windowsPerStatement } from './queue.ts';
import { findJob, type Replayed, replayWindows } from './replay.ts';
import { type Candidate, Turns } from './turns.ts';
import { dueRange, nextDue, upperBound } from './windows.ts';
import { type Outcome, runWindow, type WorkerOptions } from './worker.ts';

/** Longest time between two looks for work; the next window that becomes ready is not waited for longer than it takes. */
const tickMs = 5_000;
/** Statements of new windows per job and look: ten thousand windows, a week of minutes. The rest is added at the next look. */
const planStatementsMax = 10;
/** Gauges are renewed at a look, but no more often. */
const gaugesEveryMs = 1_000;
/** How long `stop` waits for windows that run; then they are given back, and whoever comes next runs them again. */
const stopGraceMs = 5_000;
/** Looks of one `tick`: each may make windows of the next job in a chain ready. */
const looksPerTickMax = 100;

export interface SchedulerConfig {
  /** Windows that run at once in this process. */
  workers: number;
  /** A worker without a heartbeat for so long is dead. */
  leaseS: number;
  /** Longest run of one window. */
  runSMax: number;
  /** How far back windows are made up for after a pause. */
  catchUpS: number;
  /** Windows that one replay may name. */
  replayWindowsMax: number;
  /** `JOB.CLASS=N`; see `readPriorities`. */
  priorities: readonly string[];
}

export const schedulerDefaults: SchedulerConfig = {
  workers: 2,
  leaseS: 30,
  runSMax: 600,
  catchUpS: 2_678_400,
  replayWindowsMax: 10_080,
  priorities: [],
};

export interface SchedulerOptions {
  ledger: Ledger;
  jobs: readonly Job[];
  /** Codes of the tenants to work for, asked again at every look. The first one is the ledger's own. */
  tenants: () => Promise<readonly string[]>;
  clock: Clock;
  log: Logger;
  /** Names this process in the job ledger; another one at every start. */
  worker: string;
  config?: Partial<SchedulerConfig>;
  /** Opens windows again that got rows after they were done. */
  lookForLate?: () => Promise<void>;
  random?: () => number;
}

/** Runs jobs over windows, each window once. Several processes may run one on the same ledger. */
export class Scheduler {
  readonly jobs: readonly Job[];
  readonly config: SchedulerConfig;
  readonly #options: SchedulerOptions;
  readonly #turns: Turns;
  readonly #leases: LeaseWatch;
  readonly #worker: WorkerOptions & { heart: Heart };
  readonly #stopping = new AbortController();
  #wake = new AbortController();
  #loop: Promise<void> | null = null;
  #lanes = new Set<Promise<number>>();
  #looked = false;
  #shownAt = Number.NEGATIVE_INFINITY;

  /** Throws when a job waits for an unknown one or, through others, for itself, or when a priority can't be read. */
  constructor(options: SchedulerOptions) {
    const { ledger, clock, log } = options;
    this.#options = options;
    this.config = { ...schedulerDefaults, ...options.config };
    this.jobs = inOrder(options.jobs);
    this.#turns = new Turns(
      readPriorities(
        this.config.priorities,
        this.jobs.map((job) => job.name),
      ),
    );
    const leaseMs = this.config.leaseS * 1_000;
    const runMsMax = this.config.runSMax * 1_000;
    this.#leases = new LeaseWatch(leaseMs);
    const heart = new Heart({
      clock,
      leaseMs,
      runMsMax,
      beat: (held) => beatRuns(ledger, held, clock.now() + leaseMs),
    });
    this.#worker = { ledger, clock, log, heart, runMsMax, random: options.random ?? randomUnit };
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Lets windows that run come to their end, for a while; takes no new ones. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake.abort();
    await this.#loop;
    const { clock, ledger } = this.#options;
    const ended = new AbortController();
    await Promise.race([Promise.all(this.#lanes), clock.sleep(stopGraceMs, ended.signal)]);
    ended.abort();
    const held = this.#worker.heart.abortAll();
    if (held.length > 0) await releaseRuns(ledger, held).catch(() => undefined);
    await Promise.all(this.#lanes);
  }

  /** Looks for work and does all that is ready. For tests and the command line; `start` does the same for ever. */
  async tick(): Promise<number> {
    let ran = 0;
    for (let looks = 0; looks < looksPerTickMax && !this.#stopping.signal.aborted; looks++) {
      await this.#look();
      const counts = await Promise.all(Array.from({ length: this.config.workers }, () => this.#lane()));
      const count = counts.reduce((sum, each) => sum + each, 0);
      if (count === 0) break;
      ran += count;
    }
    return ran;
  }

  /** Queues the windows of a job that touch `window` again. Throws `unprocessable` for an unknown job or a bad window. */
  async replay(jobName: string, tenant: Tenant, window: TimeWindow): Promise<Replayed> {
    const { ledger, clock } = this.#options;
    const job = findJob(this.jobs, jobName);
    const replayed = await replayWindows({
      ledger,
      job,
      tenant,
      window,
      now: clock.now(),
      windowsMax: this.config.replayWindowsMax,
    });
    this.#wake.abort();
    return replayed;
  }

  /** Ends the pause of an open circuit: one window is tried at once. False when it is closed. */
  async probe(jobName: string, tenant: Tenant): Promise<boolean> {
    const { ledger, clock } = this.#options;
    const job = findJob(this.jobs, jobName);
    const opened = await probeNow(ledger, { job: job.name, tenant }, clock.now());
    this.#wake.abort();
    return opened;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options;
    while (!this.#stopping.signal.aborted) {
      this.#wake = new AbortController();
      try {
        await this.#look();
        this.#staff();
      } catch (error) {
        // The ledger itself does not answer: nothing can be recorded; the next look tries again.
        log.error({ err: error }, 'the window scheduler could not look for work');
      }
      if (this.#stopping.signal.aborted) return;
      const now = clock.now();
      const due = Math.min(tickMs, ...this.jobs.map((job) => nextDue(now, job) - now));
      await clock.sleep(Math.max(1, due), this.#wake.signal);
    }
  }

  /** Starts as many lanes as there are free workers. A lane that did something asks for another look: it may have let a next job in. */
  #staff(): void {
    while (this.#lanes.size < this.config.workers && this.#turns.waiting > this.#lanes.size) {
      const lane: Promise<number> = this.#lane().catch((error: unknown) => {
        this.#options.log.error({ err: error }, 'a worker could not record its window');
        return 0;
      });
      this.#lanes.add(lane);
      void lane.then((ran) => {
        this.#lanes.delete(lane);
        if (ran > 0) this.#wake.abort();
      });
    }
  }

  /** Adds what is due, takes back what dead workers held, and finds out whose turn it may be. */
  async #look(): Promise<void> {
    const { ledger, clock, log, lookForLate } = this.#options;
    const tenants: Tenant[] = [];
    for (const code of await this.#options.tenants()) tenants.push({ code, id: await ledger.tenantId(code) });
    await lookForLate?.().catch((error: unknown) =>
      log.warn({ err: error }, 'late rows could not be looked for'),
    );
    await this.#takeBack();
    const now = clock.now();
    for (const job of this.jobs) await this.#plan(job, tenantsOf(job, tenants), now);
    const ids = tenants.map((tenant) => tenant.id);
    this.#turns.set(await readyCandidates(ledger, this.jobs, ids, now));
    if (clock.monotonic() - this.#shownAt >= gaugesEveryMs) {
      this.#shownAt = clock.monotonic();
      await showGauges(ledger, this.jobs, tenants, now);
    }
  }

  async #takeBack(): Promise<void> {
    const { ledger, clock, worker } = this.#options;
    const held = await heldByOthers(ledger, worker);
    // The embedded ledger has one process: what another one held at our first look died with it.
    const orphaned = ledger.capabilities.embedded && !this.#looked;
    const dead = orphaned ? held : this.#leases.observe(held, clock.monotonic());
    for (const job of await takeBack(ledger, dead, clock.now())) takeoversTotal.inc({ job });
    this.#looked = true;
  }

  async #plan(job: Job, tenants: readonly Tenant[], now: EpochMs): Promise<void> {
    const { ledger, log } = this.#options;
    const upper = upperBound(now, job);
    const ids = tenants.map((tenant) => tenant.id);
    const undone = await undoFuture(ledger, job.name, ids, upper);
    if (undone > 0)
      log.warn({ job: job.name, undone }, 'the clock went back: windows of the future will be done again');
    for (let statements = 0; statements < planStatementsMax; statements++) {
      const planned = await plannedTo(ledger, job.name, ids, upper);
      const ranges = tenants
        .map((tenant) => ({
          tenant,
          tenantId: tenant.id,
          ...dueRange(now, job, planned.get(tenant.id) ?? null, this.config.catchUpS * 1_000),
        }))
        .filter((range) => range.to > range.from);
      for (const { tenant, skippedMs } of ranges)
        if (skippedMs > 0) this.#tellSkipped(job, tenant, skippedMs);
      const added = await addWindows(ledger, job, ranges, now);
      if (added < windowsPerStatement) return;
    }
  }

  #tellSkipped(job: Job, tenant: Tenant, skippedMs: number): void {
    const { log } = this.#options;
    skippedTotal.inc({ job: job.name }, skippedMs / job.alignMs);
    log.warn(
      { job: job.name, tenant: tenant.code, windows: skippedMs / job.alignMs, setting: 'rollup.catch_up_s' },
      'windows lie further back than catching up reaches; replay them if their details are still there',
    );
  }

  /** Claims and runs one window after the other until nothing is ready or we stop. Answers with how many it ran. */
  async #lane(): Promise<number> {
    for (let ran = 0; ; ) {
      if (this.#stopping.signal.aborted) return ran;
      const candidate = this.#turns.take();
      if (!candidate) return ran;
      const outcome = await this.#serve(candidate);
      if (outcome !== null) ran += 1;
    }
  }

  async #serve(candidate: Candidate): Promise<Outcome | null> {
    const { ledger, clock, worker } = this.#options;
    const { tenant, kind } = candidate;
    const job = findJob(this.jobs, candidate.job);
    const key = { job: job.name, tenant };
    if (candidate.probe) {
      this.#turns.dropAll(job.name, tenant.id);
      if (!(await takeProbe(ledger, key, clock.now(), this.#worker.runMsMax))) return null;
    }
    const claimedAt = clock.monotonic();
    const leaseMs = this.config.leaseS * 1_000;
    const run = await claimRun(ledger, { job, tenantId: tenant.id, kind, now: clock.now(), worker, leaseMs });
    if (!run) {
      this.#turns.drop(candidate);
      if (candidate.probe) await returnProbe(ledger, key, clock.now());
      return null;
    }
    const outcome = await runWindow(this.#worker, job, tenant, run, claimedAt);
    if (outcome === 'circuit_open') this.#turns.dropAll(job.name, tenant.id);
    return outcome;
  }
}

const tenantsOf = (job: Job, tenants: readonly Tenant[]): readonly Tenant[] =>
  job.scope === 'ledger' ? tenants.slice(0, 1) : tenants;
