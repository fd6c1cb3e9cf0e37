import { isUtf8 } from 'node:buffer';
import { number, readMilliseconds, readNumber } from './number.ts';

export type Format = 'text' | 'openmetrics';
export type Entry = 'sample' | 'type' | 'help' | 'unit' | 'end';

/** Bytes that are no exposition of the announced format. */
export class ExpositionError extends Error {
  /** Counted from 1. */
  readonly line: number;
  readonly reason: string;

  constructor(line: number, reason: string) {
    super(`line ${line}: ${reason}`);
    this.name = 'ExpositionError';
    this.line = line;
    this.reason = reason;
  }
}

/** Labels of one sample or exemplar; what remote write takes too. */
export const labelsMax = 128;
/** How much of a line an error repeats. */
const quotedBytesMax = 60;

/** Labels as ranges of the body; quotes are outside the ranges, escapes inside. */
export class LabelRanges {
  count = 0;
  readonly nameStart = new Uint32Array(labelsMax);
  readonly nameEnd = new Uint32Array(labelsMax);
  readonly valueStart = new Uint32Array(labelsMax);
  readonly valueEnd = new Uint32Array(labelsMax);

  name(bytes: Buffer, at: number): string {
    return unescaped(bytes.toString('utf8', this.nameStart[at] ?? 0, this.nameEnd[at] ?? 0));
  }

  value(bytes: Buffer, at: number): string {
    return unescaped(bytes.toString('utf8', this.valueStart[at] ?? 0, this.valueEnd[at] ?? 0));
  }
}

