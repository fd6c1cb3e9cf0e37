/** Longest string kept in frozen evidence, characters: a stack trace fits, a dumped file does not. */
const stringMax = 8_192;
/** Deeper nesting than any telemetry attribute has. */
const depthMax = 12;

/**
 * A value as it can be stored and hashed: no NUL and no lone surrogate (PostgreSQL takes neither), no NaN, long strings
 * cut and marked, undefined dropped.
 */
export function storable(value: unknown, charsMax = stringMax, depth = 0): unknown {
  if (typeof value === 'string') return storableText(value, charsMax);
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Date) return Number.isFinite(value.getTime()) ? value.toISOString() : null;
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value !== 'object' || depth >= depthMax) return null;
  if (Array.isArray(value)) return value.map((item) => storable(item, charsMax, depth + 1));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [storableText(key, stringMax), storable(item, charsMax, depth + 1)]),
  );
}

export function storableText(text: string, charsMax = stringMax): string {
  const clean = text.replaceAll('\u0000', '\ufffd').toWellFormed();
  return clean.length <= charsMax
    ? clean
    : `${clean.slice(0, charsMax).toWellFormed()}… (${clean.length - charsMax} more)`;
}

/** JSON with sorted keys: equal values have equal text, whatever order a store returned their keys in. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sorted(value)) ?? 'null';
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? 0 : value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([key, item]) => [key, sorted(item)]),
  );
}
