import type { Pair } from '../log-sink.ts';

/** The labels of a stream could not be read; the message is fit for the sender. */
export class LabelError extends Error {}

/** Loki itself allows 15 labels a stream by default; this only keeps a broken sender from making thousands. */
const labelsMax = 256;
const bare = /[\p{L}_][\p{L}\p{N}_:.]*/uy;
const escapes = new Map([
  ['a', '\x07'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
  ['\\', '\\'],
  ['"', '"'],
  ["'", "'"],
]);
const escapePattern = /\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|[\s\S]|$)/g;
/** Shown of a text that could not be read. */
const shownLengthMax = 120;

/** `{app="checkout", pod='…'}` as pairs: names bare or quoted, values in Go's quotes. */
export function parseLabels(text: string): Pair[] {
  const reader = new LabelReader(text);
  return reader.labels();
}

class LabelReader {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  labels(): Pair[] {
    const pairs: Pair[] = [];
    this.expect('{');
    while (!this.take('}')) {
      if (pairs.length > 0) {
        this.expect(',');
        if (this.take('}')) break;
      }
      if (pairs.length === labelsMax) throw this.wrong(`more than ${labelsMax} labels`);
      const name = this.name();
      this.expect('=');
      pairs.push([name, this.quoted()]);
    }
    this.blanks();
    if (this.at < this.text.length) throw this.wrong('nothing may follow "}"');
    return pairs;
  }

  private name(): string {
    this.blanks();
    if (this.text[this.at] === '"' || this.text[this.at] === '`') return this.quoted();
    bare.lastIndex = this.at;
    const name = bare.exec(this.text)?.[0];
    if (name === undefined) throw this.wrong('a label name is needed');
    this.at += name.length;
    return name;
  }

  private quoted(): string {
    this.blanks();
    const quote = this.text[this.at] ?? '';
    if (quote !== '"' && quote !== '`') throw this.wrong('a value in double quotes is needed');
    const start = this.at + 1;
    let end = start;
    while (end < this.text.length && this.text[end] !== quote)
      end += quote === '"' && this.text[end] === '\\' ? 2 : 1;
    if (end >= this.text.length) throw this.wrong('a value does not end');
    const inner = this.text.slice(start, end);
    const value = quote === '`' ? inner : this.unescaped(inner);
    this.at = end + 1;
    return value;
  }

  private unescaped(inner: string): string {
    if (!inner.includes('\\')) return inner;
    return inner.replace(escapePattern, (_whole, code: string) => {
      const simple = escapes.get(code);
      if (simple !== undefined) return simple;
      const value = /^[xuU]./.test(code)
        ? Number.parseInt(code.slice(1), 16)
        : /^[0-7]{3}$/.test(code)
          ? Number.parseInt(code, 8)
          : -1;
      if (!(value >= 0 && value <= 0x10_ffff)) throw this.wrong(`\\${code} is no escape`);
      return String.fromCodePoint(value);
    });
  }

  private blanks(): void {
    while (/\s/.test(this.text[this.at] ?? '')) this.at += 1;
  }

  private take(mark: string): boolean {
    this.blanks();
    if (this.text[this.at] !== mark) return false;
    this.at += 1;
    return true;
  }

  private expect(mark: string): void {
    if (!this.take(mark)) throw this.wrong(`"${mark}" is needed`);
  }

  private wrong(reason: string): LabelError {
    const shown = this.text.length > shownLengthMax ? `${this.text.slice(0, shownLengthMax)}…` : this.text;
    return new LabelError(`error parsing labels ${shown}: at character ${this.at + 1}, ${reason}`);
  }
}
