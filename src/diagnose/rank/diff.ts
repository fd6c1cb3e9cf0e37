import { stemsOf, wordsOf } from './words.ts';

/** One line that a change took away or put in, without its comment. */
export interface ChangedLine {
  file: string;
  /** The function or section that the diff names above it. */
  section: string;
  removed: boolean;
  text: string;
}
export interface Diff {
  files: string[];
  lines: ChangedLine[];
  /** Unchanged lines around, and the names of sections. */
  around: string[];
}

const linesMax = 4_000;

/** Reads a unified diff, also where headers are shortened to prose. */
export function parseDiff(text: string, files: readonly string[]): Diff {
  const found: Diff = { files: [...files], lines: [], around: [] };
  let file = files[0] ?? '';
  let section = '';
  for (const line of text.split('\n').slice(0, linesMax)) {
    const header = /^(?:\+\+\+|---) (?:[ab]\/)?(\S+)/.exec(line);
    if (header) {
      if (header[1] !== undefined && header[1] !== '/dev/null') file = header[1];
      continue;
    }
    if (line.startsWith('@@')) {
      section = line.replace(/@@/g, ' ').trim();
      const named = files.find((candidate) => section.includes(candidate));
      if (named !== undefined) file = named;
      found.around.push(section);
    } else if (/^[+-]/.test(line)) {
      const content = withoutComment(line.slice(1)).trim();
      if (content !== '') found.lines.push({ file, section, removed: line.startsWith('-'), text: content });
    } else if (line.trim() !== '') found.around.push(withoutComment(line).trim());
  }
  if (found.files.length === 0) found.files = [...new Set(found.lines.map((line) => line.file))];
  return found;
}

/** What a comment says was not done. `//` after a colon belongs to an address, `#` may be a colour or a directive. */
function withoutComment(line: string): string {
  if (/^\s*(\/\/|\*|\/\*|#(?!\w)|--\s|;|<!--)/.test(line)) return '';
  return line
    .replace(/(^|[^:"'])\/\/.*$/, '$1')
    .replace(/\s+#\s.*$/, '')
    .replace(/\/\*.*?\*\//g, '');
}

/** Words which every program is made of; they tell nothing about what a change is about. */
export const commonWords = new Set(
  stemsOf(
    `the and for with from into this that not was were has have are but its per all any new old use used add added
    func function return returns const let var def class struct interface type import export package public private
    protected static final void string int int64 float float64 bool boolean byte bytes map list array slice any null
    nil none undefined true false if else elif switch case default while do break continue try catch except finally
    throw throws raise defer go async await self ctx context err error errors req res resp request response handler
    http json fmt log logger printf println print info debug warn get set key value val item items data index len
    append make range main test tests src lib pkg cmd internal api app service services svc server client config go
    py js ts java rb com org github www v1 v2 id ids name names line lines file files code object model util utils
    helper helpers common base core status ok`,
  ),
);

/** Tokens of a line of a program: identifiers as stems, numbers with their units, quoted words. */
export const tokensOf = (text: string): string[] => stemsOf(text);

/** Names made of several words, and long ones: equal ones are no coincidence. */
export function identifiersOf(text: string): string[] {
  return (text.match(/[A-Za-z_$][\w$.-]*[\w$]/g) ?? [])
    .flatMap((name) => [name, ...name.split('.')])
    .map((name) => name.replace(/^[._-]+|[._-]+$/g, ''))
    .filter((name) => name.length >= 6 && (wordsOf(name).length >= 2 || name.length >= 12))
    .map((name) => wordsOf(name).join('_'));
}

/** Counted difference of two bags of words. */
export function without(bag: readonly string[], other: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const word of other) left.set(word, (left.get(word) ?? 0) + 1);
  return bag.filter((word) => {
    const count = left.get(word) ?? 0;
    if (count === 0) return true;
    left.set(word, count - 1);
    return false;
  });
}

/** Share of words that two lines have in common, 0–1. */
export function likeness(a: readonly string[], b: readonly string[]): number {
  if (a.length + b.length === 0) return 1;
  return (2 * (a.length - without(a, b).length)) / (a.length + b.length);
}
