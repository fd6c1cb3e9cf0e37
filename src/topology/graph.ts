import type { ResourceType, Urn } from '../model/index.ts';

/** One resource calling another over a window. `dstService` is empty for databases and outside peers. */
export interface CallEdge {
  src: Urn;
  dst: Urn;
  srcService: string;
  dstService: string;
  dstType: ResourceType;
  rps: number;
  /** 0–1. */
  errorRate: number;
  p50Ms: number;
  p95Ms: number;
}

/** What a service was asked in the same window. */
export interface ServiceLoad {
  service: string;
  rps: number;
  errorRate: number;
  p95Ms: number;
}

/** `down` follows calls to the callees, `up` to the callers. */
export type Direction = 'down' | 'up' | 'both';

/** No call chain of a real system is longer; it also ends walks over stored data that grew strange. */
export const hopsMax = 20;

interface Step {
  next: Urn;
  edge: CallEdge;
}

function steps(edges: readonly CallEdge[], direction: Direction): (urn: Urn) => readonly Step[] {
  const from = new Map<Urn, Step[]>();
  const add = (urn: Urn, step: Step) => {
    const list = from.get(urn);
    if (list) list.push(step);
    else from.set(urn, [step]);
  };
  for (const edge of edges) {
    if (direction !== 'up') add(edge.src, { next: edge.dst, edge });
    if (direction !== 'down') add(edge.dst, { next: edge.src, edge });
  }
  return (urn) => from.get(urn) ?? [];
}

/** Distance in calls of everything that can be reached from `start`; `start` itself has 0. */
export function distances(
  edges: readonly CallEdge[],
  start: Urn,
  depth: number,
  direction: Direction,
): Map<Urn, number> {
  const next = steps(edges, direction);
  const reached = new Map<Urn, number>([[start, 0]]);
  let front: Urn[] = [start];
  for (let hop = 1; hop <= Math.min(depth, hopsMax) && front.length > 0; hop++) {
    const found: Urn[] = [];
    for (const urn of front) {
      for (const step of next(urn)) {
        if (reached.has(step.next)) continue;
        reached.set(step.next, hop);
        found.push(step.next);
      }
    }
    front = found;
  }
  return reached;
}

/** The calls between the resources within `depth` calls of `start`. */
export function hops(
  edges: readonly CallEdge[],
  start: Urn,
  depth: number,
  direction: Direction,
): CallEdge[] {
  const reached = distances(edges, start, depth, direction);
  return edges.filter((edge) => reached.has(edge.src) && reached.has(edge.dst));
}

export interface Affected {
  urn: Urn;
  distance: number;
}

/** Who suffers when `urn` fails: its callers, their callers, and so on, the nearest first. */
export function impact(edges: readonly CallEdge[], urn: Urn): Affected[] {
  return [...distances(edges, urn, hopsMax, 'up')]
    .filter(([affected]) => affected !== urn)
    .map(([affected, distance]) => ({ urn: affected, distance }))
    .sort((a, b) => a.distance - b.distance || (a.urn < b.urn ? -1 : 1));
}

/** A chain of calls with the fewest links, or null when `dst` can't be reached. Ties are broken by URN. */
export function shortestPath(edges: readonly CallEdge[], src: Urn, dst: Urn): Urn[] | null {
  const level = distances(edges, src, hopsMax, 'down');
  const distance = level.get(dst);
  if (distance === undefined) return null;
  const callers = steps(edges, 'up');
  const path: Urn[] = [dst];
  let at = dst;
  for (let left = distance - 1; left >= 0; left--) {
    const before = callers(at)
      .map((step) => step.next)
      .filter((urn) => level.get(urn) === left)
      .sort()[0];
    if (before === undefined) return null;
    path.unshift(before);
    at = before;
  }
  return path;
}
