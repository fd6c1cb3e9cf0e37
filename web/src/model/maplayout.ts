/**
 * A calls graph as layers from left to right: callers before what they call. Small and deterministic, so that the same
 * graph always looks the same. Above `groupAbove` nodes services are drawn as groups: a map that nobody can read is none.
 */
export interface MapNode {
  urn: string;
  service: string;
  type: string;
  health: string;
  rps: number;
  error_rate: number;
  p95_ms: number | null;
  /** Compared with another moment. */
  status?: 'added' | 'removed' | 'kept';
}

export interface MapEdge {
  src: string;
  dst: string;
  rps: number;
  error_rate: number;
  p50_ms: number | null;
  p95_ms: number | null;
  /** What the line says, where it is not a call alone. */
  relation?: string;
  status?: 'added' | 'removed' | 'kept';
}

export interface Graph<
  N extends { urn: string } = MapNode,
  E extends { src: string; dst: string } = MapEdge,
> {
  nodes: N[];
  edges: E[];
}

export interface Placed {
  urn: string;
  layer: number;
  row: number;
  x: number;
  y: number;
}

export const groupAbove = 40;
/** Sweeps of the ordering; more change nothing on graphs of this size. */
const sweeps = 6;

export interface Spacing {
  x: number;
  y: number;
}

export interface Layout {
  nodes: Placed[];
  /** Points that an edge passes between its ends, by `edgeId`; only edges that span several layers have any. */
  bends: Map<string, { x: number; y: number }[]>;
}

export const edgeId = (edge: { src: string; dst: string }): string => `${edge.src} ${edge.dst}`;

/** A place that an edge holds free in a layer it only passes. */
const bendName = (edge: { src: string; dst: string }, layer: number): string =>
  `\u0000${edgeId(edge)} ${layer}`;

export function layOut(
  graph: Graph<{ urn: string }, { src: string; dst: string }>,
  spacing: Spacing,
): Layout {
  const urns = [...new Set(graph.nodes.map((node) => node.urn))].sort();
  const known = new Set(urns);
  const edges = graph.edges.filter((e) => e.src !== e.dst && known.has(e.src) && known.has(e.dst));
  const forward = withoutCycles(urns, edges);
  const layerOf = layersOf(urns, forward);
  const pieces = cutUp(forward, layerOf);
  const columns = orderRows([...urns, ...pieces.places], pieces.layerOf, pieces.edges);
  const tallest = Math.max(1, ...columns.map((column) => column.length));
  const spots = columns.flatMap((column, layer) =>
    column.map((urn, row) => ({
      urn,
      layer,
      row,
      x: layer * spacing.x,
      y: (row + (tallest - column.length) / 2) * spacing.y,
    })),
  );
  const spotOf = new Map(spots.map((spot) => [spot.urn, spot]));
  const bends = new Map<string, { x: number; y: number }[]>();
  for (const edge of edges) {
    const way = pieces.ways.get(edgeId(edge)) ?? pieces.ways.get(`${edge.dst} ${edge.src}`)?.toReversed();
    const points = (way ?? []).flatMap((place) => spotOf.get(place) ?? []);
    if (points.length > 0)
      bends.set(
        edgeId(edge),
        points.map(({ x, y }) => ({ x, y })),
      );
  }
  return { nodes: spots.filter((spot) => known.has(spot.urn)), bends };
}

/** Edges over several layers as a chain of short ones, with a place kept free in each layer they pass. */
function cutUp(edges: Edges, layers: Map<string, number>) {
  const layerOf = new Map(layers);
  const places: string[] = [];
  const short: Edges = [];
  const ways = new Map<string, string[]>();
  for (const edge of edges) {
    const way: string[] = [];
    const last = layers.get(edge.dst) ?? 0;
    for (let layer = (layers.get(edge.src) ?? 0) + 1; layer < last; layer++) {
      const place = bendName(edge, layer);
      layerOf.set(place, layer);
      way.push(place);
    }
    if (!ways.has(edgeId(edge))) places.push(...way);
    ways.set(edgeId(edge), way);
    const stations = [edge.src, ...way, edge.dst];
    for (let i = 1; i < stations.length; i++) {
      const [src, dst] = [stations[i - 1], stations[i]];
      if (src !== undefined && dst !== undefined) short.push({ src, dst });
    }
  }
  return { layerOf, places, edges: short, ways };
}

