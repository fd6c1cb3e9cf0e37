import { isAlias, isMap, isPair, isScalar, isSeq, type Node, type Scalar, type YAMLMap } from 'yaml';

/** A node of a document with the way to it; keys and positions as text. */
export interface Visited {
  path: readonly string[];
  node: Node;
  /** The map or list that holds it. */
  parent: Node | null;
}

/** Deeper than any configuration; a file of brackets alone ends here. */
const depthMax = 64;

/** Every map, list and scalar of a document. Aliases are not followed: what they point at is visited where it stands. */
export function* walk(
  node: unknown,
  path: readonly string[] = [],
  parent: Node | null = null,
): Generator<Visited> {
  if (path.length > depthMax || !isNode(node)) return;
  yield { path, node, parent };
  if (isMap(node)) {
    for (const pair of node.items) {
      if (!isPair(pair)) continue;
      yield* walk(pair.value, [...path, textOf(pair.key)], node);
    }
  } else if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) yield* walk(item, [...path, String(index)], node);
  }
}

const isNode = (value: unknown): value is Node =>
  isMap(value) || isSeq(value) || isScalar(value) || isAlias(value);

/** The text of a scalar; '' for anything else. */
export function textOf(node: unknown): string {
  if (!isScalar(node)) return '';
  return node.value === null || node.value === undefined ? '' : String(node.value);
}

export function valueAt(node: unknown, key: string): unknown {
  if (!isMap(node)) return undefined;
  return node.items.find((pair) => textOf(pair.key) === key)?.value ?? undefined;
}

/** The first of the keys that the map has. */
export function anyOf(node: YAMLMap, keys: readonly string[]): Node | undefined {
  for (const key of keys) {
    const value = valueAt(node, key);
    if (isNode(value)) return value;
  }
  return undefined;
}

export const scalarsOf = (node: unknown): Scalar[] =>
  isScalar(node) ? [node] : isSeq(node) ? node.items.filter((item) => isScalar(item)) : [];

/** Whether a path fits a pattern of `*` (one step) and `**` (any number). */
export function fits(pattern: readonly string[], path: readonly string[], at = 0, from = 0): boolean {
  if (at === pattern.length) return from === path.length;
  const step = pattern[at];
  if (step === '**') {
    for (let next = from; next <= path.length; next++) if (fits(pattern, path, at + 1, next)) return true;
    return false;
  }
  if (from >= path.length || (step !== '*' && step !== path[from])) return false;
  return fits(pattern, path, at + 1, from + 1);
}
