import type { Incident } from '../incident.ts';

/** Who calls whom, who runs where; from topology, calls, and spans. Edges may be wrong or missing. */
export class CallGraph {
  readonly nodes = new Set<string>();
  readonly #callees = new Map<string, Set<string>>();
  readonly #callers = new Map<string, Set<string>>();
  readonly #hosts = new Map<string, Set<string>>();

  call(src: string, dst: string): void {
    this.nodes.add(src);
    this.nodes.add(dst);
    if (src === dst) return;
    put(this.#callees, src, dst);
    put(this.#callers, dst, src);
  }

  runsOn(resource: string, host: string): void {
    this.nodes.add(resource);
    this.nodes.add(host);
    put(this.#hosts, resource, host);
  }

  callees(node: string): readonly string[] {
    return [...(this.#callees.get(node) ?? [])];
  }
  callers(node: string): readonly string[] {
    return [...(this.#callers.get(node) ?? [])];
  }
  hosts(node: string): readonly string[] {
    return [...(this.#hosts.get(node) ?? [])];
  }
  get hasCalls(): boolean {
    return this.#callees.size > 0;
  }

  /** Everything that a node's answers depend on, itself included; with the number of calls in between. */
  downstream(node: string): Map<string, number> {
    return reach(node, (at) => [...this.callees(at), ...this.hosts(at)]);
  }
  /** Everything that suffers when the node does, itself included. */
  upstream(node: string): Map<string, number> {
    return reach(node, (at) => this.callers(at));
  }
}

const put = (map: Map<string, Set<string>>, key: string, value: string): void => {
  const set = map.get(key);
  if (set) set.add(value);
  else map.set(key, new Set([value]));
};

function reach(start: string, next: (node: string) => readonly string[]): Map<string, number> {
  const steps = new Map([[start, 0]]);
  const queue = [start];
  for (let i = 0; i < queue.length; i++) {
    const at = queue[i] ?? '';
    for (const node of next(at)) {
      if (steps.has(node)) continue;
      steps.set(node, (steps.get(at) ?? 0) + 1);
      queue.push(node);
    }
  }
  return steps;
}

const callWords = /^(CALLS|DEPENDS_ON|USES|QUERIES|READS|WRITES|ROUTES_TO|PUBLISHES|CONSUMES)/;
const hostWords = /^(RUNS_ON|HOSTED_ON|SCHEDULED_ON|DEPLOYED_ON|MOUNTS|CONTAINED_IN|PART_OF)/;

export function graphOf(incident: Incident): CallGraph {
  const graph = new CallGraph();
  for (const one of incident.series) graph.nodes.add(one.service);
  for (const { src, dst, relation } of incident.edges) {
    if (hostWords.test(relation)) graph.runsOn(src, dst);
    else if (callWords.test(relation)) graph.call(src, dst);
  }
  for (const { src, dst } of incident.calls) graph.call(src, dst);
  const serviceOf = new Map(incident.spans.map((span) => [`${span.traceId} ${span.spanId}`, span.service]));
  for (const span of incident.spans) {
    graph.nodes.add(span.service);
    const parent = serviceOf.get(`${span.traceId} ${span.parentId}`);
    if (parent !== undefined && parent !== span.service) graph.call(parent, span.service);
  }
  for (const log of incident.logs) graph.nodes.add(log.service);
  return graph;
}
