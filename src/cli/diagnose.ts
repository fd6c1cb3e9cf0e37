import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import {
  answerIn,
  builtInIndicators,
  type FullDiagnosis,
  fullDiagnosis,
  htmlOf,
  readBundle,
  textOf,
} from '../diagnose/bundle/index.ts';
import { ClewError } from '../lib/index.ts';
import { type Language, languageOf, languages } from '../model/index.ts';

export const diagnoseUsage = `  clew diagnose DIR [--json] [--html FILE] [--lang en|zh] [--catalog DIR[,DIR…]] [--priors FILE]
                                                     what broke and why, from the files of an incident`;

const flagsKnown = ['json', 'html', 'lang', 'catalog', 'priors', 'help'];

/** Answers the exit code: 0 whenever there is an answer, be it "inconclusive". */
export async function diagnoseCommand(
  rest: readonly string[],
  flags: Readonly<Record<string, string>>,
  options: { json: boolean; write: (text: string) => void },
): Promise<number> {
  const [dir, ...more] = rest;
  if (dir === undefined || more.length > 0)
    throw new ClewError('bad_request', `Name one directory that holds a bundle:\n${diagnoseUsage}`);
  const unknown = Object.keys(flags).find((flag) => !flagsKnown.includes(flag));
  if (unknown !== undefined)
    throw new ClewError('bad_request', `There is no --${unknown}:\n${diagnoseUsage}`);
  const { html, catalog } = flags;
  if (html === 'true') throw new ClewError('bad_request', '--html names the file of the report.');
  const language = languageNamed(flags.lang);
  const incident = await readBundle(dir);
  const diagnosis = await withPriors(fullDiagnosis(incident, await indicatorsOf(catalog)), flags.priors);
  if (html !== undefined) writeFileSync(html, htmlOf(incident, diagnosis, language));
  const { answer } = diagnosis;
  options.write(options.json ? `${JSON.stringify(answerIn(language, answer))}\n` : textOf(answer, language));
  return 0;
}

/** What cases of a running Clew taught (`clew priors --json`); without a file nothing is added to what the files say. */
async function withPriors(diagnosis: FullDiagnosis, file: string | undefined): Promise<FullDiagnosis> {
  if (file === undefined) return diagnosis;
  if (file === 'true') throw new ClewError('bad_request', '--priors names a file.');
  const { answerWithPriors, parsePriors } = await import('../diagnose/priors/index.ts');
  const priors = parsePriors(readFileSync(file, 'utf8'), basename(file));
  return { ...diagnosis, answer: answerWithPriors(diagnosis.answer, priors, basename(file)) };
}

function languageNamed(name: string | undefined): Language {
  if (name === undefined) return 'en';
  const language = languageOf(name);
  if (name !== language && !name.toLowerCase().startsWith(`${language}-`))
    throw new ClewError('bad_request', `--lang ${name}: it is one of ${languages.join(', ')}.`);
  return language;
}

/** The project's own checks; those of other directories, `DIR/checks/*.yaml`, take the place of those with the same id. */
async function indicatorsOf(catalog: string | undefined) {
  const own = builtInIndicators();
  if (catalog === undefined) return own;
  if (catalog === 'true') throw new ClewError('bad_request', '--catalog names directories.');
  const { loadIndicators } = await import('../diagnose/indicators/index.ts');
  const added = loadIndicators(catalog.split(','));
  const ids = new Set(added.map(({ id }) => id));
  return [...own.filter(({ id }) => !ids.has(id)), ...added].sort((a, b) => (a.id < b.id ? -1 : 1));
}