const escapes: Record<string, string> = { '\\\\': '\\', '\\n': '\n', '\\"': '"' };
/** Any other backslash stays as it is, which is what Prometheus does. */
const unescaped = (text: string): string =>
  text.includes('\\') ? text.replace(/\\[\\n"]/g, (pair) => escapes[pair] ?? pair) : text;

/** Numbers of metric families' types, those of remote write. */
const textTypes = new Map([
  ['untyped', 0],
  ['counter', 1],
  ['gauge', 2],
  ['histogram', 3],
  ['summary', 5],
]);
const openMetricsTypes = new Map([
  ['unknown', 0],
  ['counter', 1],
  ['gauge', 2],
  ['histogram', 3],
  ['gaugehistogram', 4],
  ['summary', 5],
  ['info', 6],
  ['stateset', 7],
]);

const metricStart = 1;
const metricChar = 2;
const labelStart = 4;
const labelChar = 8;
const classes = new Uint8Array(256);
for (let code = 0; code < 128; code++) {
  const char = String.fromCharCode(code);
  if (/[a-zA-Z_]/.test(char)) classes[code] = metricStart | metricChar | labelStart | labelChar;
  else if (char === ':') classes[code] = metricStart | metricChar;
  else if (/[0-9]/.test(char)) classes[code] = metricChar | labelChar;
}

const newline = 0x0a;
const space = 0x20;
const tab = 0x09;
const hash = 0x23;
const open = 0x7b;
const close = 0x7d;
const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const equals = 0x3d;

/**
 * Reads Prometheus' text format 0.0.4 and OpenMetrics 1.0, one entry a `next`. What the entry says stands in the fields, as
 * ranges of the body where it can, and holds until the next call. Throws ExpositionError with the line.
 */
export class Exposition {
  readonly bytes: Buffer;
  readonly labels = new LabelRanges();
  /** Of a sample: name and labels as they stand in the body. */
  seriesStart = 0;
  seriesEnd = 0;
  nameStart = 0;
  nameEnd = 0;
  value = 0;
  /** Milliseconds; NaN when the sample has none. */
  timestamp = Number.NaN;
  hasExemplar = false;
  readonly exemplarLabels = new LabelRanges();
  exemplarValue = 0;
  exemplarTimestamp = Number.NaN;
  /** Of a type, help or unit: the metric family. */
  family = '';
  familyType = 0;
  text = '';
  line = 1;
  /** Where the sample stands. */
  sampleLine = 1;
  private position = 0;
  private readonly strict: boolean;
  private readonly isText: boolean;

  constructor(bytes: Buffer, format: Format) {
    this.bytes = bytes;
    this.strict = format === 'openmetrics';
    this.isText = isUtf8(bytes);
  }

  next(): Entry {
    const { bytes, strict } = this;
    for (;;) {
      if (!strict) this.skipLines();
      if (this.position >= bytes.length) {
        if (strict) throw this.fail('the exposition does not end with "# EOF"');
        return 'end';
      }
      if (bytes[this.position] !== hash) return this.sample();
      const entry = this.comment();
      if (entry !== undefined) return entry;
    }
  }

  /** The name of the metric of a sample. */
  name(): string {
    return unescaped(this.bytes.toString('utf8', this.nameStart, this.nameEnd));
  }

  private sample(): Entry {
    const { bytes, strict } = this;
    const start = this.position;
    this.sampleLine = this.line;
    this.nameStart = this.nameEnd = start;
    this.seriesStart = start;
    let at = start;
    if (((classes[bytes[at] ?? 0] ?? 0) & metricStart) !== 0) {
      do at += 1;
      while (((classes[bytes[at] ?? 0] ?? 0) & metricChar) !== 0);
      this.nameEnd = at;
    } else if (bytes[at] !== open) throw this.fail(`expected a metric name, got ${this.quoted(start)}`);
    this.seriesEnd = this.position = at;
    if (!strict) this.skipBlanks();
    this.labels.count = 0;
    if (bytes[this.position] === open) {
      this.labelSet(this.labels, true);
      this.seriesEnd = this.position;
    }
    if (this.nameStart === this.nameEnd) throw this.fail('the metric has no name');
    if (strict) this.oneSpace('a value');
    else this.afterSeries();
    this.value = this.float('value');
    this.timestamp = Number.NaN;
    this.hasExemplar = false;
    if (strict) this.openMetricsTail();
    else this.textTail();
    return 'sample';
  }

  /** Prometheus wants no blank behind `}`, but one behind a bare name. */
  private afterSeries(): void {
    this.skipBlanks();
    if (this.isLineEnd()) throw this.fail('the value is missing');
    const before = this.bytes[this.position - 1];
    if (before !== space && before !== tab && before !== close)
      throw this.fail(`expected a value after the metric name, got ${this.quoted(this.position)}`);
  }

  private textTail(): void {
    this.skipBlanks();
    if (!this.isLineEnd()) {
      const start = this.position;
      const end = this.tokenEnd();
      const timestamp = readMilliseconds(this.bytes, start, end);
      if (timestamp === undefined)
        throw this.fail(`the timestamp ${this.quoted(start, end)} is not a whole number of milliseconds`);
      this.timestamp = timestamp;
      this.position = end;
      this.skipBlanks();
    }
    this.endLine();
  }

  private openMetricsTail(): void {
    const { bytes } = this;
    if (bytes[this.position] === space && bytes[this.position + 1] !== hash) {
      this.position += 1;
      this.timestamp = this.seconds('timestamp');
    }
    if (bytes[this.position] === space && bytes[this.position + 1] === hash) this.exemplar();
    this.endLine();
  }

  /** ` # {labels} value [timestamp]` */
  private exemplar(): void {
    this.position += 2;
    this.oneSpace('the labels of an exemplar');
    if (this.bytes[this.position] !== open)
      throw this.fail(`expected the labels of an exemplar, got ${this.quoted(this.position)}`);
    this.exemplarLabels.count = 0;
    this.labelSet(this.exemplarLabels, false);
    this.oneSpace('the value of the exemplar');
    this.exemplarValue = this.float('exemplar value');
    this.exemplarTimestamp = Number.NaN;
    if (this.bytes[this.position] === space) {
      this.position += 1;
      this.exemplarTimestamp = this.seconds('exemplar timestamp');
    }
    this.hasExemplar = true;
  }

  /** From `{` to behind `}`. With `named` a quoted text without `=` is the metric's name. */
  private labelSet(labels: LabelRanges, named: boolean): void {
    const { bytes, strict } = this;
    this.position += 1;
    for (;;) {
      if (!strict) this.skipBlanks();
      if (bytes[this.position] === close) break;
      this.labelPair(labels, named);
      if (!strict) this.skipBlanks();
      // In the text format Prometheus does without commas.
      if (bytes[this.position] === comma) this.position += 1;
      else if (strict && bytes[this.position] !== close)
        throw this.fail(`expected "," or "}" after a label, got ${this.quoted(this.position)}`);
    }
    this.position += 1;
  }

  private labelPair(labels: LabelRanges, named: boolean): void {
    const { bytes, strict } = this;
    const isQuoted = bytes[this.position] === quote;
    let start = this.position;
    let end = start;
    if (isQuoted) {
      start += 1;
      end = this.string('name');
    } else {
      if (((classes[bytes[end] ?? 0] ?? 0) & labelStart) === 0)
        throw this.fail(`expected a label name, got ${this.quoted(start)}`);
      do end += 1;
      while (((classes[bytes[end] ?? 0] ?? 0) & labelChar) !== 0);
      this.position = end;
    }
    if (isQuoted && start === end) throw this.fail('a quoted name is empty');
    if (!strict) this.skipBlanks();
    if (bytes[this.position] !== equals) {
      if (!isQuoted || !named)
        throw this.fail(
          `expected "=" after the label name ${this.quoted(start, end)}, got ${this.quoted(this.position)}`,
        );
      if (this.nameStart !== this.nameEnd) throw this.fail('the metric has two names');
      this.nameStart = start;
      this.nameEnd = end;
      return;
    }
    this.position += 1;
    if (!strict) this.skipBlanks();
    if (bytes[this.position] !== quote)
      throw this.fail(`the value of the label ${this.quoted(start, end)} is not in quotes`);
    const valueStart = this.position + 1;
    const valueEnd = this.string('label value');
    const at = labels.count++;
    if (at >= labelsMax) throw this.fail(`more than ${labelsMax} labels`);
    labels.nameStart[at] = start;
    labels.nameEnd[at] = end;
    labels.valueStart[at] = valueStart;
    labels.valueEnd[at] = valueEnd;
  }

  /** From a quote to behind the closing one; answers where that stands. */
  private string(what: string): number {
    const { bytes } = this;
    const start = this.position + 1;
    // Prometheus takes values with line breaks in the text format, though its definition wants them escaped.
    const breaks = !this.strict && what === 'label value';
    let lines = 0;
    let at = start;
    for (; ; at++) {
      const code = bytes[at];
      if (code === quote) break;
      if (code === newline && breaks) lines += 1;
      else if (code === backslash) at += 1;
      if (at >= bytes.length || (bytes[at] === newline && !(breaks && code === newline)))
        throw this.fail(`the ${what} ${this.quoted(start)} is not closed`);
    }
    this.line += lines;
    if (!this.isText && !isUtf8(bytes.subarray(start, at)))
      throw this.fail(`the ${what} ${this.quoted(start, at)} is not valid UTF-8`);
    this.position = at + 1;
    return at;
  }

  private float(what: string): number {
    const start = this.position;
    const end = this.tokenEnd();
    if (start === end) throw this.fail(`the ${what} is missing`);
    if (!readNumber(this.bytes, start, end))
      throw this.fail(`the ${what} ${this.quoted(start, end)} ${number.fault}`);
    this.position = end;
    return number.value;
  }

  private seconds(what: string): number {
    const start = this.position;
    const value = this.float(what);
    const milliseconds = Math.round(value * 1000);
    if (!Number.isSafeInteger(milliseconds))
      throw this.fail(`the ${what} ${this.quoted(start, this.position)} is not a time in seconds`);
    return milliseconds;
  }

  /** HELP, TYPE, UNIT and EOF; undefined for a comment that means nothing. */
  private comment(): Entry | undefined {
    const { bytes, strict } = this;
    const start = this.position;
    const found = bytes.indexOf(newline, start);
    const end = found < 0 ? bytes.length : found;
    this.position = start + 1;
    const blank = strict ? bytes[this.position++] === space : this.skipBlanks();
    const wordStart = this.position;
    const wordEnd = blank ? Math.min(this.tokenEnd(), end) : wordStart;
    const word = bytes.toString('latin1', wordStart, wordEnd);
    if (strict && word === 'EOF' && wordEnd === end) return this.endOfFile(end);
    const isMetadata = word === 'HELP' || word === 'TYPE' || (strict && word === 'UNIT');
    if (isMetadata && wordEnd < end) {
      this.position = wordEnd + 1;
      return this.metadata(word, end);
    }
    if (strict)
      throw this.fail(`expected "# HELP", "# TYPE", "# UNIT" or "# EOF", got ${this.quoted(start, end)}`);
    this.position = end;
    return undefined;
  }

  private endOfFile(end: number): Entry {
    this.position = Math.min(end + 1, this.bytes.length);
    if (this.position < this.bytes.length) {
      this.line += 1;
      throw this.fail('there is data after "# EOF"');
    }
    return 'end';
  }

  private metadata(word: string, end: number): Entry {
    const { bytes, strict } = this;
    if (!strict) this.skipBlanks();
    const start = this.position;
    if (bytes[start] === quote) {
      const stop = this.string('name');
      this.family = unescaped(bytes.toString('utf8', start + 1, stop));
    } else {
      while (this.position < end && ((classes[bytes[this.position] ?? 0] ?? 0) & metricChar) !== 0)
        this.position += 1;
      this.family = bytes.toString('latin1', start, this.position);
    }
    const isName = bytes[start] === quote || ((classes[bytes[start] ?? 0] ?? 0) & metricStart) !== 0;
    const isEnded = this.position >= end || bytes[this.position] === space || bytes[this.position] === tab;
    // As in Prometheus: in the text format one character of any kind ends the name.
    if (!isName || (strict && !isEnded) || this.family === '')
      throw this.fail(`expected a metric name after "# ${word}", got ${this.quoted(start, end)}`);
    if (strict && this.position >= end) throw this.fail(`there is nothing behind "# ${word} ${this.family}"`);
    const textStart = Math.min(this.position + 1, end);
    if (!this.isText && !isUtf8(bytes.subarray(textStart, end)))
      throw this.fail(`the ${word} text of ${this.family} is not valid UTF-8`);
    this.text = bytes.toString('utf8', textStart, end);
    this.position = end;
    const entry = this.described(word);
    this.endLine();
    return entry;
  }

  private described(word: string): Entry {
    if (word === 'HELP') {
      this.text = this.strict
        ? unescaped(this.text)
        : this.text.replace(/\\[\\n]/g, (pair) => escapes[pair] ?? pair);
      return 'help';
    }
    if (!this.strict) this.text = this.text.trim();
    if (word === 'UNIT') {
      if (this.text !== '' && !this.family.endsWith(`_${this.text}`))
        throw this.fail(
          `the unit ${JSON.stringify(this.text.slice(0, quotedBytesMax))} is not the end of the name ${this.family}`,
        );
      return 'unit';
    }
    const type = (this.strict ? openMetricsTypes : textTypes).get(this.text);
    if (type === undefined)
      throw this.fail(
        `the type ${JSON.stringify(this.text.slice(0, quotedBytesMax))} of ${this.family} is not one of ${[...(this.strict ? openMetricsTypes : textTypes).keys()].join(', ')}`,
      );
    this.familyType = type;
    return 'type';
  }

  /** Behind the last thing of a line. */
  private endLine(): void {
    const { bytes } = this;
    if (!this.isLineEnd()) throw this.fail(`expected the end of the line, got ${this.quoted(this.position)}`);
    if (this.position >= bytes.length) return;
    this.position += 1;
    this.line += 1;
  }

  private isLineEnd(): boolean {
    return this.position >= this.bytes.length || this.bytes[this.position] === newline;
  }

  private tokenEnd(): number {
    const { bytes } = this;
    let at = this.position;
    for (let code = bytes[at]; at < bytes.length; code = bytes[++at])
      if (code === space || code === newline || code === tab) break;
    return at;
  }

  private skipBlanks(): boolean {
    const { bytes } = this;
    const start = this.position;
    let at = start;
    while (bytes[at] === space || bytes[at] === tab) at += 1;
    this.position = at;
    return at > start;
  }

  private skipLines(): void {
    const { bytes } = this;
    let at = this.position;
    for (let code = bytes[at]; at < bytes.length; code = bytes[++at]) {
      if (code === newline) this.line += 1;
      else if (code !== space && code !== tab) break;
    }
    this.position = at;
  }

  private oneSpace(before: string): void {
    const { bytes } = this;
    const next = bytes[this.position + 1];
    if (bytes[this.position] !== space || next === space || next === newline || next === undefined)
      throw this.fail(`expected one space and ${before}, got ${this.quoted(this.position)}`);
    this.position += 1;
  }

  private fail(reason: string): ExpositionError {
    return new ExpositionError(this.line, reason);
  }

  /** The line from `start`, up to `end` where one is given, cut, for an error. */
  private quoted(start: number, end = this.bytes.length): string {
    const found = this.bytes.indexOf(newline, start);
    const stop = Math.min(found < 0 ? this.bytes.length : found, end, start + quotedBytesMax);
    return stop <= start ? 'the end of the line' : JSON.stringify(this.bytes.toString('utf8', start, stop));
  }
}
