import type { Clock } from '../../lib/index.ts';

/** Why the text is no regular expression; null when it is one. */
export function patternProblem(pattern: string): string | null {
  try {
    new RegExp(pattern, 'g');
    return null;
  } catch (error) {
    return `is no regular expression: ${error instanceof Error ? error.message.replace(/^.*: /, '') : error}`;
  }
}

/**
 * Length of the texts that a pattern is tried with, and how long it may take. One that repeats once and may begin anywhere
 * (`\w+ x`) needs two milliseconds for this, one that repeats three times in a row more than half a second: far enough
 * apart that a busy machine does not refuse what is right.
 */
const trialChars = 1_024;
const trialMsMax = 100;
const trialRuns = 3;

/**
 * A pattern written by an operator runs on text written by strangers. One that can run away is refused: by its form
 * (a repetition inside of a repetition, a reference to a group), and by trial on texts made to be hard for it.
 */
export function ownPatternProblem(
  pattern: string,
  ignoreCase: boolean,
  clock: Clock,
  emptyAllowed = false,
): string | null {
  const invalid = patternProblem(pattern);
  if (invalid !== null) return invalid;
  if (/\\[1-9]|\\k</.test(pattern)) return 'refers to a group (\\1, \\k<…>); write the text again instead';
  if (hasNestedRepetition(pattern)) {
    return 'repeats a group that repeats something itself, as (a+)+ does; such a pattern can take for ever';
  }
  const regex = new RegExp(pattern, ignoreCase ? 'gi' : 'g');
  if (!emptyAllowed && regex.test('')) return 'matches the empty text, so it would match everywhere';
  for (const unit of trialUnits(pattern)) {
    const ms = trialMs(regex, unit, clock);
    if (ms > trialMsMax)
      return `took ${Math.round(ms)} ms for at most ${trialChars} times ${JSON.stringify(unit)}; put a length on what it repeats, as {1,64}`;
  }
  return null;
}

/** The longest run on a text of growing length; it stops growing when a run took too long, for the next would take for ever. */
function trialMs(regex: RegExp, unit: string, clock: Clock): number {
  for (let times = 32; times <= trialChars; times *= 2) {
    const text = unit.repeat(times / unit.length);
    const run = (): number => {
      const startedAt = clock.monotonic();
      text.replace(regex, '');
      return clock.monotonic() - startedAt;
    };
    let fastest = Number.POSITIVE_INFINITY;
    for (let runs = 0; runs < trialRuns && fastest > trialMsMax; runs++) fastest = Math.min(fastest, run());
    if (fastest > trialMsMax) return fastest;
  }
  return 0;
}

/** Each character and pair of characters of the pattern, and one of each kind, many times. */
function* trialUnits(pattern: string): Generator<string> {
  const chars = new Set(`a0A _-.:/@= ${pattern}`);
  yield* chars;
  const letters = [...new Set(pattern.replace(/\\./g, ''))]
    .filter((char) => /[\w@:/=. -]/.test(char))
    .slice(0, 12);
  for (const one of letters) for (const two of letters) if (one !== two) yield `${one}${two}`;
}

/** Whether a group that holds `*`, `+` or `{n,}` or a wide `{n,m}` is itself repeated more than once. */
export function hasNestedRepetition(pattern: string): boolean {
  const open: { repeats: boolean }[] = [{ repeats: false }];
  let closed: { repeats: boolean } | null = null;
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] ?? '';
    if (char === '\\') {
      at += 1;
      closed = null;
      continue;
    }
    if (char === '[') {
      at = endOfClass(pattern, at);
      closed = null;
      continue;
    }
    if (char === '(') {
      open.push({ repeats: false });
      closed = null;
      continue;
    }
    if (char === ')') {
      closed = open.pop() ?? null;
      const outer = open.at(-1);
      if (closed?.repeats && outer) outer.repeats = true;
      continue;
    }
    const times = repetition(pattern.slice(at));
    if (times > 1) {
      if (closed?.repeats) return true;
      const outer = open.at(-1);
      if (outer) outer.repeats = true;
    }
    closed = null;
  }
  return false;
}

/** How often the thing before may be repeated: 1 where no repetition begins. */
function repetition(rest: string): number {
  if (rest[0] === '*' || rest[0] === '+') return Number.POSITIVE_INFINITY;
  const braces = /^\{(\d+)(,?)(\d*)\}/.exec(rest);
  if (braces === null) return 1;
  const [, from = '', comma, to] = braces;
  if (comma === '') return 1;
  return to === '' ? Number.POSITIVE_INFINITY : Math.max(2, Number(to) - Number(from));
}

function endOfClass(pattern: string, from: number): number {
  for (let at = from + 1; at < pattern.length; at++) {
    if (pattern[at] === '\\') at += 1;
    else if (pattern[at] === ']') return at;
  }
  return pattern.length;
}
