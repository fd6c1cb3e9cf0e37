/** What stands for a variable in a template. */
export const wildcard = '<*>';

/** Longer messages (stack traces, dumps) are told apart by their beginning; reading on only costs time. */
export const messageCharsMax = 4_096;

/** Tokens after this one become one wildcard, for the same reason. */
export const tokensMax = 256;

// A value that spans characters on which tokens are cut apart, so it must be found first.
const wholeValues: RegExp[] = [
  /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, // UUID
  /\b\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?(Z|[+-]\d{2}:?\d{2})?/g, // ISO time
  /\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d+ \d{2}:\d{2}:\d{2}( \S+)? \d{4}\b/g, // asctime
  /\b[a-z][a-z0-9+.-]*:\/\/[^\s"'<>]+/gi, // URL
  /\b[\w.+-]+@[\w-]+(\.[\w-]+)+\b/g, // e-mail address
  /(?<![\w.])\/?(\d{1,3}\.){3}\d{1,3}(:\d+)?(\/\d+)?(?![\w.])/g, // IPv4, with port or prefix length
  /(?<![\w:])([0-9a-f]{0,4}:){2,7}[0-9a-f]{1,4}(?![\w:])/gi, // IPv6, MAC, clock time
  /(?<![\w<])\/[\w@%+.-]+(\/[\w@%+.-]*)+(?![\w>])/g, // path of two or more parts
];

/** Characters that end a part of a token without being a part of a value. */
const partEnd = /([=,;()[\]{}"'`|<>]|:(?=\D)|(?<=\D):)/;

/** Has a digit, or reads like hexadecimal of some length with one. Words with a trailing digit (`utf8`) are values too. */
const valueLike = /\d/;

/**
 * The tokens of a message with everything that can't be constant replaced: numbers, addresses, ids, paths, times, and
 * whatever holds a digit. Punctuation around a value stays, so that `uid=0` reads `uid=<*>`.
 */
export function mask(message: string): string[] {
  let text = message.length > messageCharsMax ? message.slice(0, messageCharsMax) : message;
  for (const pattern of wholeValues) text = text.replace(pattern, wildcard);
  const tokens = text.split(/\s+/).filter((token) => token !== '');
  const kept = tokens.slice(0, tokensMax).map(maskToken);
  if (tokens.length > tokensMax || message.length > messageCharsMax) kept.push(wildcard);
  return kept;
}

function maskToken(token: string): string {
  if (token === wildcard || !valueLike.test(token)) return token;
  const parts = token.split(wildcard).map(maskParts);
  return collapse(parts.join(wildcard));
}

const maskParts = (text: string): string =>
  text
    .split(partEnd)
    .map((part) => (valueLike.test(part) ? maskPart(part) : part))
    .join('');

/** Keeps the sentence's own punctuation at the end of a value: `42.` reads `<*>.`, `12:` reads `<*>:`. */
function maskPart(part: string): string {
  const label = /^([A-Za-z_][A-Za-z_.-]*:)(?=\S)/.exec(part)?.[1] ?? '';
  const tail = /[.:!?]+$/.exec(part)?.[0] ?? '';
  const value = part.slice(label.length, part.length - tail.length);
  return valueLike.test(value) ? `${label}${wildcard}${tail}` : part;
}

/** Values that touch each other are one value. */
const collapse = (token: string): string => token.replace(/<\*>([/:.@_+-]?<\*>)+/g, wildcard);
