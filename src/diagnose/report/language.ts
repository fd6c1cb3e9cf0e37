import { type Language, type Said, sayIn } from '../../model/index.ts';
import type { FullAnswer } from './judged.ts';

/** The same answer with every sentence in the language. Names, quotes and figures stay; so do codes, for programs. */
export function answerIn(language: Language, answer: FullAnswer): FullAnswer {
  if (language === 'en') return answer;
  const say = (text: string, said: Partial<Said> | null | undefined) => sayIn(language, text, said);
  return {
    ...answer,
    causes: answer.causes.map((cause) => ({
      ...cause,
      reasons: cause.reasons.map((reason, i) => say(reason, cause.said[i])),
    })),
    checks: answer.checks.map((check) => ({ ...check, summary: say(check.summary, check.said) })),
    changes: answer.changes.map((change) => ({ ...change, considered: say(change.considered, change.said) })),
    caveats: answer.caveats.map((caveat) => ({ ...caveat, text: say(caveat.text, caveat) })),
    missing: answer.missing.map((text, i) => say(text, answer.missingSaid[i])),
    layers: answer.layers.map((layer) => ({
      ...layer,
      text: say(layer.text, layer),
      findings: layer.findings.map((finding) => ({ ...finding, text: say(finding.text, finding) })),
    })),
  };
}
