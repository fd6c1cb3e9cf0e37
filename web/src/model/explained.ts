/** What a case's charts and map show of the explanation: the way from the cause to those who suffer, and the usual range. */
import type { SeriesPoint } from '../../../src/model/index.ts';

interface Calls {
  nodes: readonly { service: string }[];
  edges: readonly { from: string; to: string }[];
}

export interface ExplainedPath {
  /** The cause as the graph names it; undefined when the graph does not hold it. */
  cause: string | undefined;
  nodes: ReadonlySet<string>;
  /** `from to` of each call on the way. */
  edges: ReadonlySet<string>;
}

export const callId = (edge: { from: string; to: string }): string => `${edge.from} ${edge.to}`;

/** From the cause against the calls, as long as who calls is known to suffer. */
export function explainedPath(
  graph: Calls,
  cause: { resource: string; service: string } | undefined,
  affected: readonly string[],
): ExplainedPath {
  const known = new Set(graph.nodes.map((node) => node.service));
  const start = [cause?.resource, cause?.service].find((name) => name !== undefined && known.has(name));
  const nodes = new Set<string>();
  const edges = new Set<string>();
  if (start === undefined) return { cause: undefined, nodes, edges };
  const suffers = new Set(affected);
  nodes.add(start);
  for (const reached of nodes)
    for (const edge of graph.edges) {
      if (edge.to !== reached || !suffers.has(edge.from)) continue;
      edges.add(callId(edge));
      nodes.add(edge.from);
    }
  return { cause: start, nodes, edges };
}

/** Median of the measured points before the incident; null where there are none. */
export function medianOf(
  points: readonly SeriesPoint[],
  window: { from: number; to: number },
): number | null {
  const values = points
    .filter((point) => point.at >= window.from && point.at < window.to && point.value !== null)
    .map((point) => point.value as number)
    .sort((a, b) => a - b);
  const [low, high] = [values[Math.floor((values.length - 1) / 2)], values[Math.floor(values.length / 2)]];
  return low === undefined || high === undefined ? null : (low + high) / 2;
}

/** The part of a chart where something was measured, with a margin; a service that started late leaves no empty half. */
export function measuredRange(
  points: readonly SeriesPoint[],
  atLeast: { from: number; to: number },
): { from: number; to: number } {
  const measured = points.filter((point) => point.value !== null);
  // A counter that stands at 0 before it began to be measured says nothing, either.
  const first = measured.find((point) => point.value !== 0) ?? measured[0];
  const from = Math.min(first?.at ?? atLeast.from, atLeast.from);
  const to = Math.max(measured.at(-1)?.at ?? atLeast.to, atLeast.to);
  return { from: from - (to - from) * 0.02, to };
}

/** Figures before and after that a sentence was made of, where it has both: to be seen as two bars. */
const pairs: Record<string, { before: string; now: string }> = {
  'own_time.up': { before: 'before', now: 'now' },
  'version.worse': { before: 'p95Before', now: 'p95' },
  'statement.slow': { before: 'before', now: 'now' },
  dependency: { before: 'p95Before', now: 'p95' },
};

export interface Compared {
  before: number;
  now: number;
  /** What the two are called, where they are not before and now: versions. */
  names?: { before: string; now: string };
}

/** Milliseconds, both. Null where the sentence holds no such pair. */
export function comparedMs(
  code: string | undefined,
  params: Record<string, unknown> | undefined,
): Compared | null {
  const pair = code === undefined ? undefined : pairs[code];
  if (pair === undefined || params === undefined) return null;
  const [before, now] = [Number(params[pair.before]), Number(params[pair.now])];
  if (!Number.isFinite(before) || !Number.isFinite(now) || Math.max(before, now) <= 0) return null;
  return code === 'version.worse'
    ? { before, now, names: { before: String(params.previous), now: String(params.version) } }
    : { before, now };
}
