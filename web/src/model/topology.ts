/**
 * What the map draws besides the calls of a moment: what is declared, what is different between two moments, who is
 * affected by whom, the way between two. Pure; the same answers as the server's, over the graph that is on the screen.
 */
import { type Graph, groupOf, type MapEdge, type MapNode } from './maplayout.ts';

export type Status = 'added' | 'removed' | 'kept';

export interface TopologyAnswer {
  nodes: { urn: string; name: string; type: string; status?: Status }[];
  edges: { src: string; dst: string; relation: string; sources: string[]; status?: Status }[];
  truncated: boolean;
}

export const layers = ['calls', 'declared', 'all'] as const;
export type Layer = (typeof layers)[number];

/** Along these a failure reaches who stands before; the others only group. As the server's list. */
const dependencies = new Set(['CALLS', 'DEPENDS_ON', 'RUNS_ON', 'ROUTES_TO', 'USES']);

/** Callers of whom there is no span: users and browsers, senders without telemetry, spans that were lost or not sampled. */
export const outsideUrn = 'urn:ext:unknown';

/** The same graph with the outside under a name, its figures those of the calls that come in from it. */
export function withOutside(graph: Graph, name: string): Graph {
  if (!graph.nodes.some((node) => node.urn === outsideUrn)) return graph;
  const calls = graph.edges.filter((edge) => edge.src === outsideUrn && edge.status !== 'removed');
  const rps = calls.reduce((sum, edge) => sum + edge.rps, 0);
  const failed = calls.reduce((sum, edge) => sum + edge.rps * edge.error_rate, 0);
  const outside = { service: name, type: 'outside', rps, error_rate: rps > 0 ? failed / rps : 0 };
  return {
    nodes: graph.nodes.map((node) => (node.urn === outsideUrn ? { ...node, ...outside } : node)),
    edges: graph.edges,
  };
}

const still = { rps: 0, error_rate: 0, p95_ms: null };

/**
 * Topology as a graph to draw: figures come from the calls of the moment where there are any. Several relations between
 * the same two are one line. Who only holds others (a stack, a namespace, a group) is left out where lines between what
 * it holds remain: it would be drawn to everything.
 */
export function drawnTopology(answer: TopologyAnswer, calls: Graph | undefined): Graph {
  const figures = new Map((calls?.nodes ?? []).map((node) => [node.urn, node]));
  const rates = new Map((calls?.edges ?? []).map((edge) => [`${edge.src} ${edge.dst}`, edge]));
  const linking = answer.edges.filter((edge) => dependencies.has(edge.relation));
  const shown =
    linking.length > 0 ? answer.edges.filter((edge) => edge.relation !== 'CONTAINS') : answer.edges;
  const ends = new Set(shown.flatMap((edge) => [edge.src, edge.dst]));
  const nodes = answer.nodes
    .filter((node) => ends.has(node.urn))
    .map((node): MapNode => {
      const known = figures.get(node.urn);
      return {
        urn: node.urn,
        service: node.name || node.urn,
        type: node.type,
        health: known?.health ?? 'no_data',
        rps: known?.rps ?? 0,
        error_rate: known?.error_rate ?? 0,
        p95_ms: known?.p95_ms ?? null,
        ...(node.status === undefined ? {} : { status: node.status }),
      };
    });
  const edges = new Map<string, MapEdge>();
  for (const edge of shown) {
    const key = `${edge.src} ${edge.dst}`;
    const before = edges.get(key);
    const relation = before?.relation === undefined ? edge.relation : `${before.relation} · ${edge.relation}`;
    const status = before?.status === undefined || before.status === edge.status ? edge.status : 'kept';
    const rate = rates.get(key) ?? { ...still, p50_ms: null };
    edges.set(key, {
      src: edge.src,
      dst: edge.dst,
      rps: rate.rps,
      error_rate: rate.error_rate,
      p50_ms: rate.p50_ms,
      p95_ms: rate.p95_ms,
      relation,
      ...(status === undefined ? {} : { status }),
    });
  }
  return { nodes, edges: [...edges.values()] };
}

/** The calls of two moments: what only the later one has is new, what only the earlier one had is gone. */
export function comparedCalls(before: Graph, after: Graph): Graph {
  const statusOf = (was: boolean, is: boolean): Status => (was && is ? 'kept' : is ? 'added' : 'removed');
  const union = <One>(
    earlier: One[],
    later: One[],
    keyOf: (one: One) => string,
  ): (One & { status: Status })[] => {
    const was = new Map(earlier.map((one) => [keyOf(one), one]));
    const is = new Map(later.map((one) => [keyOf(one), one]));
    return [...new Map([...was, ...is])].map(([key, one]) => ({
      ...one,
      status: statusOf(was.has(key), is.has(key)),
    }));
  };
  return {
    nodes: union(before.nodes, after.nodes, (node) => node.urn).map((node) =>
      node.status === 'removed' ? { ...node, ...still, health: 'no_data' } : node,
    ),
    edges: union(before.edges, after.edges, (edge) => `${edge.src} ${edge.dst}`),
  };
}

