/** What stands for a variable in a template. */
export const wildcard = '<*>';

/** Longer messages (stack traces, dumps) are told apart by their beginning; reading on only costs time. */
export const messageCharsMax = 4_096;

/** Tokens after this one become one wildcard, for the same reason. */
export const tokensMax = 512;

/** What a value is; `rest` stands for what is beyond the limits. */
export type ValueType =
  | 'wildcard'
  | 'url'
  | 'uuid'
  | 'time'
  | 'address'
  | 'host'
  | 'path'
  | 'hex'
  | 'number'
  | 'name'
  | 'empty'
  | 'rest';

export interface Token {
  text: string;
  /** A word may be constant or vary, a mark is constant, a value varies. */
  kind: 'word' | 'mark' | 'value';
  /** Of a value. */
  type?: ValueType;
  /** Where it begins in the message. */
  at: number;
  /** White space stands before it. */
  spaced: boolean;
}

const months = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*';
const days = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*';
const clock = '\\d{1,2}:\\d{2}(?::\\d{2}(?:[.,]\\d+)?)?';
const octets = '\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}';
/** Last labels by which a name of plain words is known to be one of the DNS. */
const domains =
  'com|net|org|edu|gov|mil|arpa|info|biz|io|local|localdomain|lan|internal|' +
  '(?:[\\w-]+\\.)(?:cn|de|uk|nl|fr|ru|br|it|pl|au|jp|in|ir|es|ch|eu|us|ca|se|be|at|kr|cz|hk|tw|sg|tr|mx|dk|no|fi|gr|hu|ro|ua|il|za|ar|th|vn|pt)';

/**
 * Values that span characters on which text is cut apart. The first that fits wins, so the more particular stands
 * first; each begins where no letter or digit stands before.
 */
const valueForms: [ValueType, string][] = [
  ['wildcard', '<\\*>'],
  ['url', '[A-Za-z][A-Za-z0-9+.-]*:\\/\\/[^\\s"\'<>()\\[\\]{}|]*[^\\s"\'<>()\\[\\]{}|,;.:!?]'],
  ['uuid', '[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}(?![\\w-])'],
  [
    'time',
    `(?:${days},? +)?(?:${months} +\\d{1,2}|\\d{1,2} +${months}),?(?: +\\d{4},?)? +${clock}(?: +[AP]M)?(?: +[A-Z]{3,4})?(?: +[+-]\\d{4})?(?: +\\d{4}(?![\\w:]))?`,
  ],
  ['time', `\\d{4}[-/]\\d{1,2}[-/]\\d{1,2}[T :,]+${clock}(?: ?(?:Z|[+-]\\d{2}:?\\d{2}|UTC|GMT))?(?![\\w])`],
  [
    'time',
    `\\d{1,2}[-/](?:${months}|\\d{1,2})[-/]\\d{2,4}[T :,]+${clock}(?: +[AP]M)?(?: ?[+-]\\d{4})?(?![\\w])`,
  ],
  ['time', '\\d{4}[-/]\\d{1,2}[-/]\\d{1,2}(?![\\w/-])'],
  [
    'address',
    '(?=[0-9A-Fa-f:]*\\d)(?:[0-9A-Fa-f]{0,4}:){3,}[0-9A-Fa-f]{0,4}(?:%\\w+)?(?:\\/\\d{1,3})?(?![\\w:])',
  ],
  ['address', '[0-9A-Fa-f]{4}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\\.[0-9A-Fa-f](?![\\w:])'],
  ['address', '(?:[0-9A-Fa-f]{2}[:-]){5,}[0-9A-Fa-f]{2}(?![\\w:])'],
  ['address', `\\/?${octets}(?:\\/\\d{1,2})?(?::\\d{1,5})?(?![\\w]|\\.\\w|-\\w)`],
  ['name', '[\\w.+-]+@[A-Za-z0-9](?:[\\w-]*\\.)+[A-Za-z]{2,}(?![\\w])'],
  // A name with a port; but `main.c:12` is a line of a file.
  [
    'host',
    '(?![\\w.-]+\\.(?:c|cc|cpp|cxx|h|hpp|go|py|js|ts|rs|rb|java|kt|cs|php|pl|sh|scala|swift|m|mm|lua|sql|xml|ya?ml|json|conf|cfg|log|txt):)(?![\\w.-]*[a-z][A-Z])[A-Za-z0-9_][\\w-]*(?:\\.[A-Za-z0-9_][\\w-]*)+:\\d{1,5}(?![\\w:.])',
  ],
  // Parts of a file's name, `com.example.shop/.Cart` as well.
  [
    'path',
    '[A-Za-z_][\\w.@+~-]*(?:\\/[\\w.@+~$-]+){0,16}(?:\\.\\w+\\/\\.?|\\/\\.?(?:[\\w@+~$-]+[./]){0,16}[\\w@+~$-]+\\.)[A-Za-z_][\\w.@+~$-]*(?:\\/[\\w.@+~$-]+){0,16}(?![\\w/])',
  ],
  ['host', `(?:[A-Za-z0-9_][\\w-]*\\.)+(?:${domains})\\.?(?::\\d{1,5})?(?![\\w-]|\\.\\w)`],
  ['path', '(?:[A-Za-z]:)?\\\\{1,2}[\\w?.$~-][^\\s"\'<>|,;()\\[\\]]*'],
  [
    'path',
    '(?:\\.{1,2}|~\\w*)?\\/(?:[^\\s"\'<>()\\[\\]{},;|=:?]|:(?=[\\w\\/]))*[^\\s"\'<>()\\[\\]{},;|=:.!?](?:\\?[^\\s"\'<>]*[^\\s"\'<>,;.:!?])?',
  ],
  ['hex', '0[xX][0-9A-Fa-f]+(?![\\w])'],
  // A list of hosts: `node-[0-63,70]`.
  ['name', '[A-Za-z][\\w.]*-\\[\\d[\\d,\\- ]*\\]'],
  ['time', `${clock}(?![\\w:])`],
  [
    'number',
    '(?:[<>](?=\\d+(?:\\.\\d+)?(?:\\s|$)))?[-+~]?[$€£¥]?\\d+(?:\\.\\d+)?(?:[eE][-+]?\\d+)?%?(?![\\w%]|[.@+/~^$&*\\\\-][\\w])',
  ],
];

