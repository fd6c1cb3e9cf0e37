import { globSync, readFileSync, statSync } from 'node:fs';
import { join, normalize, resolve } from 'node:path';
import { ClewError } from '../lib/index.ts';
import {
  type Finding,
  formatFindings,
  type LintRules,
  lintFormats,
  lintSeverities,
  lintText,
} from '../operate/index.ts';

export const lintUsage = `  clew lint [--format human|json|github|sarif] [--fail-on info|warning|error] FILE|DIR|GLOB …
                                                     labels of ever new values, and secrets in plain sight, in manifests`;

/** Larger files are generated, and not by hand. */
const fileBytesMax = 8_388_608;
const filesMax = 10_000;

export interface LintOptions {
  cwd: string;
  rules: LintRules;
  write: (text: string) => void;
  /** Where a summary for people goes. */
  tell: (text: string) => void;
}

/** Answers the exit code: 1 when something is as severe as `--fail-on` (default: warning) or more. */
export function lint(
  paths: readonly string[],
  flags: Readonly<Record<string, string>>,
  options: LintOptions,
): number {
  const format = oneOf(flags.format ?? 'human', lintFormats, '--format');
  const failOn = oneOf(flags['fail-on'] ?? 'warning', lintSeverities, '--fail-on');
  if (paths.length === 0) throw new ClewError('bad_request', `Name files to lint:\n${lintUsage}`);
  const files = filesOf(paths, options.cwd);
  const findings = files.flatMap((file) => lintFile(file, options));
  options.write(formatFindings(findings, format));
  const failing = findings.filter(
    ({ severity }) => lintSeverities.indexOf(severity) >= lintSeverities.indexOf(failOn),
  ).length;
  if (format === 'human')
    options.tell(`files: ${files.length}, findings: ${findings.length}, ${failOn} or worse: ${failing}\n`);
  return failing > 0 ? 1 : 0;
}

function lintFile(file: string, { cwd, rules }: LintOptions): Finding[] {
  const path = resolve(cwd, file);
  const { size } = statSync(path);
  if (size > fileBytesMax) {
    const message = `it has ${size} bytes; files up to ${fileBytesMax} are read`;
    return [{ file, line: 1, column: 1, severity: 'warning', rule: 'unreadable', message }];
  }
  return lintText(file, readFileSync(path, 'utf8'), rules);
}

/** Files as they are named, the YAML files of directories, what globs find; each once. */
function filesOf(paths: readonly string[], cwd: string): string[] {
  const files = new Set<string>();
  for (const path of paths) {
    const stat = statSync(resolve(cwd, path), { throwIfNoEntry: false });
    const pattern = stat?.isDirectory() ? join(path, '**/*.{yaml,yml}') : path;
    const found = stat?.isFile()
      ? [path]
      : globSync(pattern, { cwd, exclude: (name) => name === 'node_modules' });
    const usable = found.filter((file) => statSync(resolve(cwd, file)).isFile());
    if (stat === undefined && usable.length === 0)
      throw new ClewError('bad_request', `There is no file ${JSON.stringify(path)}.`);
    for (const file of usable.toSorted()) files.add(normalize(file));
    if (files.size > filesMax)
      throw new ClewError('too_large', `More than ${filesMax} files; name fewer directories.`);
  }
  return [...files];
}

function oneOf<Word extends string>(given: string, words: readonly Word[], flag: string): Word {
  const word = words.find((each) => each === given);
  if (word === undefined)
    throw new ClewError('bad_request', `${flag} is "${given}"; it is one of ${words.join(', ')}.`);
  return word;
}
