import type { Language } from '../../model/index.ts';
import type { FullAnswer } from './judged.ts';
import { answerIn } from './language.ts';
import { reportWords } from './words.ts';

const causesShown = 5;
const findingsShown = 3;

/** For a terminal. */
export function textOf(given: FullAnswer, language: Language): string {
  const answer = answerIn(language, given);
  const { t, word, status, colon } = reportWords(language);
  const verdict = word('verdict', answer.verdict);
  const lines = [t('heading', { incident: answer.incident, verdict, onset: answer.onset }), ''];
  answer.causes.slice(0, causesShown).forEach((cause, i) => {
    const change = cause.change === null ? '' : `, ${t('change')} ${cause.change}`;
    lines.push(
      `${i + 1}. ${cause.resource}${colon}${word('kind', cause.kind)} (${word('layer', cause.layer)}), ${cause.score.toFixed(2)}${change}`,
    );
    for (const reason of cause.reasons) lines.push(`   ${reason}`);
  });
  lines.push('', t('layers'));
  const names = answer.layers.map((layer) => [word('layer', layer.layer), status(layer)] as const);
  const width = (column: 0 | 1) => Math.max(...names.map((name) => columns(name[column])));
  answer.layers.forEach((layer, i) => {
    const [name, state] = names[i] ?? ['', ''];
    lines.push(`  ${padded(name, width(0))}  ${padded(state, width(1))}  ${layer.text}`);
    for (const finding of layer.findings.slice(0, findingsShown))
      lines.push(`  ${' '.repeat(width(0) + width(1) + 4)}${finding.text}`);
  });
  lines.push('', t('checks'));
  const checks = answer.checks.map(
    (check) =>
      [word('layer', check.layer), word('check', check.check), word('status', check.status)] as const,
  );
  const wide = (column: 0 | 1 | 2) => Math.max(...checks.map((cells) => columns(cells[column])));
  answer.checks.forEach((check, i) => {
    const cells = (checks[i] ?? []).map((cell, column) => padded(cell, wide(column as 0 | 1 | 2)));
    lines.push(`  ${cells.join('  ')}  ${check.summary}`);
  });
  for (const caveat of answer.caveats)
    lines.push(`${t('caveat')}${colon}${caveat.file}${colon}${caveat.text}`);
  lines.push(...answer.missing);
  return `${lines.join('\n')}\n`;
}

/** Chinese characters take two columns of a terminal. */
const columns = (text: string): number => [...text].reduce((sum, char) => sum + (char > '\u2e7f' ? 2 : 1), 0);
const padded = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - columns(text)));
