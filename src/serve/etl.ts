import { z } from 'zod';
import type { Ledger } from '../ledger/index.ts';
import { findTenant, listRuns, type Rollup, runStates } from '../rollup/index.ts';
import type { RouteGroup } from './server.ts';
import type { TenantOf } from './window.ts';

export interface EtlDeps {
  ledger: Ledger;
  rollup: Pick<Rollup, 'replay' | 'jobs'>;
  tenantOf: TenantOf;
}

/** Epoch milliseconds, or a time as ISO 8601 writes it, with its zone. */
const instant = z
  .union([z.number().int().nonnegative(), z.iso.datetime({ offset: true })])
  .transform((value) => (typeof value === 'number' ? value : Date.parse(value)));

const enqueueBody = z.strictObject({
  job: z.string().min(1).max(100),
  tenant_id: z.union([z.number().int().positive(), z.string().min(1).max(100)]),
  from: instant,
  to: instant,
});

const runsQuery = z.object({
  job: z.string().max(100).optional(),
  state: z.enum(runStates).optional(),
  from: z.coerce.number().int().nonnegative().optional(),
  to: z.coerce.number().int().nonnegative().optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
});

/** The job ledger, and replay of windows. `POST /events/enqueue` also stands without the prefix, as its callers write it. */
export function etlRoutes(deps: EtlDeps): RouteGroup {
  return async (app) => {
    const tags = ['etl'];
    app.post(
      '/events/enqueue',
      {
        schema: {
          tags,
          summary: 'Run windows of a job (again); windows of the future wait',
          body: enqueueBody,
        },
      },
      async (request, reply) => {
        const { job, tenant_id, from, to } = request.body;
        const tenant = await findTenant(deps.ledger, tenant_id);
        const { windows, queued } = await deps.rollup.replay(job, tenant, { from, to });
        return reply
          .status(202)
          .send({ data: { job, tenant_id: tenant.id, tenant: tenant.code, from, to, windows, queued } });
      },
    );
    app.get(
      '/etl/runs',
      { schema: { tags, summary: 'Windows of jobs, the newest first', querystring: runsQuery } },
      async (request) => {
        const tenantId = await deps.ledger.tenantId(deps.tenantOf(request));
        return { data: await listRuns(deps.ledger, { tenantId, ...request.query }) };
      },
    );
    app.get('/etl/jobs', { schema: { tags, summary: 'Jobs and their timing' } }, async () => ({
      data: deps.rollup.jobs.map((job) => ({
        name: job.name,
        after: job.after,
        align_s: job.alignMs / 1_000,
        delay_s: job.delayMs / 1_000,
        initial_lookback_s: job.initialLookbackMs / 1_000,
      })),
    }));
  };
}
