import type { FastifyRequest } from 'fastify';
import { ClewError, type Clock } from '../lib/index.ts';
import type { TimeWindow } from '../model/index.ts';
import { type AttributeFilter, checkWindow } from '../query/index.ts';

/** Which tenant a request speaks for. */
export type TenantOf = (request: FastifyRequest) => string;

const defaultWindowMs = 1_800_000;

/** The window a request asks for, checked; half an hour up to now when it says nothing. */
export function windowOf(
  query: { from?: number; to?: number },
  clock: Clock,
  windowMsMax: number,
): TimeWindow {
  const to = query.to ?? (query.from === undefined ? clock.now() : Math.max(clock.now(), query.from + 1));
  return checkWindow({ from: query.from ?? Math.max(0, to - defaultWindowMs), to }, windowMsMax);
}

/** A repeatable parameter as a list; empty values are left out. */
export const listOf = (value: string | string[] | undefined): string[] =>
  (value === undefined ? [] : Array.isArray(value) ? value : [value]).filter((each) => each !== '');

// Each value is bound and compared on every row; nobody clicks more together.
const valuesMax = 50;
const valueCharsMax = 4_096;

/** Values of a parameter where `!` excludes. */
export function includedExcluded(
  name: string,
  value: string | string[] | undefined,
): { included: string[]; excluded: string[] } {
  const values = listOf(value);
  checkValues(name, values);
  return {
    included: values.filter((each) => !each.startsWith('!')),
    excluded: values.filter((each) => each.startsWith('!')).map((each) => each.slice(1)),
  };
}

export function attributesOf(value: string | string[] | undefined): AttributeFilter[] {
  const values = listOf(value);
  checkValues('attr', values);
  return values.map((each) => {
    const exclude = each.startsWith('!');
    const bare = exclude ? each.slice(1) : each;
    const cut = bare.indexOf('=');
    if (cut < 1)
      throw new ClewError('bad_request', `attr is "${each}"; write key=value, or !key=value to exclude.`);
    return { key: bare.slice(0, cut), value: bare.slice(cut + 1), exclude };
  });
}

function checkValues(name: string, values: readonly string[]): void {
  if (values.length > valuesMax)
    throw new ClewError('bad_request', `${name} is given ${values.length} times; the limit is ${valuesMax}.`);
  const long = values.find((each) => each.length > valueCharsMax);
  if (long !== undefined) {
    throw new ClewError(
      'bad_request',
      `${name} has a value of ${long.length} characters; the limit is ${valueCharsMax}.`,
    );
  }
}
