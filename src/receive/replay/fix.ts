import { isUtf8 } from 'node:buffer';
import { Script } from 'node:vm';
import { ClewError } from '../../lib/index.ts';
import type { Letter } from '../door.ts';

/** One edit of a letter before it is sent again. */
export type LetterFix =
  | { op: 'replace'; find: string; with: string }
  | { op: 'replace_regex'; find: string; with: string }
  | { op: 'content_type'; value: string };

/** An expression that backtracks for longer than this on one letter is stopped. */
const regexMsMax = 250;
/** A replacement may not make much more of a letter than it was: twenty times the largest letter. */
const fixedBytesMax = 5_242_880;

const replacing = new Script(`{
  const pattern = new RegExp(find, 'gu');
  const matches = text.match(pattern)?.length ?? 0;
  if (text.length + matches * to.length > most) throw new RangeError('it makes more than ' + most + ' characters of the letter');
  text.replace(pattern, to);
}`);

/** The letter with every edit applied, in order. Throws `bad_request` for an edit that can't be made on it. */
export function fixLetter(letter: Letter, fixes: readonly LetterFix[]): Letter {
  let fixed = letter;
  for (const [index, fix] of fixes.entries()) {
    const where = `fix[${index}]`;
    if (fix.op === 'content_type') fixed = { ...fixed, contentType: fix.value };
    else fixed = { ...fixed, payload: replaced(textOf(fixed, where), fix, where) };
  }
  return fixed;
}

function textOf(letter: Letter, where: string): string {
  if (!isUtf8(letter.payload)) {
    throw new ClewError(
      'bad_request',
      `${where}: the payload is not text (UTF-8); replace and replace_regex edit text only.`,
    );
  }
  return Buffer.from(letter.payload).toString('utf8');
}

function replaced(text: string, fix: Exclude<LetterFix, { op: 'content_type' }>, where: string): Uint8Array {
  const result = fix.op === 'replace' ? replacedByText(text, fix) : replacedByRegex(text, fix, where);
  if (result === undefined || result.length > fixedBytesMax) {
    throw new ClewError(
      'too_large',
      `${where}: it makes more than ${fixedBytesMax} characters of the letter, which is the limit.`,
    );
  }
  return Buffer.from(result);
}

/** Undefined when it would become too long; found out before it is. */
function replacedByText(text: string, fix: { find: string; with: string }): string | undefined {
  const places = text.split(fix.find).length - 1;
  if (text.length + places * fix.with.length > fixedBytesMax) return undefined;
  return text.replaceAll(fix.find, () => fix.with);
}

function replacedByRegex(text: string, fix: { find: string; with: string }, where: string): string {
  try {
    const context = Object.assign(Object.create(null), {
      text,
      find: fix.find,
      to: fix.with,
      most: fixedBytesMax,
    });
    return String(replacing.runInNewContext(context, { timeout: regexMsMax }));
  } catch (error) {
    const late =
      typeof error === 'object' &&
      error !== null &&
      'code' in error &&
      error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
    const why = late
      ? `it takes longer than ${regexMsMax} ms on this letter`
      : error instanceof Error || (typeof error === 'object' && error !== null && 'message' in error)
        ? String(error.message)
        : 'it is invalid';
    throw new ClewError('bad_request', `${where}: the expression can't be used: ${why}.`);
  }
}