/** Scripts that put no space between words. */
const unspaced = '\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}ー';
const wideMarks = '\\u3000-\\u303f\\uff00-\\uff0f\\uff1a-\\uff20\\uff3b-\\uff40\\uff5b-\\uff65';
const scanner = new RegExp(
  `(\\s+)|${valueForms.map(([, form]) => `(${form})`).join('|')}|([${unspaced}]+)|` +
    `([^\\s=:,;()[\\]{}<>"'\`|#!?${unspaced}${wideMarks}]+)|(.)`,
  'suy',
);

const digit = /\d/;
const letterOrDigit = /[\p{L}\p{N}]/u;
const hexWord = /^(?=.*[A-Fa-f])[0-9A-Fa-f]{8,}$/;
/** Names of functions and keys hold a digit now and then: `jk2_init(`, `r24=`. */
const camelName = /^[A-Z][a-z]{2,}\d{1,2}[a-z]?[A-Z][a-z]{2,}[A-Za-z]*$/;
const className = /^[A-Za-z_]\w*(?:[.$][A-Za-z_]\w*){2,}$/;
const numberedName = /^[A-Za-z_][A-Za-z_.-]*\d{1,2}(?:[A-Za-z_.-]+\d{0,2})*$/;

/** Cuts a message into words, marks and values; reads up to `messageCharsMax` characters and `tokensMax` tokens. */
export function tokenize(message: string): Token[] {
  const text = message.length > messageCharsMax ? message.slice(0, messageCharsMax) : message;
  const tokens: Token[] = [];
  let spaced = false;
  let at = 0;
  while (at < text.length) {
    scanner.lastIndex = at;
    const match = scanner.exec(text);
    if (match === null) break;
    const found = match[0];
    const start = at;
    at += found.length;
    if (match[1] !== undefined) {
      spaced = true;
      continue;
    }
    if (tokens.length >= tokensMax) break;
    const form = match.findIndex((group, index) => index > 1 && group !== undefined) - 2;
    const type = valueForms[form]?.[0];
    if (type !== undefined) tokens.push({ text: found, kind: 'value', type, at: start, spaced });
    else if (form === valueForms.length + 1) pushWords(tokens, found, start, spaced, text[at] ?? '');
    else tokens.push({ text: found, kind: form === valueForms.length ? 'word' : 'mark', at: start, spaced });
    spaced = false;
  }
  if (at < text.length || text.length < message.length)
    tokens.push({ text: '', kind: 'value', type: 'rest', at, spaced: true });
  return tokens;
}

/** Dots at the end of a word, and two or more inside (`enable......1`), are marks. */
function pushWords(tokens: Token[], run: string, at: number, spaced: boolean, next: string): void {
  let start = at;
  for (const text of run.split(/(\.{2,}|…+|\.$)/)) {
    if (text === '') continue;
    tokens.push({ text, ...kindOf(text, next), at: start, spaced: spaced && start === at });
    start += text.length;
  }
}

function kindOf(text: string, next: string): { kind: Token['kind']; type?: ValueType } {
  if (digit.test(text)) {
    if ((next === '(' || next === '=') && numberedName.test(text)) return { kind: 'word' };
    if (camelName.test(text) || (className.test(text) && /[a-z][A-Z]/.test(text) && !/\d.*\d.*\d/.test(text)))
      return { kind: 'word' };
    return { kind: 'value', type: /^\d+$/.test(text) ? 'number' : 'name' };
  }
  if (hexWord.test(text)) return { kind: 'value', type: 'hex' };
  return { kind: letterOrDigit.test(text) ? 'word' : 'mark' };
}
