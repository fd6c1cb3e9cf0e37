import type { Severity } from '../model/index.ts';
import { severities } from '../model/index.ts';
import { type Binder, bindUInt64s } from './clause.ts';
import { parseSearch } from './search.ts';

/** `key=value` (or, excluded, not) on the attributes of a record and of its resource. */
export interface AttributeFilter {
  key: string;
  value: string;
  exclude: boolean;
}

/** What the log endpoints filter by; everything given must hold. */
export interface LogFilter {
  services?: readonly string[];
  servicesExcluded?: readonly string[];
  severities?: readonly Severity[];
  /** Words and "phrases", see `parseSearch`. */
  q?: string;
  traceId?: string;
  spanId?: string;
  /** 64-bit shapes as decimal text; a pattern is one or more of them. An empty list matches nothing. */
  shapes?: readonly string[];
  attributes?: readonly AttributeFilter[];
}

/** Index into `severities` of a row; an unset number (0) reads as INFO, like `severityOf`. */
export const severityIndexSql = 'if(SeverityNumber = 0, 2, least(5, intDiv(toUInt8(SeverityNumber - 1), 4)))';

export const severityAt = (index: number): Severity => severities[index] ?? 'INFO';

/** The conditions of a filter, for `joinClauses`. */
export function logClauses(filter: LogFilter, binder: Binder): string[] {
  const clauses: string[] = [];
  if (filter.services?.length)
    clauses.push(`ServiceName IN ${binder.bind('Array(String)', filter.services)}`);
  if (filter.servicesExcluded?.length)
    clauses.push(`ServiceName NOT IN ${binder.bind('Array(String)', filter.servicesExcluded)}`);
  if (filter.severities?.length) {
    const indexes = filter.severities.map((severity) => severities.indexOf(severity));
    clauses.push(`${severityIndexSql} IN ${binder.bind('Array(UInt8)', indexes)}`);
  }
  if (filter.shapes) clauses.push(`Shape IN ${bindUInt64s(binder, filter.shapes)}`);
  if (filter.traceId) clauses.push(`TraceId = ${binder.bind('String', filter.traceId)}`);
  if (filter.spanId) clauses.push(`SpanId = ${binder.bind('String', filter.spanId)}`);
  for (const attribute of filter.attributes ?? [])
    clauses.push(attributeClause(['LogAttributes', 'ResourceAttributes'], attribute, binder));
  for (const term of parseSearch(filter.q ?? '')) clauses.push(bodyClause(term.text, term.exclude, binder));
  return clauses;
}

/**
 * An exclusion also keeps rows that lack the key. `maps` are column names of ours. An empty value asks for presence
 * with an empty value, so absence has to be told apart with `mapContains`.
 */
export function attributeClause(maps: readonly string[], filter: AttributeFilter, binder: Binder): string {
  const key = binder.bind('String', filter.key);
  const value = binder.bind('String', filter.value);
  const one = (map: string) =>
    filter.value === ''
      ? `(mapContains(${map}, ${key}) AND ${map}[${key}] = ${value})`
      : `${map}[${key}] = ${value}`;
  const any = `(${maps.map(one).join(' OR ')})`;
  return filter.exclude ? `NOT ${any}` : any;
}

// A token index would answer whole words only, and the table has none: substring search is what people expect of a
// log search ("declin" finds "declined"). The UTF-8 variant costs about twice as much and is needed only when the
// term itself has letters beyond ASCII.
function bodyClause(text: string, exclude: boolean, binder: Binder): string {
  const ascii = /^[\x20-\x7e]*$/.test(text);
  const position = ascii ? 'positionCaseInsensitive' : 'positionCaseInsensitiveUTF8';
  return `${position}(Body, ${binder.bind('String', text)}) ${exclude ? '=' : '>'} 0`;
}
