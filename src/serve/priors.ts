import { z } from 'zod';
import type { Learning } from '../diagnose/index.ts';
import type { RouteGroup } from './server.ts';
import type { TenantOf } from './window.ts';

const answer = z.object({
  /** `diagnose.learning`. */
  enabled: z.boolean(),
  data: z.array(
    z.object({
      kind: z.string(),
      resource_type: z.string(),
      confirmed: z.number(),
      refuted: z.number(),
      adjustment: z.number().describe('What it adds to the score of such a cause; never more than ±0.05.'),
      cases: z.array(
        z.object({
          case_id: z.string(),
          number: z.number(),
          resource: z.string(),
          outcome: z.string(),
          at: z.number(),
        }),
      ),
    }),
  ),
});
const which = z
  .strictObject({ kind: z.string().max(100).optional(), resource_type: z.string().max(100).optional() })
  .refine(({ kind, resource_type }) => (kind === undefined) === (resource_type === undefined), {
    message: 'kind and resource_type are given together, or neither for all',
    path: ['kind'],
  });

/** What verified cases taught diagnosis, and how it is forgotten. Register under `/api/v1`. */
export function priorRoutes(deps: { learning: Learning; enabled: boolean; tenantOf: TenantOf }): RouteGroup {
  return async (app) => {
    const tags = ['diagnosis'];
    app.get(
      '/priors',
      {
        schema: {
          tags,
          summary: 'What verified cases taught: kinds of cause by type of resource, with the cases',
          response: { 200: answer },
        },
      },
      async (request) => ({
        enabled: deps.enabled,
        data: await deps.learning.list(deps.tenantOf(request)),
      }),
    );
    app.delete(
      '/priors',
      {
        schema: {
          tags,
          summary: 'Forgets one kind of cause at a type of resource, or all without them',
          querystring: which,
          response: { 200: z.object({ forgotten: z.number().describe('Cases that count no longer.') }) },
        },
      },
      async (request) => {
        const { kind, resource_type: resourceType } = request.query;
        const one = kind === undefined || resourceType === undefined ? undefined : { kind, resourceType };
        return { forgotten: await deps.learning.forget(deps.tenantOf(request), one) };
      },
    );
  };
}
