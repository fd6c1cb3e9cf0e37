/** What belongs together: anomalies that began at about the same time on resources that are the same or call each other. */
export interface Groupable {
  id: string;
  resourceIds: readonly string[];
  /** The onset's interval, milliseconds since 1970. */
  from: number;
  to: number;
  /** Group it is in already; null for a new one. */
  group: string | null;
}

/** Onsets this far apart may be one event that travels through the call graph. */
const apartMsMax = 600_000;

/** Answers the group of each; a group is named by its oldest known member. `connected` tells whether one resource calls the other. */
export function groupsOf(
  anomalies: readonly Groupable[],
  connected: (a: string, b: string) => boolean,
): Map<string, string> {
  const root = anomalies.map((_, i) => i);
  const find = (i: number): number => {
    let at = i;
    while (root[at] !== at) at = root[at] as number;
    return at;
  };
  for (const [i, a] of anomalies.entries())
    for (let j = 0; j < i; j++) {
      const b = anomalies[j] as Groupable;
      if (together(a, b, connected)) root[Math.max(find(i), find(j))] = Math.min(find(i), find(j));
    }
  const names = new Map<number, { name: string; known: boolean; from: number }>();
  for (const [i, each] of anomalies.entries()) {
    const known = each.group !== null;
    const name = { name: each.group ?? each.id, known, from: each.from };
    const present = names.get(find(i));
    if (!present || (known && !present.known) || (known === present.known && each.from < present.from))
      names.set(find(i), name);
  }
  return new Map(anomalies.map((each, i) => [each.id, names.get(find(i))?.name ?? each.id]));
}

function together(a: Groupable, b: Groupable, connected: (a: string, b: string) => boolean): boolean {
  if (a.from - b.to > apartMsMax || b.from - a.to > apartMsMax) return false;
  return a.resourceIds.some((one) => b.resourceIds.some((other) => one === other || connected(one, other)));
}
