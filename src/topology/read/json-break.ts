const token =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them in strings, so the pattern must name them.
  /\s*(?:([{}[\],:])|("(?:[^"\\\u0000-\u001f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null))/y;

type Expect = 'value' | 'value or ]' | 'key' | 'key or }' | ':' | ', or end';

/**
 * Where a text ceases to be JSON: the offset of the first character that does not fit, or null when it only ends too
 * early. The engine's own message names no place for most breaks.
 */
export function jsonBreak(text: string): number | null {
  const open: string[] = [];
  let expect: Expect = 'value';
  let at = 0;
  while (!(expect === ', or end' && open.length === 0)) {
    token.lastIndex = at;
    const match = token.exec(text);
    const start = at + (/^\s*/.exec(text.slice(at, at + 1_000))?.[0].length ?? 0);
    if (match === null) return start >= text.length ? null : start;
    const next: Expect | null = after(expect, match, open);
    if (next === null) return start;
    expect = next;
    at = token.lastIndex;
  }
  return at + (/^\s*/.exec(text.slice(at))?.[0].length ?? 0);
}

function after(expect: Expect, [, sign, string]: RegExpExecArray, open: string[]): Expect | null {
  if (expect === ':') return sign === ':' ? 'value' : null;
  if (expect === 'key' || expect === 'key or }') {
    if (string !== undefined) return ':';
    return expect === 'key or }' && sign === '}' ? closed(open) : null;
  }
  if (expect === ', or end') {
    if (sign === ',') return open.at(-1) === '{' ? 'key' : 'value';
    return (sign === '}' && open.at(-1) === '{') || (sign === ']' && open.at(-1) === '[')
      ? closed(open)
      : null;
  }
  if (sign === undefined) return ', or end';
  if (sign === ']' && expect === 'value or ]') return closed(open);
  if (sign !== '{' && sign !== '[') return null;
  open.push(sign);
  return sign === '{' ? 'key or }' : 'value or ]';
}

function closed(open: string[]): Expect {
  open.pop();
  return ', or end';
}
