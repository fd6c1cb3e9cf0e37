import { z } from 'zod';
import { metricsRegistry } from '../lib/index.ts';
import type { Health } from '../operate/index.ts';
import type { RouteGroup } from './server.ts';

const names = z
  .string()
  .optional()
  .transform((value) =>
    (value ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean),
  );

/** Probes, health by namespace and our own metrics. `ready` says whether senders may send. */
export function healthRoutes(deps: {
  health: Health;
  ready: () => { ready: boolean; reason: string };
}): RouteGroup {
  return async (app) => {
    const tags = ['health'];
    app.get('/livez', { schema: { tags, summary: 'The process answers' } }, async () => ({
      status: 'alive',
    }));
    app.get(
      '/readyz',
      { schema: { tags, summary: 'Everything acknowledged before is replayed and senders may send' } },
      async (_, reply) => {
        const state = deps.ready();
        return reply
          .status(state.ready ? 200 : 503)
          .send({ status: state.ready ? 'ready' : 'not ready', reason: state.reason });
      },
    );
    app.get(
      '/healthz',
      {
        config: { operator: true },
        schema: {
          tags,
          summary: 'Health by namespace',
          querystring: z.object({ include: names, exclude: names }),
        },
      },
      async (request, reply) => {
        const report = await deps.health.report(request.query);
        return reply.status(report.status ? 200 : 503).send({ data: report });
      },
    );
    app.get(
      '/metrics',
      { config: { operator: true }, schema: { tags, summary: "Clew's own metrics, Prometheus text" } },
      async (_, reply) => reply.type(metricsRegistry.contentType).send(await metricsRegistry.metrics()),
    );
  };
}