type Edges = { src: string; dst: string }[];

/** Edges that would close a cycle, found depth first from the callers nobody calls, are turned round. */
function withoutCycles(urns: string[], edges: Edges): Edges {
  const called = new Set(edges.map((e) => e.dst));
  const out = new Map<string, string[]>();
  for (const e of edges) out.set(e.src, [...(out.get(e.src) ?? []), e.dst]);
  const state = new Map<string, 'open' | 'done'>();
  const back = new Set<string>();
  const visit = (start: string): void => {
    const stack: { urn: string; next: number }[] = [{ urn: start, next: 0 }];
    state.set(start, 'open');
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const target = (out.get(top.urn) ?? [])[top.next++];
      if (target === undefined) {
        state.set(top.urn, 'done');
        stack.pop();
      } else if (state.get(target) === 'open') back.add(`${top.urn} ${target}`);
      else if (!state.has(target)) {
        state.set(target, 'open');
        stack.push({ urn: target, next: 0 });
      }
    }
  };
  const starts = [...urns].sort((a, b) => Number(called.has(a)) - Number(called.has(b)));
  for (const urn of starts) if (!state.has(urn)) visit(urn);
  return edges.map((e) => (back.has(`${e.src} ${e.dst}`) ? { src: e.dst, dst: e.src } : e));
}

/** Longest path from the left: everything stands right of all its callers. */
function layersOf(urns: string[], edges: Edges): Map<string, number> {
  const layer = new Map(urns.map((urn) => [urn, 0]));
  for (let pass = 0; pass < urns.length; pass++) {
    let moved = false;
    for (const e of edges) {
      const wanted = (layer.get(e.src) ?? 0) + 1;
      if (wanted > (layer.get(e.dst) ?? 0)) {
        layer.set(e.dst, wanted);
        moved = true;
      }
    }
    if (!moved) break;
  }
  return layer;
}

/** Rows of a layer by the mean row of their neighbours, left to right and back, so that few lines cross. */
function orderRows(urns: string[], layerOf: Map<string, number>, edges: Edges): string[][] {
  const columns: string[][] = [];
  for (const urn of urns) {
    const layer = layerOf.get(urn) ?? 0;
    while (columns.length <= layer) columns.push([]);
    columns[layer]?.push(urn);
  }
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const leftToRight = sweep % 2 === 0;
    const rowOf = new Map<string, number>();
    for (const column of columns) {
      for (const [i, urn] of column.entries()) rowOf.set(urn, i - column.length / 2);
    }
    for (const column of leftToRight ? columns : [...columns].reverse()) {
      const weight = new Map(
        column.map((urn, i) => [urn, meanRow(urn, edges, rowOf, leftToRight) ?? i - column.length / 2]),
      );
      column.sort((a, b) => (weight.get(a) ?? 0) - (weight.get(b) ?? 0) || (a < b ? -1 : 1));
      for (const [i, urn] of column.entries()) rowOf.set(urn, i - column.length / 2);
    }
  }
  return columns;
}

function meanRow(
  urn: string,
  edges: Edges,
  rowOf: Map<string, number>,
  fromLeft: boolean,
): number | undefined {
  const rows = edges
    .filter((e) => (fromLeft ? e.dst : e.src) === urn)
    .map((e) => rowOf.get(fromLeft ? e.src : e.dst))
    .filter((row) => row !== undefined);
  return rows.length === 0 ? undefined : rows.reduce((sum, row) => sum + row, 0) / rows.length;
}

/** What lies within `hops` calls of `focus`, in either direction. */
export function around(graph: Graph, focus: string, hops: number): Graph {
  let near = new Set([focus]);
  for (let hop = 0; hop < hops; hop++) {
    const wider = new Set(near);
    for (const e of graph.edges) {
      if (near.has(e.src)) wider.add(e.dst);
      if (near.has(e.dst)) wider.add(e.src);
    }
    near = wider;
  }
  return {
    nodes: graph.nodes.filter((node) => near.has(node.urn)),
    edges: graph.edges.filter((e) => near.has(e.src) && near.has(e.dst)),
  };
}

