import { ClewError } from '../../lib/index.ts';
import { type Sentence, sentence } from '../../model/index.ts';

/** A row that can't be read: which field, and what stood there. */
export class FieldError extends Error {
  readonly field: string;
  readonly said: Sentence;
  constructor(field: string, said: Sentence) {
    super(said.text);
    this.field = field;
    this.said = said;
  }
}

const shown = (value: unknown): string => JSON.stringify(value)?.slice(0, 80) ?? '-';
const noTime = (field: string, value: unknown): FieldError =>
  new FieldError(
    field,
    sentence(value === undefined ? 'field.empty' : 'field.no_time', { value: shown(value) }),
  );

// The same few thousand instants are named again and again in a metrics file.
const instants = new Map<string, number>();
const instantsMax = 50_000;

/** ISO time, or a number of seconds, milliseconds, microseconds or nanoseconds since 1970. */
export function timeOf(value: unknown, field: string): number {
  if (typeof value === 'number') {
    const ms = epochMs(value);
    if (!Number.isFinite(ms)) throw noTime(field, value);
    return ms;
  }
  if (typeof value !== 'string' || value === '') throw noTime(field, value);
  const known = instants.get(value);
  if (known !== undefined) return known;
  const at = instantOf(value);
  if (at === null) throw noTime(field, value);
  if (instants.size < instantsMax) instants.set(value, at);
  return at;
}

/** Milliseconds since 1970 of ISO 8601 or a number, whatever its unit; null for what is no time. */
export function instantOf(given: string): number | null {
  const text = given.trim();
  if (/^-?\d+(\.\d+)?$/.test(text)) return finiteOrNull(epochMs(Number(text)));
  // Date.parse takes other forms too, and those without a zone for local time: another answer on another machine.
  if (!/^[+-]?\d{4,6}-\d{2}/.test(text)) return null;
  const bare = /[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?$/.test(text);
  return finiteOrNull(Date.parse(bare ? `${text.replace(' ', 'T')}Z` : text));
}

const finiteOrNull = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their size. */
function epochMs(value: number): number {
  const size = Math.abs(value);
  return size < 1e11 ? value * 1e3 : size < 1e14 ? value : size < 1e17 ? value / 1e3 : value / 1e6;
}

/** A finite number; null for what senders write where there is none (empty, NaN, null, infinity). */
export function numberOf(value: unknown, field: string): number | null {
  if (value === null || value === undefined || value === '') return null;
  if (typeof value === 'string' && /^[+-]?(nan|null|none|n\/a|inf(inity)?)$/i.test(value.trim())) return null;
  const number = typeof value === 'boolean' ? Number.NaN : Number(value);
  if (Number.isNaN(number)) throw new FieldError(field, sentence('field.no_number', { value: shown(value) }));
  return Number.isFinite(number) ? number : null;
}

export const textOf = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : value === null || value === undefined
      ? ''
      : typeof value === 'object'
        ? JSON.stringify(value)
        : String(value);

export function nameOf(value: unknown, field: string): string {
  const text = textOf(value).trim();
  if (text === '') throw new FieldError(field, sentence('field.empty', {}));
  return text;
}

const attributesMax = 64;
const attributeCharsMax = 8_192;

/** Attributes as text; what is nested one level becomes `outer.inner`, lists are joined by line feeds. */
export function attributesOf(value: unknown, field: string): Record<string, string> {
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value))
    throw new FieldError(field, sentence('field.no_object', { value: shown(value) }));
  const flat: Record<string, string> = {};
  for (const [key, entry] of Object.entries(value).slice(0, attributesMax)) {
    if (Array.isArray(entry)) flat[key] = entry.map(textOf).join('\n').slice(0, attributeCharsMax);
    else if (entry !== null && typeof entry === 'object') {
      for (const [inner, last] of Object.entries(entry).slice(0, attributesMax))
        flat[key === 'attributes' ? inner : `${key}.${inner}`] = textOf(last).slice(0, attributeCharsMax);
    } else flat[key] = textOf(entry).slice(0, attributeCharsMax);
  }
  return flat;
}

export function objectOf(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new FieldError('', sentence('field.no_json', {}));
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new FieldError('', sentence('field.no_json_object', {}));
  return value as Record<string, unknown>;
}

export const unreadable = (file: string, line: number, error: FieldError): ClewError =>
  new ClewError(
    'unprocessable',
    `${file}, line ${line}${error.field === '' ? '' : `, field "${error.field}"`}: ${error.message}`,
  );