/** The calls, joined with what is declared; what one of them had before is not new. */
export function joinedGraphs(calls: Graph, declared: Graph): Graph {
  const join = <One extends { status?: Status }>(
    first: One[],
    second: One[],
    keyOf: (one: One) => string,
  ): One[] => {
    const all = new Map(first.map((one) => [keyOf(one), one]));
    for (const one of second) {
      const known = all.get(keyOf(one));
      const both = known !== undefined && known.status !== one.status ? { status: 'kept' as const } : {};
      all.set(keyOf(one), { ...known, ...one, ...both });
    }
    return [...all.values()];
  };
  return {
    nodes: join(declared.nodes, calls.nodes, (node) => node.urn),
    edges: join(declared.edges, calls.edges, (edge) => `${edge.src} ${edge.dst}`),
  };
}

/** Distance of everything that is reached from `start`, against the lines (`up`: who needs it) or along them (`down`). */
export function reach(graph: Graph, start: string, direction: 'up' | 'down'): Map<string, number> {
  const next = new Map<string, string[]>();
  for (const edge of graph.edges) {
    if (edge.status === 'removed') continue;
    const [from, to] = direction === 'up' ? [edge.dst, edge.src] : [edge.src, edge.dst];
    next.set(from, [...(next.get(from) ?? []), to]);
  }
  const reached = new Map([[start, 0]]);
  let front = [start];
  for (let distance = 1; front.length > 0; distance++) {
    const found: string[] = [];
    for (const urn of front)
      for (const to of next.get(urn) ?? [])
        if (!reached.has(to)) {
          reached.set(to, distance);
          found.push(to);
        }
    front = found;
  }
  reached.delete(start);
  return reached;
}

/** A shortest way along the lines from one to the other, or the other way round; null when there is neither. */
export function wayBetween(graph: Graph, a: string, b: string): string[] | null {
  return wayFrom(graph, a, b) ?? wayFrom(graph, b, a);
}

function wayFrom(graph: Graph, from: string, to: string): string[] | null {
  const levels = reach(graph, from, 'down');
  levels.set(from, 0);
  const way = [to];
  for (let at = to, level = levels.get(to); at !== from; ) {
    if (level === undefined) return null;
    const wanted = level - 1;
    const end = at;
    const before = graph.edges
      .filter((edge) => edge.dst === end && edge.status !== 'removed' && levels.get(edge.src) === wanted)
      .map((edge) => edge.src)
      .sort()[0];
    if (before === undefined) return null;
    way.unshift(before);
    at = before;
    level = wanted;
  }
  return way;
}

/** `urn:cloud:aws:…` → aws; others as services are. */
export function groupName(node: MapNode): string {
  const cloud = /^urn:cloud:([^:]+):/.exec(node.urn)?.[1];
  if (cloud !== undefined) return cloud;
  const namespace = /^urn:k8s:[^:]+:([^/]+)\//.exec(node.urn)?.[1];
  return namespace ?? groupOf(node);
}

/** How far back the slider reaches, and how far one step goes. */
export const spans = { '1h': 60_000, '6h': 300_000, '24h': 900_000, '7d': 3_600_000 } as const;
export type Span = keyof typeof spans;
export const spanMs: Readonly<Record<Span, number>> = {
  '1h': 3_600_000,
  '6h': 21_600_000,
  '24h': 86_400_000,
  '7d': 604_800_000,
};

export interface Mark {
  at: number;
  kind: 'change' | 'incident' | 'topology';
  text: string;
}

/** Marks closer together than the eye can part become one, with all their texts. */
export function bundled(marks: readonly Mark[], nearMs: number): (Mark & { count: number })[] {
  const result: (Mark & { count: number })[] = [];
  for (const mark of [...marks].sort((a, b) => a.at - b.at)) {
    const last = result.findLast((one) => one.kind === mark.kind);
    if (last !== undefined && mark.at - last.at < nearMs) {
      last.count++;
      if (last.count <= 5) last.text += `\n${mark.text}`;
      else if (last.count === 6) last.text += '\n…';
    } else result.push({ ...mark, count: 1 });
  }
  return result;
}
