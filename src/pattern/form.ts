import { type Token, tokenize, wildcard } from './tokens.ts';

/** Stands for a value in a form; no message holds it as a word. */
export const openKey = '\u0001';

/** A piece of a message: a constant word or mark, or a place where a value, or several in a row, stand. */
export interface Slot {
  /** The constant text, with a space before it where one stands between two constants; `openKey` for values. */
  key: string;
  /** A word stood here until others were seen in its place. */
  opened?: boolean;
  /** Characters of the message. */
  start: number;
  end: number;
  /** Tokens of the message. */
  from: number;
  to: number;
}

/** A message cut into slots. Messages whose keys are equal are the same statement with other values. */
export interface Form {
  message: string;
  tokens: Token[];
  slots: Slot[];
  /** The message as it was, when wildcards stood in it: it is a template, or values were masked. */
  template?: string;
}

const listMark = /^[,;:|#/\-.+&~]$/;
const sizeUnit = /^(?:[KMGTP]i?)?[Bb](?:ps)?$|^[KMGT]$/;
const timeUnit =
  /^(?:ns|us|µs|ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|milliseconds?|microseconds?|nanoseconds?)$/i;

/** Words after which the name of somebody or something stands. */
const namesAfter = /^(?:user|username|account|hostname)$/i;
const nameFollowedBy = /^(?:by|from|to|at|on|in|for|with|via|and|or|has|is|was|logged)$/i;
const truthWord = /^(?:true|false|null|nil|none|nan|undefined)$/i;
const switchWord = /^(?:yes|no|on|off|enabled|disabled)$/i;

/** How messages are cut. */
export interface Cutting {
  /** What stands between quotes is one value. */
  quotedIsValue: boolean;
}

/** Stands in for a wildcard while a text is cut, and where nothing but optional text may stand. */
const standIn = '777';
const betweenWords = /(?<=[A-Za-z])<\*>(?=[A-Za-z])/g;

/** Cuts a message; a text with wildcards in it is cut as the messages that it stands for. */
export function formOf(text: string, cutting: Cutting = { quotedIsValue: false }): Form {
  if (!text.includes(wildcard)) return cut(text, cutting);
  const message = text.replace(betweenWords, '   ').replaceAll(wildcard, standIn);
  return { ...cut(message, cutting), template: text };
}

function cut(message: string, cutting: Cutting): Form {
  const tokens = tokenize(message);
  // Quotes of a JSON object are no sign of a value.
  const quoted = cutting.quotedIsValue && tokens[0]?.text !== '{';
  const slots: Slot[] = [];
  let index = 0;
  while (index < tokens.length) {
    const token = tokens[index] as Token;
    if (token.kind === 'value') {
      const to = runEnd(tokens, index);
      slots.push(openSlot(tokens, index, to));
      index = to;
      continue;
    }
    const close = quoted ? closingQuote(tokens, index) : 0;
    if (close > 0) {
      slots.push(fixedSlot(tokens, index, slots), openSlot(tokens, index + 1, close));
      slots.push(fixedSlot(tokens, close, slots));
      index = close + 1;
      continue;
    }
    if (slots.length > 0 && isSizeInBrackets(tokens, index)) {
      index += 4;
      continue;
    }
    if (isName(tokens, index)) slots.push(openSlot(tokens, index, index + 1));
    else slots.push(fixedSlot(tokens, index, slots));
    index++;
    if (isEmptyAfter(tokens, index)) slots.push(openSlot(tokens, index, index));
  }
  return { message, tokens, slots };
}

export const isSizeUnit = (text: string): boolean => sizeUnit.test(text);
export const isUnit = (text: string): boolean => sizeUnit.test(text) || timeUnit.test(text);

const endOf = (token: Token | undefined): number => (token ? token.at + token.text.length : 0);

function openSlot(tokens: readonly Token[], from: number, to: number): Slot {
  if (from === to) {
    const at = endOf(tokens[from - 1]);
    return { key: openKey, start: at, end: at, from, to };
  }
  return { key: openKey, start: tokens[from]?.at ?? 0, end: endOf(tokens[to - 1]), from, to };
}

function fixedSlot(tokens: readonly Token[], index: number, before: readonly Slot[]): Slot {
  const { text, at, spaced } = tokens[index] as Token;
  // Beside a value space may be padding.
  const counts = spaced && before.length > 0 && before.at(-1)?.key !== openKey;
  return { key: counts ? ` ${text}` : text, start: at, end: at + text.length, from: index, to: index + 1 };
}

/** Values in a row, with what separates a list and the unit of the last, are one slot. */
function runEnd(tokens: readonly Token[], start: number): number {
  let end = start + 1;
  for (;;) {
    const unit = tokens[end];
    const quantity = tokens[end - 1];
    if (unit?.kind === 'word' && quantity?.type === 'number' && isUnit(unit.text)) end++;
    let next = end;
    while (next < end + 2 && tokens[next]?.kind === 'mark' && listMark.test(tokens[next]?.text ?? '')) next++;
    if (tokens[next]?.kind !== 'value') return end;
    end = next + 1;
  }
}

/** `(1.2 KB)` after the exact number says it once more, and only where it is large. */
function isSizeInBrackets(tokens: readonly Token[], index: number): boolean {
  const [open, size, unit, close] = tokens.slice(index, index + 4);
  return (
    open?.text === '(' &&
    open.spaced &&
    size?.type === 'number' &&
    sizeUnit.test(unit?.text ?? '') &&
    close?.text === ')'
  );
}

/** Index of the quote that ends what the quote at `index` begins; 0 when that is an apostrophe or alone. */
export function closingQuote(tokens: readonly Token[], index: number): number {
  const quote = tokens[index] as Token;
  if (quote.kind !== 'mark' || (quote.text !== '"' && quote.text !== "'")) return 0;
  if (!quote.spaced && /^[\p{L}\p{N}"']/u.test(tokens[index - 1]?.text ?? '')) return 0;
  for (let at = index + 1; at < tokens.length; at++) if (tokens[at]?.text === quote.text) return at;
  return 0;
}

function isName(tokens: readonly Token[], index: number): boolean {
  const token = tokens[index] as Token;
  if (token.kind !== 'word') return false;
  if (truthWord.test(token.text)) return true;
  const before = tokens[index - 1];
  const after = tokens[index + 1];
  if (before === undefined) return false;
  if (/^[=:]$/.test(before.text) && switchWord.test(token.text)) return true;
  return (
    before.kind === 'word' &&
    namesAfter.test(before.text) &&
    !nameFollowedBy.test(token.text) &&
    token.spaced &&
    (after === undefined || after.kind !== 'word' || nameFollowedBy.test(after.text))
  );
}

/** A place for a value that holds none: `()`, `""`, `key=`. */
function isEmptyAfter(tokens: readonly Token[], index: number): boolean {
  const mark = tokens[index - 1];
  const next = tokens[index];
  if (mark?.kind !== 'mark') return false;
  if (mark.text === '=' && !mark.spaced && index > 1)
    return next === undefined || (next.spaced && next.kind !== 'value') || /^[,;)\]}]$/.test(next.text);
  if (next === undefined || next.spaced) return false;
  if (mark.text === '(' && next.text === ')') return mark.spaced || index === 1;
  if (mark.text === '[' && next.text === ']') return mark.spaced || tokens[index - 2]?.kind === 'mark';
  return (
    (mark.text === '"' || mark.text === "'") && next.text === mark.text && tokens[index - 2]?.kind !== 'word'
  );
}
