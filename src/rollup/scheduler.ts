import type { Ledger } from '../ledger/index.ts';
import { ClewError, type Clock, type Logger } from '../lib/index.ts';
import type { TimeWindow } from '../model/index.ts';
import { circuitAllows, circuitFailed, circuitSucceeded } from './circuit.ts';
import {
  conflictsTotal,
  leftOutTotal,
  retriesTotal,
  rowsTotal,
  takeoversTotal,
  windowLag,
  windowSeconds,
  windowsTotal,
} from './events.ts';
import type { Job, JobResult, Tenant } from './job.ts';
import {
  addWindows,
  type ClaimedRun,
  claimRun,
  endLeases,
  failRun,
  finishRun,
  lastSuccessTo,
  replayWindows,
} from './runs.ts';
import { dueWindows, splitWindows, upperBound } from './windows.ts';

/** New windows added per job, tenant and tick. Catching up after a week of pause must not take the ledger for itself. */
export const windowsPerTickMax = 120;
/** Windows that one replay request may name: a week of minutes. */
export const replayWindowsMax = 10_080;
/** Windows that run at once. Two: the machine has two cores, and the detail store serves the console as well. */
const parallelMax = 2;
/** Time between two looks for work. Windows are minutes long, so a few seconds more of lag do not matter. */
const tickMs = 5_000;

export interface SchedulerOptions {
  ledger: Ledger;
  jobs: readonly Job[];
  /** Codes of the tenants to work for, asked again at every tick. */
  tenants: () => Promise<readonly string[]>;
  clock: Clock;
  log: Logger;
  /** Names this process in the job ledger. */
  worker: string;
}

