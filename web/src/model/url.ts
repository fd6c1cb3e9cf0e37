/**
 * The URL is the state. Query strings are plain (`?service=a&attr=k%3Dv&attr=…`), the same names as the API's, so that
 * links written by the server, by a person or by the console mean the same.
 */
export type RawSearch = Record<string, string | string[]>;

export function parseSearch(text: string): RawSearch {
  const search: RawSearch = {};
  for (const [key, value] of new URLSearchParams(text)) {
    const known = search[key];
    if (known === undefined) search[key] = value;
    else if (Array.isArray(known)) known.push(value);
    else search[key] = [known, value];
  }
  return search;
}

export function stringifySearch(search: Record<string, unknown>): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(search)) {
    for (const part of Array.isArray(value) ? value : [value]) {
      if (part === undefined || part === null || part === '') continue;
      params.append(key, String(part));
    }
  }
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}

/** The first value under a key as text; undefined when missing or empty. */
export function textOf(value: unknown): string | undefined {
  const first = Array.isArray(value) ? value[0] : value;
  if (first === undefined || first === null || first === '') return undefined;
  return String(first);
}

/** All values under a key, without duplicates; undefined when there are none. */
export function listOf(value: unknown): string[] | undefined {
  const all = (Array.isArray(value) ? value : [value]).filter(
    (part) => part !== undefined && part !== null && part !== '',
  );
  return all.length === 0 ? undefined : [...new Set(all.map(String))];
}

export function numberOf(value: unknown): number | undefined {
  const text = textOf(value);
  if (text === undefined) return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}

/** One of a closed list, or undefined. */
export function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T | undefined {
  const text = textOf(value);
  return allowed.find((each) => each === text);
}

/** A moment: epoch milliseconds or anything that ISO 8601 allows. */
export function momentOf(value: unknown): number | undefined {
  const number = numberOf(value);
  if (number !== undefined) return number;
  const text = textOf(value);
  const parsed = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(parsed) ? undefined : parsed;
}