const rank: Record<string, number> = { no_data: 0, ok: 1, suspect: 2, failing: 3 };
export const worse = (a: string, b: string): string => ((rank[b] ?? 0) > (rank[a] ?? 0) ? b : a);

/** `urn:k8s:svc:shop/cart` → `shop`; otherwise what stands before the first dash or dot of the name, or its type. */
export function groupOf(node: MapNode): string {
  const namespace = /^urn:k8s:svc:([^/]+)\//.exec(node.urn)?.[1];
  if (namespace !== undefined) return namespace;
  if (node.type !== 'service') return node.type;
  return /^([a-z0-9]{2,})[-.]/i.exec(node.service)?.[1] ?? node.type;
}

export interface Grouped extends Graph {
  /** Group urn (`group:shop`) to what it holds. */
  members: Map<string, MapNode[]>;
}

/** Above the limit, every group that is not opened becomes one node; calls between the same two are added up. */
export function grouped(
  graph: Graph,
  opened: ReadonlySet<string>,
  limit = groupAbove,
  nameOf = groupOf,
): Grouped {
  if (graph.nodes.length <= limit) return { ...graph, members: new Map() };
  const members = new Map<string, MapNode[]>();
  const standsFor = new Map<string, string>();
  const nodes: MapNode[] = [];
  for (const node of graph.nodes) {
    const name = nameOf(node);
    if (opened.has(name)) {
      nodes.push(node);
      continue;
    }
    const urn = `group:${name}`;
    standsFor.set(node.urn, urn);
    members.set(urn, [...(members.get(urn) ?? []), node]);
  }
  for (const [urn, held] of members) nodes.push(groupNode(urn, held));
  return { nodes, edges: mergedEdges(graph.edges, standsFor), members };
}

function groupNode(urn: string, held: MapNode[]): MapNode {
  const rps = held.reduce((sum, node) => sum + node.rps, 0);
  const failed = held.reduce((sum, node) => sum + node.rps * node.error_rate, 0);
  return {
    urn,
    service: urn.slice('group:'.length),
    type: 'group',
    health: held.map((node) => node.health).reduce(worse, 'no_data'),
    rps,
    error_rate: rps === 0 ? 0 : failed / rps,
    p95_ms: held.reduce<number | null>((max, node) => maxOf(max, node.p95_ms), null),
    ...statusOf(held),
  };
}

/** Of several, the status that all have; otherwise something of both stayed. */
function statusOf(held: readonly { status?: MapNode['status'] }[]): { status?: MapNode['status'] } {
  const all = new Set(held.map((one) => one.status));
  const [first] = all;
  if (first === undefined) return {};
  return { status: all.size === 1 ? first : 'kept' };
}

const maxOf = (a: number | null, b: number | null): number | null =>
  a === null ? b : b === null ? a : Math.max(a, b);

function mergedEdges(edges: MapEdge[], standsFor: ReadonlyMap<string, string>): MapEdge[] {
  const merged = new Map<string, MapEdge>();
  for (const e of edges) {
    const src = standsFor.get(e.src) ?? e.src;
    const dst = standsFor.get(e.dst) ?? e.dst;
    if (src === dst) continue;
    const key = `${src} ${dst}`;
    const known = merged.get(key);
    if (known === undefined) {
      merged.set(key, { ...e, src, dst });
      continue;
    }
    const rps = known.rps + e.rps;
    merged.set(key, {
      src,
      dst,
      rps,
      error_rate: rps === 0 ? 0 : (known.rps * known.error_rate + e.rps * e.error_rate) / rps,
      p50_ms: maxOf(known.p50_ms, e.p50_ms),
      p95_ms: maxOf(known.p95_ms, e.p95_ms),
      ...(known.relation === undefined ? {} : { relation: known.relation }),
      ...statusOf([known, e]),
    });
  }
  return [...merged.values()];
}

/** Line width by rate: 1 px for a trickle, 6 px for the busiest edge, by logarithm. */
export function edgeWidth(rps: number, busiest: number): number {
  if (!(rps > 0) || !(busiest > 0)) return 1;
  return 1 + 5 * (Math.log1p(rps) / Math.log1p(busiest));
}
