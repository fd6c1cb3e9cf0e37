/**
 * Values of an INI inventory as Ansible reads them: a literal of Python (number, string, list, dictionary, True, None)
 * where it is one, otherwise the text.
 */
export function pythonValue(text: string): unknown {
  const trimmed = text.trim();
  const reader = new LiteralReader(trimmed);
  const value = reader.value(0);
  return value === unread || !reader.ended() ? text : value;
}

const unread = Symbol('no literal');
/** Lists in lists; deeper ones are text. */
const depthMax = 20;
const words: Readonly<Record<string, unknown>> = { True: true, False: false, None: null };
const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '0': '\0',
};

class LiteralReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  ended(): boolean {
    this.#space();
    return this.#at === this.#text.length;
  }

  value(depth: number): unknown {
    this.#space();
    const sign = this.#text[this.#at] ?? '';
    if (depth > depthMax) return unread;
    if (sign === '[') return this.#list(']', depth);
    if (sign === '(') return this.#list(')', depth);
    if (sign === '{') return this.#dictionary(depth);
    if (sign === '"' || sign === "'") return this.#string(sign);
    return this.#word();
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++;
  }

  #take(sign: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== sign) return false;
    this.#at++;
    return true;
  }

  #word(): unknown {
    const rest = this.#text.slice(this.#at);
    const number = /^[+-]?(?:0x[0-9a-f]+|0o[0-7]+|0b[01]+|(?:\d[\d_]*)?\.?\d[\d_]*\.?(?:e[+-]?\d+)?)/i.exec(
      rest,
    )?.[0];
    const word = /^[A-Za-z]+/.exec(rest)?.[0];
    if (number !== undefined) {
      const value = numberOf(number);
      if (value === null) return unread;
      this.#at += number.length;
      return value;
    }
    if (word === undefined || !(word in words)) return unread;
    this.#at += word.length;
    return words[word];
  }

  #string(quote: string): unknown {
    let value = '';
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const sign = this.#text[this.#at] ?? '';
      if (sign === quote) {
        this.#at++;
        return value;
      }
      if (sign !== '\\') value += sign;
      else {
        const next = this.#text[++this.#at] ?? '';
        value += escapes[next] ?? `\\${next}`;
      }
    }
    return unread;
  }

  #list(end: string, depth: number): unknown {
    this.#at++;
    const values: unknown[] = [];
    let commas = 0;
    while (!this.#take(end)) {
      const value = this.value(depth + 1);
      if (value === unread) return unread;
      values.push(value);
      if (this.#take(',')) commas++;
      else if (this.#text[this.#at] !== end) return unread;
    }
    // `(1)` is 1 in brackets, `(1,)` is a tuple.
    return end === ')' && commas === 0 && values.length === 1 ? values[0] : values;
  }

  #dictionary(depth: number): unknown {
    this.#at++;
    const entries: [string, unknown][] = [];
    while (!this.#take('}')) {
      const key = this.value(depth + 1);
      if (key === unread || !this.#take(':')) return unread;
      const value = this.value(depth + 1);
      if (value === unread) return unread;
      entries.push([String(key), value]);
      if (!this.#take(',') && this.#text[this.#at] !== '}') return unread;
    }
    return Object.fromEntries(entries);
  }
}

/** Python refuses leading zeros (`0644` is text) and single underscores at the ends. */
function numberOf(text: string): number | null {
  if (/^[+-]?0[\d_]/.test(text) && !/[.e]/i.test(text) && !/^[+-]?0+$/.test(text)) return null;
  if (/__|_$|_\.|\._/.test(text)) return null;
  const plain = text.replaceAll('_', '');
  const value = /^[+-]?0[xob]/i.test(plain)
    ? Number(plain.replace(/^[+-]/, '')) * (plain.startsWith('-') ? -1 : 1)
    : Number(plain);
  return Number.isNaN(value) ? null : value;
}

/** Splits a line of hosts as a shell would: quotes, backslashes; what follows `#` is a comment. Null: a quote stays open. */
export function shellWords(line: string): string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  for (let at = 0; at < line.length; at++) {
    const sign = line[at] ?? '';
    if (sign === '#') break;
    if (/\s/.test(sign)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (sign === "'" || sign === '"') {
      const quoted = quotedFrom(line, at);
      if (quoted === null) return null;
      word = (word ?? '') + quoted.text;
      at = quoted.end;
    } else if (sign === '\\') {
      if (at + 1 >= line.length) return null;
      word = (word ?? '') + (line[++at] ?? '');
    } else word = (word ?? '') + sign;
  }
  return word === null ? words : [...words, word];
}

function quotedFrom(line: string, start: number): { text: string; end: number } | null {
  const quote = line[start] ?? '';
  let text = '';
  for (let at = start + 1; at < line.length; at++) {
    const sign = line[at] ?? '';
    if (sign === quote) return { text, end: at };
    const next = line[at + 1] ?? '';
    if (sign === '\\' && quote === '"' && (next === '"' || next === '\\')) {
      text += next;
      at++;
    } else text += sign;
  }
  return null;
}
