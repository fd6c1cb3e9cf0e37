import type { Ledger } from '../ledger/index.ts';
import { ClewError, type Clock, isClewError, type Logger } from '../lib/index.ts';
import { circuitFailed, circuitSucceeded } from './circuit.ts';
import { type ClaimedRun, failRun, finishRun } from './claims.ts';
import {
  conflictsTotal,
  leftOutTotal,
  retriesTotal,
  rowsTotal,
  windowSeconds,
  windowsTotal,
} from './events.ts';
import type { Heart, LostReason } from './heart.ts';
import type { Job, JobResult, Tenant } from './job.ts';
import { upperBound } from './windows.ts';

export interface WorkerOptions {
  ledger: Ledger;
  clock: Clock;
  log: Logger;
  heart: Heart;
  /** 0 … 1, for the spread of pauses. */
  random: () => number;
  runMsMax: number;
}

export type Outcome = 'success' | 'failed' | 'lost' | 'circuit_open';

/** Runs one claimed window to its end and records it. Throws only when the ledger does not answer. */
export async function runWindow(
  options: WorkerOptions,
  job: Job,
  tenant: Tenant,
  run: ClaimedRun,
  claimedAt: number,
): Promise<Outcome> {
  const { ledger, clock, heart } = options;
  const started = clock.monotonic();
  const signal = heart.hold(run, claimedAt);
  try {
    const result = await untilLost(commitOnce(options, job, tenant, run, signal), signal, options);
    await circuitSucceeded(ledger, { job: job.name, tenant }, clock.now());
    countResult(job, result);
    return 'success';
  } catch (error) {
    return await recordFailure(options, job, tenant, run, error);
  } finally {
    heart.release(run);
    windowSeconds.observe({ job: job.name }, (clock.monotonic() - started) / 1_000);
  }
}

class LostWindow extends Error {
  readonly reason: LostReason;

  constructor(reason: LostReason) {
    super(`the window is no longer ours: ${reason}`);
    this.reason = reason;
  }
}

/** A job that does not look at its signal must not keep the worker: what it does later no longer counts. */
async function untilLost<T>(work: Promise<T>, signal: AbortSignal, options: WorkerOptions): Promise<T> {
  let reject: (error: Error) => void = () => undefined;
  const lost = new Promise<never>((_, refuse) => {
    reject = refuse;
  });
  const onAbort = () => {
    const reason: LostReason = signal.reason;
    reject(
      reason === 'too_long'
        ? new ClewError(
            'timeout',
            `The window ran longer than rollup.run_s_max (${options.runMsMax / 1_000} s) and was given up.`,
          )
        : new LostWindow(reason),
    );
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, lost]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    work.catch(() => undefined);
  }
}

/** Runs the job; its result and its success are written together, by the job's own commit or else afterwards. */
async function commitOnce(
  options: WorkerOptions,
  job: Job,
  tenant: Tenant,
  run: ClaimedRun,
  signal: AbortSignal,
): Promise<JobResult> {
  const { ledger, clock, log } = options;
  let committed: JobResult | undefined;
  const context = {
    tenant,
    window: run.window,
    completeTo: upperBound(clock.now(), job),
    signal,
    commit: async (work: Parameters<Parameters<Job['run']>[0]['commit']>[0]) => {
      if (committed) throw new Error(`job ${job.name} commits twice`);
      const written = await ledger.transaction(async (tx) => {
        if (signal.aborted) throw new LostWindow('taken');
        const found = await work(tx);
        if (!(await finishRun(tx, run, found, clock.now()))) throw new LostWindow('taken');
        return found;
      });
      committed = written;
      return written;
    },
  };
  try {
    const result = await job.run(context);
    if (!committed && !(await finishRun(ledger, run, result, clock.now()))) throw new LostWindow('taken');
    return committed ?? result;
  } catch (error) {
    if (!committed) throw error;
    log.warn({ err: error, job: job.name, window: run.window }, 'a job failed after its window was written');
    return committed;
  }
}

async function recordFailure(
  options: WorkerOptions,
  job: Job,
  tenant: Tenant,
  run: ClaimedRun,
  error: unknown,
): Promise<Outcome> {
  const { ledger, clock, log, random } = options;
  if (error instanceof LostWindow) {
    windowsTotal.inc({ job: job.name, state: 'lost' });
    log.warn(
      { job: job.name, window: run.window, reason: error.reason },
      'a window was lost to another worker',
    );
    return 'lost';
  }
  const message = error instanceof Error ? error.message : String(error);
  const { again } = await failRun(ledger, run, message, clock.now(), random());
  if (again === null) return 'lost';
  if (again) retriesTotal.inc({ job: job.name });
  windowsTotal.inc({ job: job.name, state: again ? 'retried' : 'failed' });
  const open = await circuitFailed(ledger, { job: job.name, tenant }, message, clock.now());
  log.warn(
    {
      err: error,
      code: isClewError(error) ? error.code : undefined,
      job: job.name,
      window: run.window,
      attempt: run.attempt,
      again,
      open,
    },
    'a window failed',
  );
  return open ? 'circuit_open' : 'failed';
}

function countResult(job: Job, result: JobResult): void {
  windowsTotal.inc({ job: job.name, state: 'success' });
  rowsTotal.inc({ job: job.name, direction: 'read' }, result.rowsRead);
  rowsTotal.inc({ job: job.name, direction: 'written' }, result.rowsWritten);
  conflictsTotal.inc({ job: job.name }, result.rowsConflict);
  for (const [what, n] of Object.entries(result.leftOut)) leftOutTotal.inc({ job: job.name, what }, n);
}
