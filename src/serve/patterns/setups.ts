import { z } from 'zod';
import type { RouteGroup } from '../server.ts';
import type { PatternDeps } from './deps.ts';
import { restartBody, setupBody, setupsAnswer, statusAnswer, tryBody } from './schema.ts';

export function setupRoutes(deps: PatternDeps): RouteGroup {
  return async (app) => {
    await app.register(ownSetupRoutes(deps));
    await app.register(statusRoutes(deps));
  };
}

/** How messages are read, per application. */
function ownSetupRoutes({ book, tenantOf }: PatternDeps): RouteGroup {
  const tags = ['patterns'];
  return async (app) => {
    const listed = async (tenant: string) => ({
      data: (await book.setups(tenant)).map(({ service, setup, updatedAt, updatedBy }) => ({
        service,
        setup,
        updated_at: updatedAt,
        updated_by: updatedBy,
      })),
    });
    app.get(
      '/patterns/setups',
      {
        schema: {
          tags,
          summary: 'Fields and masks of applications',
          response: { 200: setupsAnswer },
        },
      },
      async (request) => listed(tenantOf(request)),
    );
    app.put(
      '/patterns/setups',
      {
        schema: {
          tags,
          summary:
            'Set fields and masks of an application; new messages follow it at once, old ones after a restart',
          body: setupBody,
          response: { 200: setupsAnswer },
        },
      },
      async (request) => {
        const { service, setup, actor, reason } = request.body;
        const tenant = tenantOf(request);
        await book.setUp(tenant, service, setup, { actor, reason });
        return listed(tenant);
      },
    );
    app.post(
      '/patterns/setups/try',
      {
        schema: {
          tags,
          summary: 'What fields and masks would make of the messages of the last day; changes nothing',
          body: tryBody,
          response: {
            200: z.object({
              data: z.object({
                messages: z.number().describe('Different messages that were read.'),
                templates_plain: z.number().describe('Templates without fields and masks.'),
                templates: z.number(),
                examples: z.array(z.object({ template: z.string(), count: z.number(), example: z.string() })),
              }),
            }),
          },
        },
      },
      async (request) => {
        const { service, setup } = request.body;
        const { messages, templatesPlain, templates, examples } = await book.tryOut(
          tenantOf(request),
          service,
          setup,
        );
        return { data: { messages, templates_plain: templatesPlain, templates, examples } };
      },
    );
  };
}

/** Whether clustering works, and a restart of it. */
function statusRoutes({ book, tenantOf }: PatternDeps): RouteGroup {
  const tags = ['patterns'];
  return async (app) => {
    app.get(
      '/patterns/status',
      {
        schema: {
          tags,
          summary: 'How far clustering is, per application; a failing flow is named with its reason',
          response: { 200: statusAnswer },
        },
      },
      async (request) => ({
        data: (await book.statuses(tenantOf(request))).map((status) => ({
          service: status.service,
          state: status.state,
          flows: status.flows,
          patterns: status.patterns,
          counted_to: status.countedTo,
          requested_at: status.requestedAt,
          requested_by: status.requestedBy,
          started_at: status.startedAt,
          finished_at: status.finishedAt,
        })),
      }),
    );
    app.post(
      '/patterns/restart',
      {
        schema: {
          tags,
          summary: 'Mine the templates of an application (or of all) again; goes on after the answer',
          body: restartBody,
          response: { 202: z.object({ data: z.object({ services: z.array(z.string()) }) }) },
        },
      },
      async (request, reply) => {
        const { service, actor, reason } = request.body;
        const services = await book.restart(tenantOf(request), service, { actor, reason });
        return reply.status(202).send({ data: { services } });
      },
    );
  };
}
