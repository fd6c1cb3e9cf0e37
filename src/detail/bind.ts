import { ClewError } from '../lib/index.ts';

/** A value bound to `{name:Type}` in the SQL; whatever it holds, it is a constant of that type and never syntax. */
export type QueryParam = string | number | boolean | readonly string[] | readonly number[];

const placeholder = /\{(\w+):([A-Z][^{}]*)\}/g;

/**
 * Puts the values of `{name:Type}` into a statement of ours, each as a constant of its type, so that no value ever becomes
 * syntax. The engine's own binding is not isolated between connections, so its driver runs statements with parameters one
 * after the other: while a window was computed for seconds, every page of the console waited for it. Throws `internal` for
 * a placeholder without a value.
 */
export function bound(sql: string, params: Readonly<Record<string, QueryParam>>): string {
  return sql.replace(placeholder, (_, name: string, type: string) => {
    const value = params[name];
    if (value === undefined) throw new ClewError('internal', `The statement has no value for {${name}}.`);
    if (type === 'Identifier') return `\`${escaped(String(value), '`')}\``;
    if (type === 'String') return quoted(String(value));
    return `CAST(${constant(textOf(value), type)} AS ${type})`;
  });
}

/** A time may come as seconds since the epoch; as a text it would be taken for a date unless it has ten digits. */
function constant(text: string, type: string): string {
  const scale = /^DateTime64\((\d)/.exec(type)?.[1];
  if (scale === undefined || !/^-?\d+(\.\d+)?$/.test(text)) return quoted(text);
  return `CAST('${text}' AS Decimal(38, ${scale}))`;
}

const textOf = (value: QueryParam): string =>
  typeof value === 'object'
    ? `[${value.map((each) => (typeof each === 'string' ? quoted(each) : String(each))).join(',')}]`
    : String(value);

const quoted = (text: string): string => `'${escaped(text, "'")}'`;

/** The engine ends a text at a NUL as its driver hands it over, so it is written as an escape too. */
const escaped = (text: string, quote: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll(quote, `\\${quote}`).replaceAll('\0', '\\0');
