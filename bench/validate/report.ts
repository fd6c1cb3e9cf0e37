/** The report of the validation plan, in the form of its chapter 6.6: judgement by dimension, then every criterion. */
import { escaped } from '../report/charts.ts';
import { machineText, page } from '../report/ingest-page.ts';
import { type Check, type Dimension, dimensions, type ValidationResult } from './plan.ts';

const order = Object.keys(dimensions) as Dimension[];

export interface Judgement {
  dimension: string;
  passed: number;
  total: number;
}

export function judge(checks: readonly Check[]): Judgement[] {
  return order.flatMap((dimension) => {
    const own = checks.filter((check) => check.dimension === dimension);
    const passed = own.filter((check) => check.passed).length;
    return own.length === 0 ? [] : [{ dimension: dimensions[dimension], passed, total: own.length }];
  });
}

/** All dimensions were looked at and every criterion holds: nothing passes by being left out. */
export const holds = (result: ValidationResult): boolean =>
  result.checks.length > 0 && result.checks.every((check) => check.passed);

export function verdict(result: ValidationResult): string {
  const failed = result.checks.filter((check) => !check.passed).length;
  const left = order.filter((dimension) => !result.checks.some((check) => check.dimension === dimension));
  const partly =
    left.length === 0 ? '' : ` Not looked at: ${left.map((dimension) => dimensions[dimension]).join(', ')}.`;
  if (result.checks.length === 0) return `Nothing was checked.${partly}`;
  if (failed > 0) return `${failed} of ${result.checks.length} criteria do not hold.${partly}`;
  return `All ${result.checks.length} criteria hold.${partly}`;
}

const circumstances = (result: ValidationResult): string =>
  `${result.at.slice(0, 16).replace('T', ' ')} UTC · ${machineText(result)} · ${Math.round(result.seconds)} s${result.quick ? ' · quick: phases shorter than the plan asks' : ''}`;

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const word = (passed: boolean): string => (passed ? 'pass' : '**FAIL**');

export function validationMarkdown(result: ValidationResult): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  const table = (head: readonly string[], rows: readonly string[][]) =>
    [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
  const sections = order.flatMap((dimension) => {
    const own = result.checks.filter((check) => check.dimension === dimension);
    if (own.length === 0) return [];
    const rows = own.map((check) => [
      check.chapter,
      check.criterion,
      check.limit,
      check.measured,
      word(check.passed),
      check.how,
    ]);
    return [
      `## ${dimensions[dimension]}\n\n${table(['chapter', 'criterion', 'limit', 'measured', 'result', 'how it was measured'], rows)}\n`,
    ];
  });
  const summary = judge(result.checks).map((one) => [
    one.dimension,
    `${one.passed} of ${one.total}`,
    word(one.passed === one.total),
  ]);
  return `# Validation report

${circumstances(result)}

**${verdict(result)}**

${table(['dimension', 'criteria that hold', 'result'], summary)}

${sections.join('\n')}`;
}

export function validationPage(result: ValidationResult): string {
  const mark = (passed: boolean) => `<td class="${passed ? 'yes' : 'no'}">${passed ? 'pass' : 'FAIL'}</td>`;
  const summary = judge(result.checks)
    .map(
      (one) =>
        `<tr><td>${escaped(one.dimension)}</td><td>${one.passed} of ${one.total}</td>${mark(one.passed === one.total)}</tr>`,
    )
    .join('');
  const sections = order.map((dimension) => {
    const own = result.checks.filter((check) => check.dimension === dimension);
    if (own.length === 0) return '';
    const rows = own.map(
      (check) =>
        `<tr><td class="text">${escaped(check.criterion)}</td><td class="text">${escaped(check.limit)}</td><td class="text">${escaped(check.measured)}</td>${mark(check.passed)}<td class="text dim">${escaped(check.how)} (${escaped(check.chapter)})</td></tr>`,
    );
    return `<h2>${escaped(dimensions[dimension])}</h2><div class="scroll"><table><thead><tr>${['criterion', 'limit', 'measured', 'result', 'how it was measured (chapter)'].map((name) => `<th class="text">${name}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
  });
  return page(
    'Clew: validation report',
    `<h1>Validation report</h1><p class="dim">${escaped(circumstances(result))}</p><p><b class="${holds(result) ? 'yes' : 'no'}">${escaped(verdict(result))}</b></p>
<table><thead><tr><th>dimension</th><th>criteria that hold</th><th>result</th></tr></thead><tbody>${summary}</tbody></table>${sections.join('\n')}`,
  );
}
