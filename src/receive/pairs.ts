import type { Pair } from './log-sink.ts';

/** A name that comes more than once keeps all its values, as a JSON list; the others are as they were. */
export function mergeRepeated(pairs: readonly Pair[]): readonly Pair[] {
  const values = new Map<string, string[]>();
  for (const [name, value] of pairs) {
    const known = values.get(name);
    if (known === undefined) values.set(name, [value]);
    else known.push(value);
  }
  if (values.size === pairs.length) return pairs;
  return [...values].map(
    ([name, list]): Pair => [name, list.length === 1 ? (list[0] ?? '') : JSON.stringify(list)],
  );
}
