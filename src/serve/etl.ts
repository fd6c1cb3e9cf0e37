import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Caller } from '../admit/index.ts';
import type { Ledger } from '../ledger/index.ts';
import { ClewError, type Clock } from '../lib/index.ts';
import { type JobHistory, type JobRow, runStates, type TimeWindow } from '../model/index.ts';
import { findTenant, jobHistory, jobStatuses, listRuns, noSuchTenant, type Rollup } from '../rollup/index.ts';
import type { RouteGroup } from './server.ts';
import { type TenantOf, windowOf } from './window.ts';

export interface EtlDeps {
  /** For requests to run windows again; the operator's may name any tenant. */
  ledger: Ledger;
  callerOf: (request: FastifyRequest) => Caller;
  /** What is shown of jobs and windows, as `tenantOf` may see it. */
  reader: Ledger;
  rollup: Pick<Rollup, 'replay' | 'probe' | 'jobs' | 'config'>;
  clock: Clock;
  tenantOf: TenantOf;
}

/** Longest time that a job's history is shown for: as long as its runs are kept. */
const historyMsMax = 31 * 86_400_000;
/** Cells of a history; a screen has about as many pixels. */
const cellsMax = 2_000;

/** Epoch milliseconds, or a time as ISO 8601 writes it, with its zone. */
const instant = z
  .union([z.number().int().nonnegative(), z.iso.datetime({ offset: true })])
  .transform((value) => (typeof value === 'number' ? value : Date.parse(value)));

const tenantId = z.union([z.number().int().positive(), z.string().min(1).max(100)]);
const enqueueBody = z.strictObject({
  job: z.string().min(1).max(100),
  tenant_id: tenantId.describe('Number or code of the tenant.'),
  from: instant,
  to: instant,
});

const enqueueText =
  'Every aligned window that touches [from, to) is queued, finished ones too. What a window wrote before is overwritten. Answers with the range of whole windows, how many there are, and how many will be run for this request (one that is already waiting is not counted twice).';

const epoch = z.coerce.number().int().nonnegative();
const runsQuery = z.object({
  job: z.string().max(100).optional(),
  state: z.enum(runStates).optional(),
  from: epoch.optional(),
  to: epoch.optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
});
const historyQuery = z.object({
  from: epoch.optional(),
  to: epoch.optional(),
  cells: z.coerce.number().int().min(1).max(cellsMax).default(120),
});
const jobParam = z.object({ job: z.string().min(1).max(100) });

/**
 * Cells of whole windows: a cell that held one window and a half would seem to do half as much every other time. The range
 * is widened to whole cells.
 */
function cellsOf(asked: TimeWindow, alignMs: number, cells: number): TimeWindow & { cellMs: number } {
  const windows = Math.ceil((asked.to - asked.from) / alignMs);
  const cellMs = Math.max(1, Math.ceil(windows / cells)) * alignMs;
  const from = Math.floor(asked.from / cellMs) * cellMs;
  return { from, to: from + Math.ceil((asked.to - from) / cellMs) * cellMs, cellMs };
}

function jobOf(jobs: Rollup['jobs'], name: string): Rollup['jobs'][number] {
  const job = jobs.find((candidate) => candidate.name === name);
  if (job) return job;
  const known = jobs.map((candidate) => candidate.name).join(', ');
  throw new ClewError('not_found', `There is no job ${name}; known are ${known}.`);
}

function refuseLedgerJob({ jobs }: Pick<Rollup, 'jobs'>, name: string, { operator }: Caller): void {
  if (operator || jobs.find((job) => job.name === name)?.scope !== 'ledger') return;
  throw new ClewError('forbidden', `${name} runs for all tenants at once: send the token of auth.token.`);
}

/** The job ledger, and replay of windows. `POST /events/enqueue` also stands without the prefix, as its callers write it. */
export function etlRoutes(deps: EtlDeps): RouteGroup {
  const tags = ['etl'];
  const { ledger, reader, rollup } = deps;
  return async (app) => {
    app.post(
      '/events/enqueue',
      {
        schema: {
          tags,
          summary: 'Run windows of a job (again); windows of the future wait',
          description: enqueueText,
          body: enqueueBody,
        },
      },
      async (request, reply) => {
        const { job, tenant_id, from, to } = request.body;
        const tenant = await findTenant(ledger, tenant_id);
        const caller = deps.callerOf(request);
        if (!caller.operator && tenant.code !== caller.tenant) throw noSuchTenant(tenant_id);
        refuseLedgerJob(rollup, job, caller);
        const answer = await rollup.replay(job, tenant, { from, to });
        return reply
          .status(202)
          .send({ data: { job, tenant_id: tenant.id, tenant: tenant.code, ...answer } });
      },
    );
    app.get(
      '/etl/runs',
      { schema: { tags, summary: 'Windows of jobs, the newest first', querystring: runsQuery } },
      async (request) => {
        const tenantId = await reader.tenantId(deps.tenantOf(request));
        return { data: await listRuns(reader, { tenantId, ...request.query }) };
      },
    );
    await app.register(jobRoutes(deps));
  };
}

/** How jobs stand, their history, and the probe of a paused one. */
function jobRoutes(deps: EtlDeps): RouteGroup {
  const tags = ['etl'];
  const { reader, rollup, clock } = deps;
  const jobNamed = (name: string) => jobOf(rollup.jobs, name);
  return async (app) => {
    app.get(
      '/etl/jobs',
      { schema: { tags, summary: 'Jobs: timing, lag, what waits, circuit' } },
      async (request) => {
        const tenant = deps.tenantOf(request);
        const tenantId = await reader.tenantId(tenant);
        const statuses = await jobStatuses(reader, rollup.jobs, tenantId, clock.now());
        return {
          data: rollup.jobs.map((job): Partial<JobRow> & { name: string } => ({
            name: job.name,
            tenant,
            after: job.after,
            scope: job.scope ?? 'tenant',
            align_s: job.alignMs / 1_000,
            delay_s: job.delayMs / 1_000,
            initial_lookback_s: job.initialLookbackMs / 1_000,
            replay_windows_max: rollup.config.replayWindowsMax,
            ...statuses.find((status) => status.job === job.name),
          })),
        };
      },
    );
    app.get(
      '/etl/jobs/:job/history',
      {
        schema: {
          tags,
          summary: 'Windows of a job over time, by state, with durations and lag',
          params: jobParam,
          querystring: historyQuery,
        },
      },
      async (request) => {
        const job = jobNamed(request.params.job);
        const tenantId = await reader.tenantId(deps.tenantOf(request));
        const asked = windowOf(request.query, clock, historyMsMax);
        const { cellMs, ...range } = cellsOf(asked, job.alignMs, request.query.cells);
        const cells = await jobHistory(reader, job.name, tenantId, range, cellMs);
        const answer: JobHistory = { job: job.name, ...range, cell_ms: cellMs, align_ms: job.alignMs, cells };
        return { data: answer };
      },
    );
    app.post(
      '/etl/jobs/:job/probe',
      {
        schema: {
          tags,
          summary: 'End the pause of an open circuit: one window is tried at once',
          params: jobParam,
        },
      },
      async (request, reply) => {
        const job = jobNamed(request.params.job);
        const caller = deps.callerOf(request);
        refuseLedgerJob(rollup, job.name, caller);
        const code = caller.tenant;
        const tenant = { code, id: await reader.tenantId(code) };
        if (!(await rollup.probe(job.name, tenant)))
          throw new ClewError('illegal_transition', `The circuit of ${job.name} is closed: the job runs.`);
        return reply.status(202).send({ data: { job: job.name, tenant: code } });
      },
    );
  };
}
