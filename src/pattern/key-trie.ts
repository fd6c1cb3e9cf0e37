import { openKey } from './form.ts';

interface Node<Value> {
  next: Map<string, Node<Value>>;
  values: Value[];
}

/** Nodes visited for one answer; more need thousands of templates that are alike. */
const visitsMax = 5_000;

/** Keys beyond the first that one open key stands for: values that touch each other are one in a template. */
const runMax = 4;
const partOfRun = /^[\p{L}\p{N},;:|#/\-.+&~]/u;

const isPartOfRun = (key: string): boolean => key === openKey || partOfRun.test(key.trimStart());

/** Finds what was added under keys that fit: equal ones, or open where the question has any key or a run of some. */
export class KeyTrie<Value> {
  readonly #root: Node<Value> = { next: new Map(), values: [] };

  add(keys: readonly string[], value: Value): void {
    let node = this.#root;
    for (const key of keys) {
      const text = key.trimStart();
      let next = node.next.get(text);
      if (!next) {
        next = { next: new Map(), values: [] };
        node.next.set(text, next);
      }
      node = next;
    }
    node.values.push(value);
  }

  find(keys: readonly string[]): Value[] {
    const found: Value[] = [];
    let visits = 0;
    const walk = (node: Node<Value>, index: number): void => {
      if (++visits > visitsMax) return;
      if (index === keys.length) {
        found.push(...node.values);
        return;
      }
      const text = (keys[index] ?? '').trimStart();
      const same = node.next.get(text);
      if (same) walk(same, index + 1);
      const open = node.next.get(openKey);
      if (!open) return;
      if (text !== openKey) walk(open, index + 1);
      for (let run = 1; run <= runMax && isPartOfRun(keys[index + run] ?? ''); run++)
        walk(open, index + run + 1);
    };
    walk(this.#root, 0);
    return found;
  }
}
