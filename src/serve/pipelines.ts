import { z } from 'zod';
import type { Pipelines } from '../admit/index.ts';
import { ClewError } from '../lib/index.ts';
import type { RouteGroup } from './server.ts';
import type { TenantOf } from './window.ts';

export interface PipelineDeps {
  pipelines: Pipelines;
  tenantOf: TenantOf;
}

const textCharsMax = 200_000;
const named = z.object({ name: z.string().min(1).max(63) });

/** Pipelines as they are in effect; those of files can be seen, those of the API changed. Register under `/api/v1`. */
export function pipelineRoutes({ pipelines, tenantOf }: PipelineDeps): RouteGroup {
  return async (app) => {
    const tags = ['pipelines'];
    app.get('/pipelines', { schema: { tags, summary: 'Pipelines in effect' } }, async (request) => ({
      data: pipelines.list(tenantOf(request)),
    }));
    app.get(
      '/pipelines/:name',
      { schema: { tags, summary: 'One pipeline', params: named } },
      async (request) => {
        const { name } = request.params;
        const found = pipelines.list(tenantOf(request)).find((pipeline) => pipeline.name === name);
        if (found === undefined) throw notFound(name);
        return { data: found };
      },
    );
    app.put(
      '/pipelines/:name',
      {
        schema: {
          tags,
          summary: 'Give or change a pipeline; it is in effect when this is answered',
          params: named,
          body: z.object({ text: z.string().min(1).max(textCharsMax).describe('The pipeline in YAML.') }),
        },
      },
      async (request) => {
        const tenant = tenantOf(request);
        await pipelines.put(tenant, request.params.name, request.body.text);
        return { data: pipelines.list(tenant).find(({ name }) => name === request.params.name) };
      },
    );
    app.delete(
      '/pipelines/:name',
      { schema: { tags, summary: 'Remove a pipeline', params: named } },
      async (request, reply) => {
        await pipelines.remove(tenantOf(request), request.params.name);
        return reply.status(204).send();
      },
    );
  };
}

const notFound = (name: string): ClewError => new ClewError('not_found', `There is no pipeline "${name}".`);
