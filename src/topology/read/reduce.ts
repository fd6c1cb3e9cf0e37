/** Edges looked at by the reduction; a larger graph is drawn as it is. */
const reducedMax = 20_000;

/**
 * The edges that do not follow from others: of a→b, b→c and a→c the last one goes. With `n`
 * nodes of out-degree `d` it takes n·d steps of a search that stops at what it has seen.
 */
export function reducedEdges(needs: ReadonlyMap<string, ReadonlySet<string>>): [string, string][] {
  const all = [...needs].flatMap(([from, set]) =>
    [...set].filter((to) => to !== from).map((to): [string, string] => [from, to]),
  );
  if (all.length > reducedMax) return all;
  return all.filter(([from, to]) => !reachesOtherwise(needs, from, to));
}

function reachesOtherwise(
  needs: ReadonlyMap<string, ReadonlySet<string>>,
  from: string,
  to: string,
): boolean {
  const seen = new Set<string>([from]);
  const open = [...(needs.get(from) ?? [])].filter((next) => next !== to);
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    for (const next of needs.get(at) ?? []) {
      if (next === to) return true;
      if (!seen.has(next)) open.push(next);
    }
  }
  return false;
}
