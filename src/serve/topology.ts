import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Ledger } from '../ledger/index.ts';
import { ClewError, type Clock, type Logger } from '../lib/index.ts';
import { serviceRef, type TimeWindow, type Urn, urnName } from '../model/index.ts';
import {
  type CallEdge,
  hops,
  hopsMax,
  impact,
  type LiveCalls,
  type LiveLoad,
  type ServiceLoad,
  shortestPath,
  storedCalls,
} from '../topology/index.ts';
import type { RouteGroup } from './server.ts';
import type { TenantOf } from './window.ts';

export type NodeHealth = 'ok' | 'suspect' | 'failing' | 'no_data';

export interface TopologyDeps {
  ledger: Ledger;
  liveCalls: LiveCalls;
  liveLoad: LiveLoad;
  /** Health of services as detection sees it; a service it does not name is judged by its errors. */
  healthOf?: (tenant: string) => Promise<ReadonlyMap<string, NodeHealth>>;
  tenantOf: TenantOf;
  clock: Clock;
  log: Logger;
}

/** Longest window of a graph, seconds: a day of five-minute rows is still one quick query. */
const windowSMax = 86_400;
/** Windows that end before this are read from the ledger, where they are aggregated, ms. */
const liveMs = 900_000;
/** A graph that ends this close to now shows detection's view of health; an older one is judged by its own errors, ms. */
const currentMs = 30_000;
/** Without a word from detection: error shares from which a node counts as suspect and as failing. */
const errorRateSuspect = 0.01;
const errorRateFailing = 0.05;

const epoch = z.coerce.number().int().nonnegative();
const windowQuery = z.object({
  at: epoch.optional().describe('End of the window, epoch milliseconds; now when absent'),
  window_s: z.coerce.number().int().min(10).max(windowSMax).default(600),
});
const urn = z.string().max(512).regex(/^urn:/, 'must be a URN, for example urn:svc:checkout');
const hopsQuery = windowQuery.extend({
  urn,
  depth: z.coerce.number().int().min(1).max(hopsMax).default(1),
  direction: z.enum(['down', 'up', 'both']).default('both'),
});

interface GraphSource {
  tenant: string;
  edges: CallEdge[];
  loads: ServiceLoad[];
  /** Whether the window ends now, so that what detection says of now applies. */
  current: boolean;
  source: 'live' | 'stored';
}

/** The graph of calls: whole, around a resource, who is affected by it, and the way from one to another. */
export function topologyRoutes(deps: TopologyDeps): RouteGroup {
  return async (app) => {
    const tags = ['topology'];
    const load = (request: FastifyRequest, query: z.infer<typeof windowQuery>) =>
      readGraph(deps, deps.tenantOf(request), windowOf(deps.clock, query));

    app.get(
      '/graph',
      { schema: { tags, summary: 'Calls of a window as a graph', querystring: windowQuery } },
      async (request) => {
        const graph = await load(request, request.query);
        return { data: await present(deps, graph, graph.edges), source: graph.source };
      },
    );
    app.get(
      '/graph/hops',
      { schema: { tags, summary: 'Calls around a resource', querystring: hopsQuery } },
      async (request) => {
        const { urn: start, depth, direction } = request.query;
        const graph = await load(request, request.query);
        assertKnown(graph, start, 'urn');
        const near = hops(graph.edges, start, depth, direction);
        return { data: await present(deps, graph, near, [start]), source: graph.source };
      },
    );
    app.get(
      '/graph/impact',
      {
        schema: {
          tags,
          summary: 'Who is affected when a resource fails',
          querystring: windowQuery.extend({ urn }),
        },
      },
      async (request) => {
        const graph = await load(request, request.query);
        assertKnown(graph, request.query.urn, 'urn');
        const affected = impact(graph.edges, request.query.urn).map((one) => ({
          ...one,
          service: serviceName(one.urn),
        }));
        return { data: { urn: request.query.urn, affected }, source: graph.source };
      },
    );
    app.get(
      '/graph/path',
      {
        schema: {
          tags,
          summary: 'The shortest chain of calls between two resources',
          querystring: windowQuery.extend({ src: urn, dst: urn }),
        },
      },
      async (request) => {
        const { src, dst } = request.query;
        const graph = await load(request, request.query);
        assertKnown(graph, src, 'src');
        assertKnown(graph, dst, 'dst');
        const path = shortestPath(graph.edges, src, dst);
        const pairs = new Set(path?.slice(1).map((next, index) => `${path[index]} ${next}`));
        const edges = graph.edges.filter((edge) => pairs.has(`${edge.src} ${edge.dst}`));
        return {
          data: { path, ...(await present(deps, graph, edges, path ?? [])) },
          source: graph.source,
        };
      },
    );
  };
}

