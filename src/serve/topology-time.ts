import { z } from 'zod';
import type { Ledger } from '../ledger/index.ts';
import { ClewError, type Clock } from '../lib/index.ts';
import {
  dependencyRelations,
  hopsMax,
  momentsOf,
  pathAt,
  reachedAt,
  relations,
  topologyAt,
  topologyBetween,
  topologySources,
} from '../topology/index.ts';
import type { RouteGroup } from './server.ts';
import { listOf, type TenantOf } from './window.ts';

export interface TopologyTimeDeps {
  ledger: Ledger;
  tenantOf: TenantOf;
  clock: Clock;
}

const epoch = z.coerce.number().int().nonnegative().max(8.64e15);
const urn = z.string().max(512).regex(/^urn:/, 'must be a URN, for example urn:svc:checkout');
const at = epoch.optional().describe('The moment, epoch milliseconds; now when absent');
const relation = z
  .union([z.enum(relations), z.array(z.enum(relations)).max(relations.length)])
  .optional()
  .describe('Only edges of these relations; may be repeated');
const filter = {
  relation,
  source: z.string().max(400).default('').describe('Only edges of sources that begin so, as iac:terraform:'),
};
const walked = {
  at,
  relation: relation.describe(`Along these relations; ${dependencyRelations.join(', ')} when absent`),
};

/** Topology at a moment, between two moments, and its questions: neighbourhood, impact, paths. */
export function topologyTimeRoutes(deps: TopologyTimeDeps): RouteGroup {
  const { ledger, clock, tenantOf } = deps;
  return async (app) => {
    const tags = ['topology'];
    const filterOf = (query: { relation?: string | string[] | undefined; source: string }) => ({
      relations: relations.filter((one) => listOf(query.relation).includes(one)),
      source: query.source,
    });
    app.get(
      '/topology',
      {
        schema: {
          tags,
          summary: 'Resources and edges at a moment',
          querystring: z.object({ at, ...filter }),
        },
      },
      async (request) => {
        const moment = request.query.at ?? clock.now();
        const id = await ledger.tenantId(tenantOf(request));
        return { data: { at: moment, ...(await topologyAt(ledger, id, moment, filterOf(request.query))) } };
      },
    );
    app.get(
      '/topology/diff',
      {
        schema: {
          tags,
          summary: 'What is different between two moments',
          querystring: z.object({
            from: epoch.describe('The earlier moment, epoch milliseconds'),
            to: epoch.optional().describe('The later moment; now when absent'),
            changes: z.enum(['all', 'only']).default('all').describe('only: leave out what stayed'),
            ...filter,
          }),
        },
      },
      async (request) => {
        const { from, to = clock.now(), changes } = request.query;
        if (to < from) throw new ClewError('bad_request', `to: ${to} is before from, ${from}.`);
        const id = await ledger.tenantId(tenantOf(request));
        const found = await topologyBetween(ledger, id, { from, to }, filterOf(request.query));
        const shown = <One extends { status: string }>(list: One[]): One[] =>
          changes === 'all' ? list : list.filter((one) => one.status !== 'kept');
        return {
          data: {
            from,
            to,
            nodes: shown(found.nodes),
            edges: shown(found.edges),
            truncated: found.truncated,
          },
        };
      },
    );
    app.get(
      '/topology/moments',
      {
        schema: {
          tags,
          summary: 'When topology changed',
          querystring: z.object({ from: epoch, to: epoch.optional(), ...filter }),
        },
      },
      async (request) => {
        const { from, to = clock.now() } = request.query;
        if (to < from) throw new ClewError('bad_request', `to: ${to} is before from, ${from}.`);
        const id = await ledger.tenantId(tenantOf(request));
        return { data: await momentsOf(ledger, id, { from, to }, filterOf(request.query)) };
      },
    );
    app.get(
      '/topology/sources',
      { schema: { tags, summary: 'Sources of declared topology, and what could not be read' } },
      async (request) => ({ data: await topologySources(ledger, await ledger.tenantId(tenantOf(request))) }),
    );
    walkRoutes(app, deps);
  };
}

function walkRoutes(app: Parameters<RouteGroup>[0], { ledger, clock, tenantOf }: TopologyTimeDeps): void {
  const tags = ['topology'];
  const walk = (query: { at?: number | undefined; relation?: string | string[] | undefined }) => ({
    at: query.at ?? clock.now(),
    relations: relations.filter((one) => listOf(query.relation).includes(one)),
  });
  app.get(
    '/topology/reach',
    {
      schema: {
        tags,
        summary:
          'Who is affected when a resource fails (up), and what it needs (down), each with its distance',
        querystring: z.object({
          ...walked,
          urn,
          depth: z.coerce.number().int().min(1).max(hopsMax).default(hopsMax),
          direction: z.enum(['up', 'down', 'both']).default('up'),
        }),
      },
    },
    async (request) => {
      const { urn: start, depth, direction } = request.query;
      const id = await ledger.tenantId(tenantOf(request));
      const reached = await reachedAt(ledger, id, { ...walk(request.query), urn: start, depth, direction });
      if (reached === null) throw unknown('urn', start);
      return { data: { urn: start, direction, reached } };
    },
  );
  app.get(
    '/topology/path',
    {
      schema: {
        tags,
        summary: 'A shortest way from one resource to another',
        querystring: z.object({ ...walked, src: urn, dst: urn }),
      },
    },
    async (request) => {
      const { src, dst } = request.query;
      const id = await ledger.tenantId(tenantOf(request));
      const one = { ...walk(request.query), direction: 'both' as const, depth: 1 };
      for (const [field, end] of [
        ['src', src],
        ['dst', dst],
      ] as const)
        if ((await reachedAt(ledger, id, { ...one, urn: end })) === null) throw unknown(field, end);
      return { data: { path: await pathAt(ledger, id, { ...walk(request.query), urn: src, dst }) } };
    },
  );
}

const unknown = (field: string, urnGiven: string): ClewError =>
  new ClewError(
    'not_found',
    `${field}: ${urnGiven} had no edge at that moment; look at GET /api/v1/topology for those that had.`,
  );
