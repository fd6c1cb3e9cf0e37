import { ClewError } from '../lib/index.ts';

/** Longer lines are no samples. */
const lineCharsMax = 4_096;

/** Called for each row in order. `timestamp` is the text as it was written, `at` the same in milliseconds since 1970. */
export type OnSample = (timestamp: string, at: number, value: number) => void;

/**
 * Reads `timestamp,value` rows piece by piece. A header may name the columns (in any order, others are passed over);
 * without one the first two columns are taken. Timestamps: ISO 8601 (a space for the T, UTC without a zone) or a number
 * since 1970 in seconds, milliseconds, microseconds or nanoseconds. No value, `NaN` and `null` are missing samples.
 */
export class SeriesCsv {
  readonly #name: string;
  readonly #onSample: OnSample;
  #rest = '';
  #line = 0;
  #timeColumn = 0;
  #valueColumn = 1;
  #started = false;

  constructor(name: string, onSample: OnSample) {
    this.#name = name;
    this.#onSample = onSample;
  }

  /** @throws ClewError `unprocessable` naming file, line and column. */
  push(text: string): void {
    const chunk = this.#rest === '' ? text : this.#rest + text;
    let from = 0;
    for (let to = chunk.indexOf('\n', from); to >= 0; to = chunk.indexOf('\n', from)) {
      this.#take(chunk, from, to);
      from = to + 1;
    }
    this.#rest = chunk.slice(from);
    if (this.#rest.length > lineCharsMax) {
      this.#line++;
      this.#fail('line', `has more than ${lineCharsMax} characters`);
    }
  }

  end(): void {
    if (this.#rest !== '') this.#take(this.#rest, 0, this.#rest.length);
    this.#rest = '';
    if (!this.#started) this.#fail('file', 'holds no rows; expected the header timestamp,value');
  }

  #take(chunk: string, from: number, end: number): void {
    this.#line++;
    const to = end > from && chunk.charCodeAt(end - 1) === 13 ? end - 1 : end;
    if (to === from) return;
    if (this.#timeColumn === 0 && this.#valueColumn === 1 && this.#started) {
      const comma = chunk.indexOf(',', from);
      if (comma > from && comma < to) {
        const next = chunk.indexOf(',', comma + 1);
        const last = next >= 0 && next < to ? next : to;
        this.#sample(chunk.slice(from, comma), chunk.slice(comma + 1, last));
        return;
      }
    }
    const fields = chunk.slice(from, to).split(',');
    if (!this.#started && this.#header(fields)) return;
    this.#started = true;
    const [timestamp, value] = [fields[this.#timeColumn], fields[this.#valueColumn]];
    if (timestamp === undefined || value === undefined)
      this.#fail(
        `column ${Math.max(this.#timeColumn, this.#valueColumn) + 1}`,
        `is missing: the row has ${fields.length} of the columns timestamp and value`,
      );
    else this.#sample(timestamp, value);
  }

  #header(fields: readonly string[]): boolean {
    const names = fields.map((field) => unquoted(field.replace(/^\uFEFF/, '')).toLowerCase());
    const time = names.findIndex((name) => ['timestamp', 'time', 'ts', 'date'].includes(name));
    const value = names.findIndex((name) => ['value', 'val', 'v'].includes(name));
    if (time < 0 && value < 0) return false;
    this.#line = Math.max(1, this.#line);
    if (time < 0) this.#fail('header', `names no column timestamp: ${names.join(',').slice(0, 200)}`);
    if (value < 0) this.#fail('header', `names no column value: ${names.join(',').slice(0, 200)}`);
    this.#timeColumn = time;
    this.#valueColumn = value;
    this.#started = true;
    return true;
  }

  #sample(timestamp: string, value: string): void {
    const time = timestamp.charCodeAt(0) === 34 ? unquoted(timestamp) : timestamp.trim();
    const at = parseTime(time);
    if (Number.isNaN(at))
      this.#fail(
        'column timestamp',
        `is no time: ${JSON.stringify(time.slice(0, 80))} (ISO 8601 or a number since 1970)`,
      );
    const word = value.charCodeAt(0) === 34 ? unquoted(value) : value.trim();
    const number = word === '' ? Number.NaN : Number(word);
    if (Number.isNaN(number) && !/^(nan|null|none|-|na|n\/a|)$/i.test(word))
      this.#fail('column value', `is no number: ${JSON.stringify(word.slice(0, 80))}`);
    this.#onSample(time, at, number);
  }

  #fail(column: string, what: string): never {
    throw new ClewError('unprocessable', `${this.#name}, line ${this.#line}: ${column} ${what}.`);
  }
}

const unquoted = (field: string): string =>
  field
    .trim()
    .replace(/^"(.*)"$/, '$1')
    .trim();

const dateShape = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?$/;

/** Milliseconds since 1970; NaN for what is no time. */
export function parseTime(text: string): number {
  if (text.length === 19 && text.charCodeAt(4) === 45 && text.charCodeAt(13) === 58) {
    const at = plainDate(text);
    if (!Number.isNaN(at)) return at;
  }
  const parts = dateShape.exec(text);
  if (parts) {
    const zone = parts[8] ?? 'Z';
    return Date.parse(
      `${parts[1]}-${parts[2]}-${parts[3]}T${parts[4]}:${parts[5]}:${parts[6] ?? '00'}.${(parts[7] ?? '0').slice(0, 3)}${zone}`,
    );
  }
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return Date.parse(text);
  if (!/^-?\d+(\.\d+)?(e\+?\d+)?$/i.test(text)) return Number.NaN;
  const number = Number(text);
  const size = Math.abs(number);
  if (size < 1e11) return number * 1000;
  if (size < 1e14) return number;
  return size < 1e17 ? number / 1000 : number / 1e6;
}

/** `YYYY-MM-DD hh:mm:ss`, digit by digit: ten times as quick as a general parser, and most files are written so. */
function plainDate(text: string): number {
  const two = (at: number): number => {
    const tens = text.charCodeAt(at) - 48;
    const ones = text.charCodeAt(at + 1) - 48;
    return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
  };
  const [month, day, hour, minute, second] = [two(5), two(8), two(11), two(14), two(17)];
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour < 24 && minute < 60 && second <= 60))
    return Number.NaN;
  return Date.UTC(two(0) * 100 + two(2), month - 1, day, hour, minute, second);
}
