import type { Ledger } from '../ledger/index.ts';
import type { Clock } from '../lib/index.ts';
import type { JobStatus } from '../model/index.ts';
import { type Job, jobStatuses } from '../rollup/index.ts';
import { type HealthMetric, type HealthSource, metric } from './health.ts';

/** Windows behind the newest one that could be done; more means that the job does not keep up or keeps failing. */
const windowsBehindMax = 5;

/** After a start the windows of the last hour are made up for; that is no trouble for so long. */
const catchUpMs = 600_000;

/**
 * How far each job is behind, what it gave up, and whether it is paused: all of it for the first tenant, and for the others
 * what is not as it should be.
 */
export const rollupSource = (
  ledger: Ledger,
  clock: Clock,
  rollup: { jobs: readonly Job[]; enabled: boolean },
  tenants: () => readonly string[],
  startedAt = clock.monotonic(),
): HealthSource => ({
  namespace: 'rollup',
  async collect() {
    if (!rollup.enabled) return [];
    const catchingUp = clock.monotonic() - startedAt < catchUpMs;
    const found: HealthMetric[] = [];
    for (const [index, tenant] of tenants().entries()) {
      const statuses = await jobStatuses(ledger, rollup.jobs, await ledger.tenantId(tenant), clock.now());
      const all = rollup.jobs.flatMap((job) =>
        statuses
          .filter((status) => status.job === job.name)
          .flatMap((status) => ofJob(job, status, catchingUp)),
      );
      if (index === 0) found.push(...all);
      else found.push(...all.filter(({ status }) => !status).map((each) => ofTenant(each, tenant)));
    }
    return found;
  },
});

const ofTenant = (one: HealthMetric, tenant: string): HealthMetric => ({
  ...one,
  dimensions: { ...one.dimensions, tenant },
  message: `tenant ${tenant}: ${one.message}`,
});

function ofJob(job: Job, status: JobStatus, catchingUp: boolean): HealthMetric[] {
  const lagSMax = (job.delayMs + windowsBehindMax * job.alignMs) / 1_000;
  const lagS = status.lag_s ?? 0;
  const of = (judged: Parameters<typeof metric>[0]) => ({
    ...metric(judged),
    dimensions: { job: job.name },
  });
  const { circuit } = status;
  return [
    of({
      name: 'window_lag_s',
      value: Math.round(lagS),
      ok: lagS <= lagSMax || catchingUp,
      message:
        status.lag_s === null
          ? `${job.name}: no window was due yet`
          : `${job.name}: the newest window ends ${Math.round(lagS)} s ago`,
      suggestion: `More than ${lagSMax} s behind: look at the Jobs page for errors, and at the load of this machine.`,
    }),
    of({
      name: 'failed_windows',
      value: status.failed,
      ok: status.failed === 0,
      message:
        status.failed === 0
          ? `${job.name}: no window was given up`
          : `${job.name}: ${status.failed} windows were given up: ${status.last_error ?? ''}`,
      suggestion:
        'Mend the cause, then run the windows again: Jobs page, clew jobs replay, or POST /events/enqueue.',
    }),
    of({
      name: 'circuit',
      value: circuit.state,
      ok: circuit.state === 'closed',
      message:
        circuit.state === 'closed'
          ? `${job.name} runs`
          : `${job.name} is paused after ${circuit.failures} failures in a row: ${circuit.last_error ?? ''}`,
      suggestion:
        'It is tried again by itself; when the cause is mended, "probe now" on the Jobs page tries at once.',
    }),
  ];
}
