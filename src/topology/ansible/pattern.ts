/** Most hosts that one range may name. */
export const rangeHostsMax = 20_000;

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

export interface Hosts {
  names: string[];
  /** `host:2222`. */
  port: number | null;
}

/** Hosts of a pattern such as `web[01:20].example.com:2222`. Throws an Error in words when it is none. */
export function hostsOf(pattern: string): Hosts {
  const { name, port } = splitPort(pattern);
  return { names: expand(name), port };
}

function splitPort(pattern: string): { name: string; port: number | null } {
  const bracketed = /^\[([^\]]*:[^\]]*:[^\]]*)\](?::(\d+))?$/.exec(pattern);
  // A range of three parts in brackets alone is an address only when it looks like one.
  if (bracketed && /^[0-9a-f:.]+$/i.test(bracketed[1] ?? '') && (bracketed[1] ?? '').includes('::'))
    return { name: bracketed[1] ?? '', port: bracketed[2] === undefined ? null : Number(bracketed[2]) };
  const match = /^((?:[^:[\]]|\[[^\]]*\])+):(\d+)$/.exec(pattern);
  if (match) return { name: match[1] ?? '', port: Number(match[2]) };
  return { name: pattern, port: null };
}

function expand(pattern: string): string[] {
  const match = /^([^[]*)\[([^\]]*:[^\]]*)\](.*)$/.exec(pattern);
  if (match === null) return [pattern];
  const [, head = '', bounds = '', tail = ''] = match;
  const values = valuesOf(bounds);
  const tails = expand(tail);
  if (values.length * tails.length > rangeHostsMax)
    throw new Error(`the range names ${values.length * tails.length} hosts; the limit is ${rangeHostsMax}`);
  return values.flatMap((value) => tails.map((rest) => `${head}${value}${rest}`));
}

function valuesOf(bounds: string): string[] {
  const [begin = '', end = '', stepText = '1', ...more] = bounds.split(':');
  if (more.length > 0) throw new Error('a range is begin:end or begin:end:step');
  const first = begin === '' ? '0' : begin;
  if (end === '') throw new Error('a range must say where it ends');
  const step = Number(stepText);
  if (!Number.isInteger(step) || step < 1)
    throw new Error(`the step ${stepText} of the range is no number above 0`);
  if (/^[a-zA-Z]$/.test(first) && /^[a-zA-Z]$/.test(end)) {
    const [from, to] = [letters.indexOf(first), letters.indexOf(end)];
    if (from > to) throw new Error('a range must not end before it begins');
    return [...letters.slice(from, to + 1)].filter((_, index) => index % step === 0);
  }
  return numbersOf(first, end, step);
}

function numbersOf(first: string, end: string, step: number): string[] {
  if (!/^\d+$/.test(first) || !/^\d+$/.test(end))
    throw new Error('a range runs between two numbers or two letters');
  const width = first.startsWith('0') && first.length > 1 ? first.length : 0;
  if (width > 0 && width !== end.length)
    throw new Error('begin and end of a range with leading zeros must be equally long');
  const [from, to] = [Number(first), Number(end)];
  if (from > to) throw new Error('a range must not end before it begins');
  if ((to - from) / step >= rangeHostsMax)
    throw new Error(
      `the range names ${Math.floor((to - from) / step) + 1} hosts; the limit is ${rangeHostsMax}`,
    );
  const values: string[] = [];
  for (let at = from; at <= to; at += step) values.push(String(at).padStart(width, '0'));
  return values;
}