/** Runs jobs over windows, each window once. Several processes may run one on the same ledger. */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #stopping = new AbortController();
  #wake = new AbortController();
  #loop: Promise<void> | null = null;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  get jobs(): readonly Job[] {
    return this.#options.jobs;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Lets windows that run come to their end; takes no new ones. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake.abort();
    await this.#loop;
  }

  /** One look for work: adds the windows that are due and runs everything that is ready. Public for tests and the command line. */
  async tick(): Promise<number> {
    let ran = 0;
    for (const [index, code] of (await this.#options.tenants()).entries()) {
      const tenant = { code, id: await this.#options.ledger.tenantId(code) };
      for (const job of inOrder(this.#options.jobs)) {
        if (this.#stopping.signal.aborted) return ran;
        if (job.scope === 'ledger' && index > 0) continue;
        ran += await this.#runJob(job, tenant);
      }
    }
    return ran;
  }

  /** Queues the windows of a job that touch `window` again. Throws `unprocessable` for an unknown job or a bad window. */
  async replay(
    jobName: string,
    tenant: Tenant,
    window: TimeWindow,
  ): Promise<{ windows: number; queued: number }> {
    const job = this.#options.jobs.find((candidate) => candidate.name === jobName);
    if (!job) {
      const names = this.#options.jobs.map((candidate) => candidate.name).join(', ');
      throw new ClewError('unprocessable', `job: there is no job ${jobName}; known are ${names}.`);
    }
    if (window.to <= window.from) throw new ClewError('unprocessable', 'to: must be later than from.');
    const count = Math.ceil((window.to - window.from) / job.alignMs) + 1;
    if (count > replayWindowsMax)
      throw new ClewError(
        'unprocessable',
        `from, to: ${count} windows of ${job.alignMs / 1_000} s are more than ${replayWindowsMax} in one request; send several.`,
      );
    const windows = splitWindows(window, job.alignMs);
    const now = this.#options.clock.now();
    const queued = await replayWindows(this.#options.ledger, job.name, tenant.id, windows, now);
    this.#wake.abort();
    return { windows: windows.length, queued };
  }

  async #run(): Promise<void> {
    const { clock, ledger, log } = this.#options;
    if (ledger.capabilities.embedded) await endLeases(ledger, clock.now()).catch(() => 0);
    while (!this.#stopping.signal.aborted) {
      this.#wake = new AbortController();
      try {
        await this.tick();
      } catch (error) {
        // The ledger itself does not answer: nothing can be recorded; the next tick tries again.
        log.error({ err: error }, 'the window scheduler could not look for work');
      }
      if (this.#stopping.signal.aborted) return;
      await clock.sleep(tickMs, this.#wake.signal);
    }
  }

  async #runJob(job: Job, tenant: Tenant): Promise<number> {
    const { ledger, clock } = this.#options;
    const now = clock.now();
    const last = await lastSuccessTo(ledger, job.name, tenant.id);
    windowLag.set(
      { job: job.name, tenant: tenant.code },
      last === null ? 0 : Math.max(0, (now - last) / 1_000),
    );
    await addWindows(ledger, job.name, tenant.id, dueWindows(now, job, last, windowsPerTickMax), now);
    const circuit = await circuitAllows(ledger, { job: job.name, tenant }, now);
    if (!circuit.allowed) return 0;
    const lanes = circuit.probe ? 1 : parallelMax;
    const counts = await Promise.all(
      Array.from({ length: lanes }, () => this.#lane(job, tenant, circuit.probe)),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Claims and runs one window after the other until none is ready, one fails, or we stop. */
  async #lane(job: Job, tenant: Tenant, probe: boolean): Promise<number> {
    const { ledger, clock, worker } = this.#options;
    for (let count = 0; ; count++) {
      if (this.#stopping.signal.aborted || count >= windowsPerTickMax) return count;
      const now = clock.now();
      const run = await claimRun(ledger, {
        job: job.name,
        after: job.after,
        tenantId: tenant.id,
        upper: upperBound(now, job),
        now,
        worker,
      });
      if (!run) return count;
      if (run.takenOver) takeoversTotal.inc({ job: job.name });
      const succeeded = await this.#runOne(job, tenant, run);
      if (!succeeded || probe) return count + 1;
    }
  }

  /** Runs the job; its result and its success are written together, by the job's own commit or else afterwards. */
  async #commitOnce(job: Job, tenant: Tenant, run: ClaimedRun, completeTo: number): Promise<JobResult> {
    const { ledger, clock } = this.#options;
    let committed = false;
    const result = await job.run({
      tenant,
      window: run.window,
      completeTo,
      signal: this.#stopping.signal,
      commit: async (work) => {
        const written = await ledger.transaction(async (tx) => {
          const found = await work(tx);
          if (!(await finishRun(tx, run, found, clock.now()))) throw lostWindow(run);
          return found;
        });
        committed = true;
        return written;
      },
    });
    if (!committed && !(await finishRun(ledger, run, result, clock.now()))) throw lostWindow(run);
    return result;
  }

  async #runOne(job: Job, tenant: Tenant, run: ClaimedRun): Promise<boolean> {
    const { ledger, clock, log } = this.#options;
    const started = clock.monotonic();
    const key = { job: job.name, tenant };
    try {
      const completeTo = upperBound(clock.now(), job);
      const result = await this.#commitOnce(job, tenant, run, completeTo);
      await circuitSucceeded(ledger, key, clock.now());
      countResult(job, result);
      windowLag.set(
        { job: job.name, tenant: tenant.code },
        Math.max(0, (clock.now() - run.window.to) / 1_000),
      );
      return true;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const again = await failRun(ledger, run, message, clock.now());
      if (again) retriesTotal.inc({ job: job.name });
      windowsTotal.inc({ job: job.name, state: again ? 'retried' : 'failed' });
      const open = await circuitFailed(ledger, key, clock.now());
      log.warn(
        { err: error, job: job.name, window: run.window, attempt: run.attempt, again, open },
        'a window failed',
      );
      return false;
    } finally {
      windowSeconds.observe({ job: job.name }, (clock.monotonic() - started) / 1_000);
    }
  }
}

/** Another worker has the window: what this one found must not be written. */
const lostWindow = (run: ClaimedRun): ClewError =>
  new ClewError('conflict', `The window ${run.runId} was taken over by another worker.`);

function countResult(job: Job, result: JobResult): void {
  windowsTotal.inc({ job: job.name, state: 'success' });
  rowsTotal.inc({ job: job.name, direction: 'read' }, result.rowsRead);
  rowsTotal.inc({ job: job.name, direction: 'written' }, result.rowsWritten);
  conflictsTotal.inc({ job: job.name }, result.rowsConflict);
  for (const [what, n] of Object.entries(result.leftOut)) leftOutTotal.inc({ job: job.name, what }, n);
}

/** Jobs with those they wait for first. Throws when a job waits for an unknown one or, through others, for itself. */
export function inOrder(jobs: readonly Job[]): Job[] {
  const ordered: Job[] = [];
  const visiting = new Set<string>();
  const visit = (job: Job) => {
    if (ordered.includes(job)) return;
    if (visiting.has(job.name)) throw new ClewError('internal', `Job ${job.name} waits for itself.`);
    visiting.add(job.name);
    for (const name of job.after) {
      const before = jobs.find((candidate) => candidate.name === name);
      if (!before)
        throw new ClewError('internal', `Job ${job.name} waits for ${name}, which does not exist.`);
      visit(before);
    }
    ordered.push(job);
  };
  for (const job of jobs) visit(job);
  return ordered;
}
