import { sha256Hex } from '../lib/index.ts';
import { type DeclaredType, type ResourceRef, type Urn, urnName } from '../model/index.ts';

/**
 * What an edge says; `src` always needs, runs on, holds or leads to `dst`. `CALLS` is observed, the others are declared.
 *
 * - `CALLS` src called dst; `DEPENDS_ON` src needs dst; `RUNS_ON` src runs on (or as) dst
 * - `ROUTES_TO` src hands requests on to dst; `USES` src reads dst (configuration, secret, volume); `SCALES` src sizes dst
 * - `CONTAINS` src holds dst (a group its hosts, a namespace its workloads); `OWNS` src made dst
 */
export const relations = [
  'CALLS',
  'DEPENDS_ON',
  'RUNS_ON',
  'ROUTES_TO',
  'USES',
  'SCALES',
  'CONTAINS',
  'OWNS',
] as const;
export type Relation = (typeof relations)[number];

/** Along these a failure of `dst` reaches `src`. Who only holds, made or sizes something does not fail with it. */
export const dependencyRelations: readonly Relation[] = [
  'CALLS',
  'DEPENDS_ON',
  'RUNS_ON',
  'ROUTES_TO',
  'USES',
];

export interface StructureNode extends ResourceRef<DeclaredType> {
  region?: string;
  zone?: string;
  labels: Record<string, string>;
}

export interface StructureEdge {
  src: Urn;
  dst: Urn;
  relation: Relation;
}

/** What one source says of the world at one moment. */
export interface Structure {
  nodes: StructureNode[];
  edges: StructureEdge[];
  /** What bounds left out, by name. */
  leftOut: Record<string, number>;
}

/** Most edges of one source; more than any file that a person keeps has. */
export const structureEdgesMax = 50_000;
/** Longest URN kept, characters: longer ones are cut, and end in a hash of the whole. */
export const urnCharsMax = 400;
const boundedUrn = (urn: string): Urn =>
  urn.length <= urnCharsMax ? urn : `${urn.slice(0, urnCharsMax - 17)}-${sha256Hex(urn).slice(0, 16)}`;

export const structureRef = (type: DeclaredType, kind: string, path: string): ResourceRef<DeclaredType> => {
  const urn = boundedUrn(`urn:${kind}:${path}`);
  // `urn:k8s:namespace:shop` is called shop.
  return { urn, type, name: urnName(urn).replace(/^[a-z]+:(?=.)/, '') };
};

/** Gathers nodes and edges; each once, what was said first of a node's place wins, labels add up. */
export class StructureBuilder {
  readonly #nodes = new Map<Urn, StructureNode>();
  readonly #edges = new Map<string, StructureEdge>();
  readonly #leftOut: Record<string, number> = {};

  node(
    ref: ResourceRef<DeclaredType>,
    more: Partial<Pick<StructureNode, 'region' | 'zone' | 'labels'>> = {},
  ): Urn {
    const known = this.#nodes.get(ref.urn);
    if (known === undefined) {
      this.#nodes.set(ref.urn, { ...ref, ...more, labels: { ...more.labels } });
      return ref.urn;
    }
    if (known.region === undefined && more.region !== undefined) known.region = more.region;
    if (known.zone === undefined && more.zone !== undefined) known.zone = more.zone;
    Object.assign(known.labels, { ...more.labels, ...known.labels });
    return ref.urn;
  }

  /** Both ends must be nodes of this structure. An edge from a resource to itself says nothing and is dropped. */
  edge(src: Urn, relation: Relation, dst: Urn): void {
    if (src === dst) return;
    const key = `${src} ${relation} ${dst}`;
    if (this.#edges.has(key)) return;
    if (this.#edges.size >= structureEdgesMax) this.leave('edges', 1);
    else this.#edges.set(key, { src, dst, relation });
  }

  leave(what: string, n: number): void {
    if (n > 0) this.#leftOut[what] = (this.#leftOut[what] ?? 0) + n;
  }

  done(): Structure {
    return { nodes: [...this.#nodes.values()], edges: [...this.#edges.values()], leftOut: this.#leftOut };
  }
}
