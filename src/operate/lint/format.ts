import type { Finding } from './lint.ts';
import type { LintSeverity } from './rules.ts';

export const lintFormats = ['human', 'json', 'github', 'sarif'] as const;
export type LintFormat = (typeof lintFormats)[number];

/** Findings in a form for people, scripts, GitHub's annotations, or code scanners. Ends with a newline, or is empty. */
export function formatFindings(findings: readonly Finding[], format: LintFormat): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(findings, null, 2)}\n`;
    case 'github':
      return findings.map(annotation).join('');
    case 'sarif':
      return `${JSON.stringify(sarif(findings), null, 2)}\n`;
    default:
      return findings
        .map(
          ({ file, line, column, severity, rule, message }) =>
            `${file}:${line}:${column} ${severity} ${rule}: ${message}\n`,
        )
        .join('');
  }
}

const commands: Record<LintSeverity, string> = { error: 'error', warning: 'warning', info: 'notice' };
const levels: Record<LintSeverity, string> = { error: 'error', warning: 'warning', info: 'note' };

const escaped = (text: string): string =>
  text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const escapedProperty = (text: string): string => escaped(text).replaceAll(':', '%3A').replaceAll(',', '%2C');

const annotation = ({ file, line, column, severity, rule, message }: Finding): string =>
  `::${commands[severity]} file=${escapedProperty(file)},line=${line},col=${column},title=${escapedProperty(`clew lint ${rule}`)}::${escaped(message)}\n`;

function sarif(findings: readonly Finding[]): object {
  const rules = [...new Set(findings.map(({ rule }) => rule))].map((id) => ({ id }));
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'clew lint', rules } },
        results: findings.map(({ file, line, column, severity, rule, message }) => ({
          ruleId: rule,
          level: levels[severity],
          message: { text: message },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: file.replaceAll('\\', '/') },
                region: { startLine: line, startColumn: column },
              },
            },
          ],
        })),
      },
    ],
  };
}
