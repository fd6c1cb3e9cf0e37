import { writeFileSync } from 'node:fs';
import { type Answer, diagnoseIncident, readBundle, reportOf } from '../diagnose/bundle/index.ts';
import { ClewError } from '../lib/index.ts';

export const diagnoseUsage = `  clew diagnose DIR [--json] [--html FILE]           what broke and why, from the files of an incident`;

/** Answers the exit code: 0 whenever there is an answer, be it "inconclusive". */
export async function diagnoseCommand(
  rest: readonly string[],
  flags: Readonly<Record<string, string>>,
  options: { json: boolean; write: (text: string) => void },
): Promise<number> {
  const [dir, ...more] = rest;
  if (dir === undefined || more.length > 0)
    throw new ClewError('bad_request', `Name one directory that holds a bundle:\n${diagnoseUsage}`);
  const unknown = Object.keys(flags).find((flag) => !['json', 'html', 'help'].includes(flag));
  if (unknown !== undefined)
    throw new ClewError('bad_request', `There is no --${unknown}:\n${diagnoseUsage}`);
  const { html } = flags;
  if (html === 'true') throw new ClewError('bad_request', '--html names the file of the report.');
  const incident = await readBundle(dir);
  const answer = diagnoseIncident(incident);
  if (html !== undefined) writeFileSync(html, reportOf(incident, answer));
  options.write(options.json ? `${JSON.stringify(answer)}\n` : asText(answer));
  return 0;
}

function asText(answer: Answer): string {
  const lines = [`${answer.incident}: ${answer.verdict}, since ${answer.onset}`, ''];
  answer.causes.slice(0, 5).forEach((cause, i) => {
    const change = cause.change === null ? '' : `, change ${cause.change}`;
    lines.push(
      `${i + 1}. ${cause.resource}: ${cause.kind} (${cause.layer}), ${cause.score.toFixed(2)}${change}`,
    );
    for (const reason of cause.reasons) lines.push(`   ${reason}`);
  });
  lines.push('', 'Checks');
  for (const check of answer.checks)
    lines.push(
      `  ${check.layer.padEnd(11)} ${check.check.padEnd(15)} ${check.status.padEnd(7)} ${check.summary}`,
    );
  for (const caveat of answer.caveats) lines.push(`Caveat: ${caveat.file}: ${caveat.text}`);
  lines.push(...answer.missing);
  return `${lines.join('\n')}\n`;
}
