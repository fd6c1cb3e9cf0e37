import { mask, wildcard } from './mask.ts';

/** One example message of a shape and how often the shape came. */
export interface PatternSample {
  /** Unsigned 64-bit, as decimal text; any other stable name does as well. */
  shape: string;
  message: string;
  count: number;
}

export interface MinedTemplate {
  /** Constant text with `<*>` for variables; tokens are separated by one space. */
  template: string;
  count: number;
  shapes: string[];
  /** The message of the commonest shape, and how often that shape came. */
  example: string;
  exampleCount: number;
}

export interface Mining {
  templates: MinedTemplate[];
  templateOfShape: ReadonlyMap<string, MinedTemplate>;
}

/** Share of positions at which two token lists must agree to be looked at together. */
const similarityMin = 0.6;

/**
 * A position with more different words than this, in otherwise similar messages, is a variable. With fewer the words
 * are more likely the program's own (`started`, `paused`, `resumed`), and joining them would hide a change of meaning.
 */
const constantWordsMax = 3;

interface Line {
  tokens: string[];
  members: PatternSample[];
  count: number;
}

/** Similar lines; `tokens` is what all of them have in common. */
interface Cluster {
  tokens: string[];
  lines: Line[];
}

/** The template of one message by itself: its mask. Mining may generalise it further when it sees its siblings. */
export const templateOf = (message: string): string => mask(message).join(' ');

/**
 * Groups messages by template. A message that a `known` template fits takes it, so that patterns keep their identity
 * over time. Messages of equal masks are one to begin with; then, in groups of equal length and equal first word, lists
 * of tokens that agree at enough positions are put side by side, and a position where they hold many different words
 * becomes a wildcard. Samples are taken commonest first, ties by mask, so that order of arrival does not matter.
 */
export function mineTemplates(samples: readonly PatternSample[], known: readonly string[] = []): Mining {
  const index = new KnownTemplates(known);
  const lines = new Map<string, Line>();
  const settled: { template: string; line: Line }[] = [];
  for (const sample of samples) {
    const tokens = mask(sample.message);
    const key = tokens.join(' ');
    const line = lines.get(key);
    if (line) {
      line.members.push(sample);
      line.count += sample.count;
    } else lines.set(key, { tokens, members: [sample], count: sample.count });
  }
  const leaves = new Map<string, Cluster[]>();
  // Known templates stand in the leaves without members: new words beside them count as siblings.
  for (const template of known) place(leaves, { tokens: template.split(' '), members: [], count: 0 });
  const ordered = [...lines.entries()].sort(([a, x], [b, y]) => y.count - x.count || (a < b ? -1 : 1));
  for (const [, line] of ordered) {
    const template = index.fit(line.tokens);
    if (template !== null) settled.push({ template, line });
    else place(leaves, line);
  }
  const mined = [...leaves.values()].flat().flatMap((cluster) => refine(cluster.lines));
  return describe([...settled, ...mined]);
}

/** Looks a token list up among templates by its length and first word, the most specific template first. */
class KnownTemplates {
  readonly #byLeaf = new Map<string, string[][]>();

  constructor(templates: readonly string[]) {
    for (const template of templates) {
      const tokens = template.split(' ');
      const key = leafKey(tokens);
      const leaf = this.#byLeaf.get(key);
      if (leaf) leaf.push(tokens);
      else this.#byLeaf.set(key, [tokens]);
    }
    for (const leaf of this.#byLeaf.values()) leaf.sort((a, b) => wildcardsIn(a) - wildcardsIn(b));
  }

  fit(tokens: readonly string[]): string | null {
    const leaf = this.#byLeaf.get(leafKey(tokens)) ?? [];
    const found = leaf.find((template) =>
      template.every((token, index) => token === tokens[index] || token === wildcard),
    );
    return found ? found.join(' ') : null;
  }
}

const wildcardsIn = (tokens: readonly string[]): number =>
  tokens.filter((token) => token === wildcard).length;

function place(leaves: Map<string, Cluster[]>, line: Line): void {
  const key = leafKey(line.tokens);
  const leaf = leaves.get(key);
  if (!leaf) {
    leaves.set(key, [{ tokens: line.tokens, lines: [line] }]);
    return;
  }
  let best: Cluster | null = null;
  let bestSimilarity = 0;
  for (const candidate of leaf) {
    const similarity = similarityOf(candidate.tokens, line.tokens);
    if (similarity >= similarityMin && similarity > bestSimilarity) {
      best = candidate;
      bestSimilarity = similarity;
    }
  }
  if (!best) {
    leaf.push({ tokens: line.tokens, lines: [line] });
    return;
  }
  best.tokens = best.tokens.map((token, index) => (token === line.tokens[index] ? token : wildcard));
  best.lines.push(line);
}

/** Splits a cluster at positions of few words, the fewest first, and generalises the positions of many. */
function refine(lines: readonly Line[]): { template: string; line: Line }[] {
  const first = lines[0];
  if (!first) return [];
  let splitAt = -1;
  let fewest = constantWordsMax + 1;
  const words = first.tokens.map((_, index) => new Set(lines.map((line) => line.tokens[index] ?? '')));
  for (const [index, set] of words.entries()) {
    if (set.size > 1 && set.size < fewest) {
      fewest = set.size;
      splitAt = index;
    }
  }
  if (splitAt >= 0) {
    return [...(words[splitAt] ?? [])].flatMap((word) =>
      refine(lines.filter((line) => line.tokens[splitAt] === word)),
    );
  }
  const template = first.tokens
    .map((token, index) => ((words[index]?.size ?? 1) > 1 ? wildcard : token))
    .join(' ');
  return lines.map((line) => ({ template, line }));
}

/** Templates that differ in length or in their first word are different statements of the program. */
const leafKey = (tokens: readonly string[]): string => {
  const first = tokens[0] ?? '';
  return `${tokens.length} ${first.includes(wildcard) ? wildcard : first}`;
};

/** Share of equal positions; a wildcard against a word counts as neither for nor against. */
function similarityOf(a: readonly string[], b: readonly string[]): number {
  let equal = 0;
  let compared = 0;
  for (const [index, token] of a.entries()) {
    const other = b[index];
    if (token === wildcard && other === wildcard) continue;
    compared++;
    if (token === other) equal++;
  }
  return compared === 0 ? 1 : equal / compared;
}

function describe(pairs: readonly { template: string; line: Line }[]): Mining {
  const byTemplate = new Map<string, MinedTemplate>();
  for (const { template, line } of pairs) {
    for (const member of line.members) {
      const mined = byTemplate.get(template) ?? {
        template,
        count: 0,
        shapes: [],
        example: '',
        exampleCount: -1,
      };
      byTemplate.set(template, mined);
      mined.count += member.count;
      mined.shapes.push(member.shape);
      if (member.count > mined.exampleCount) {
        mined.example = member.message;
        mined.exampleCount = member.count;
      }
    }
  }
  const templateOfShape = new Map<string, MinedTemplate>();
  for (const mined of byTemplate.values())
    for (const shape of mined.shapes) templateOfShape.set(shape, mined);
  return { templates: [...byTemplate.values()], templateOfShape };
}
