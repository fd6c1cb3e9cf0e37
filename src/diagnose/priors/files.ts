import type { FullAnswer } from '../report/index.ts';
import { learnedSentence, type Prior, reordered } from './apply.ts';
import { typeOfLayer } from './types.ts';

/** The same last step for an answer about files; only where a file of priors was named. */
export function answerWithPriors(answer: FullAnswer, priors: readonly Prior[], file: string): FullAnswer {
  if (answer.verdict !== 'root_cause') return answer;
  const moved = reordered(answer.causes, priors, (cause) => typeOfLayer(cause.layer));
  if (moved === null) return answer;
  const causes = moved.map(({ item, score, prior }) => {
    if (prior === null) return item;
    const { text, code, params } = learnedSentence(prior, item.score, score);
    const ref = `${file}?kind=${prior.kind}&resource_type=${prior.resource_type}`;
    return {
      ...item,
      score,
      reasons: [...item.reasons, text],
      said: [...item.said, { code, params, evidence: [ref] }],
      evidence: [...item.evidence, { dim: 'kb' as const, ref }],
    };
  });
  return { ...answer, causes };
}
