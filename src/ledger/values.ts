import { ClewError } from '../lib/index.ts';

/**
 * A parameter as the text that PostgreSQL reads, the same on both twins: a Date in UTC, an array as an array literal, an
 * object as JSON, bytes in hexadecimal. Throws `internal` for what has no such form.
 */
export function textOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'object':
      if (value instanceof Date) return value.toISOString();
      if (Array.isArray(value)) return `{${value.map(elementOf).join(',')}}`;
      if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
      return JSON.stringify(value);
    default:
      throw new ClewError('internal', `A ${typeof value} can't be a parameter of a statement.`);
  }
}

/** Elements are quoted, so that commas, braces, quotes and the word NULL stay text; a nested array is not. */
function elementOf(value: unknown): string {
  const text = textOf(value);
  if (text === null) return 'NULL';
  if (Array.isArray(value)) return text;
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}
