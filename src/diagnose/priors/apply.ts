import { z } from 'zod';
import { ClewError } from '../../lib/index.ts';
import {
  type Cause,
  type Evidence,
  type Sentence,
  sentence,
  type Verdict,
  wordIn,
} from '../../model/index.ts';
import { typeOfResource } from './types.ts';

const priorCase = z.strictObject({
  case_id: z.string(),
  number: z.int(),
  resource: z.string(),
  outcome: z.enum(['confirmed', 'refuted']),
  at: z.int().describe('Milliseconds since 1970.'),
});
const prior = z.strictObject({
  kind: z.string(),
  resource_type: z.string(),
  confirmed: z.int().min(0),
  refuted: z.int().min(0),
  /** What it adds to a score. */
  adjustment: z.number(),
  /** The latest cases that it was counted from. */
  cases: z.array(priorCase),
});

/** How often a cause of this kind, at a resource of this type, turned out to be right and wrong. */
export type Prior = z.infer<typeof prior>;
export type PriorCase = z.infer<typeof priorCase>;

/** No number of cases moves a score further: near ties may change places, nothing else. */
export const learnedMost = 0.05;
/** Score for each unit of log odds; five confirmed cases without a refuted one reach the most. */
const perLogOdds = 0.03;

/** Log odds of right against wrong, each counted once more than seen, so that one case decides little. */
export function adjustmentOf({ confirmed, refuted }: Pick<Prior, 'confirmed' | 'refuted'>): number {
  const odds = Math.log((confirmed + 1) / (refuted + 1));
  const bounded = Math.min(learnedMost, Math.max(-learnedMost, perLogOdds * odds));
  return Math.round(bounded * 1_000) / 1_000;
}

/** What is outside is no habit of this system: a surge or an outage is judged by its own evidence alone. */
const outside = ['traffic_surge', 'external_dependency'];

export interface Moved<Item> {
  item: Item;
  score: number;
  prior: Prior | null;
}

/**
 * The same items in the order that experience gives them; null where it moves nothing. No score rises above the best that
 * evidence gave, and nothing moves where that would put first what is outside: the word of the verdict stays true.
 */
export function reordered<Item extends { kind: string; score: number }>(
  items: readonly Item[],
  priors: readonly Prior[],
  typeOf: (item: Item) => string,
): Moved<Item>[] | null {
  const best = items.reduce((most, { score }) => Math.max(most, score), 0);
  const moved = items
    .map((item, index) => {
      const found = outside.includes(item.kind)
        ? undefined
        : priors.find((one) => one.kind === item.kind && one.resource_type === typeOf(item));
      const change = found === undefined ? 0 : adjustmentOf(found);
      const raw = item.score + change;
      const score = change === 0 ? item.score : Math.round(Math.max(0, Math.min(best, raw)) * 1_000) / 1_000;
      return { item, index, raw, score, prior: change === 0 ? null : (found ?? null) };
    })
    .sort((a, b) => b.score - a.score || b.raw - a.raw || a.index - b.index)
    .map(({ item, score, prior }) => ({ item, score, prior }));
  const usable = moved.some(({ prior }) => prior !== null) && !outside.includes(moved[0]?.item.kind ?? '');
  return usable ? moved : null;
}

export function learnedSentence(
  { kind, resource_type, confirmed, refuted }: Prior,
  from: number,
  to: number,
): Sentence {
  return sentence('learned', {
    en: `${wordIn('en', 'kind', kind)} at a ${resource_type}`,
    zh: `${wordIn('zh', 'type', resource_type)}的${wordIn('zh', 'kind', kind)}`,
    confirmed,
    refuted,
    from: from.toFixed(3),
    to: to.toFixed(3),
  });
}

/** A last step on a finished verdict: experience moves what evidence left close together, and says so with its cases. */
export function applyPriors(verdict: Verdict, priors: readonly Prior[]): Verdict {
  if (priors.length === 0 || verdict.verdict !== 'root_cause') return verdict;
  const moved = reordered(verdict.causes, priors, (cause) => typeOfResource(cause.resource));
  if (moved === null) return verdict;
  const evidence: Evidence[] = [...verdict.evidence];
  const causes = moved.map(({ item, score, prior: found }): Cause => {
    if (found === null) return item;
    const { text, code, params } = learnedSentence(found, item.score, score);
    const ref = `learned-${found.kind}-${found.resource_type}`;
    if (!evidence.some((one) => one.ref === ref))
      evidence.push(evidenceOf(ref, found, item, text, { code, params }));
    return { ...item, score, reasons: [...item.reasons, { text, evidence: [ref], code, params }] };
  });
  return { ...verdict, causes, evidence };
}

const evidenceOf = (
  ref: string,
  found: Prior,
  cause: Cause,
  note: string,
  said: Pick<Sentence, 'code' | 'params'>,
): Evidence => ({
  ref,
  dim: 'kb',
  note,
  ...said,
  resource: cause.resource,
  filter: null,
  ledger: {
    table: 'diagnosis_outcome',
    keys: { kind: found.kind, resource_type: found.resource_type },
  },
  rows: found.cases.map((one) => ({ ...one })),
});

/** What `clew priors --json` printed. */
export function parsePriors(text: string, file: string): Prior[] {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw new ClewError('unprocessable', `${file}: it is not JSON.`, { cause: error });
  }
  const checked = z.object({ data: z.array(prior) }).safeParse(given);
  if (checked.success) return checked.data.data;
  const [issue] = checked.error.issues;
  throw new ClewError(
    'unprocessable',
    `${file}: field "${issue?.path.join('.') ?? ''}": ${issue?.message ?? 'is not valid'}`,
  );
}