function windowOf(clock: Clock, query: z.infer<typeof windowQuery>): TimeWindow {
  const to = query.at ?? clock.now();
  return { from: to - query.window_s * 1_000, to };
}

/** Recent windows from the spans themselves; older ones, and when the spans can't be read, from the ledger. */
async function readGraph(deps: TopologyDeps, tenant: string, window: TimeWindow): Promise<GraphSource> {
  const current = window.to > deps.clock.now() - currentMs;
  if (window.to > deps.clock.now() - liveMs) {
    try {
      const [edges, loads] = await Promise.all([
        deps.liveCalls(tenant, window),
        deps.liveLoad(tenant, window),
      ]);
      return { tenant, edges, loads, current, source: 'live' };
    } catch (error) {
      deps.log.warn({ err: error }, 'the live graph could not be read; answering from the ledger');
    }
  }
  const tenantId = await deps.ledger.tenantId(tenant);
  const edges = await storedCalls(deps.ledger, tenantId, window);
  return { tenant, edges, loads: [], current, source: 'stored' };
}

/** Names of the graph: what calls or is called, and services that were only asked from outside. */
function urnsOf(edges: readonly CallEdge[], loads: readonly ServiceLoad[]): Set<Urn> {
  const urns = new Set<Urn>(loads.map((one) => serviceRef(one.service).urn));
  for (const edge of edges) urns.add(edge.src).add(edge.dst);
  return urns;
}

function assertKnown(graph: GraphSource, given: Urn, field: string): void {
  if (urnsOf(graph.edges, graph.loads).has(given)) return;
  throw new ClewError(
    'not_found',
    `${field}: ${given} neither called nor was called in the window; widen window_s.`,
  );
}

/** The service behind a URN, empty for databases and outside peers. */
const serviceName = (of: Urn): string =>
  of.startsWith('urn:svc:') || of.startsWith('urn:k8s:svc:') ? urnName(of) : '';

async function present(deps: TopologyDeps, graph: GraphSource, edges: readonly CallEdge[], also: Urn[] = []) {
  const whole = edges === graph.edges;
  const urns = urnsOf(edges, whole ? graph.loads : []);
  for (const extra of also) urns.add(extra);
  const health = (graph.current && (await deps.healthOf?.(graph.tenant))) || new Map<string, NodeHealth>();
  const loads = new Map(graph.loads.map((one) => [serviceRef(one.service).urn, one]));
  const types = new Map(graph.edges.map((edge) => [edge.dst, edge.dstType]));
  const nodes = [...urns].sort().map((of) => {
    const load = loads.get(of) ?? incomingLoad(graph.edges, of);
    const service = serviceName(of);
    return {
      urn: of,
      service,
      name: urnName(of),
      type: types.get(of) ?? 'service',
      health: health.get(service) ?? judge(load),
      rps: load?.rps ?? 0,
      error_rate: load?.errorRate ?? 0,
      p95_ms: load?.p95Ms ?? null,
    };
  });
  return { nodes, edges: edges.map(edgeAnswer) };
}

/** What callers saw of a resource that has no server spans of its own: a database, an outside peer, history. */
function incomingLoad(
  edges: readonly CallEdge[],
  of: Urn,
): Pick<ServiceLoad, 'rps' | 'errorRate' | 'p95Ms'> | null {
  const incoming = edges.filter((edge) => edge.dst === of);
  const rps = incoming.reduce((sum, edge) => sum + edge.rps, 0);
  if (rps === 0) return null;
  return {
    rps,
    errorRate: incoming.reduce((sum, edge) => sum + edge.errorRate * edge.rps, 0) / rps,
    p95Ms: Math.max(...incoming.map((edge) => edge.p95Ms)),
  };
}

function judge(load: Pick<ServiceLoad, 'errorRate'> | null): NodeHealth {
  if (!load) return 'no_data';
  if (load.errorRate >= errorRateFailing) return 'failing';
  return load.errorRate >= errorRateSuspect ? 'suspect' : 'ok';
}

const edgeAnswer = (edge: CallEdge) => ({
  src: edge.src,
  dst: edge.dst,
  rps: edge.rps,
  error_rate: edge.errorRate,
  p50_ms: edge.p50Ms,
  p95_ms: edge.p95Ms,
});
