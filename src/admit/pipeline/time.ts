import { isoNanoseconds } from '../../receive/index.ts';

/** Reads a time as nanoseconds since 1970; undefined when the text is none of this form. */
export type TimeReader = (text: string, nowMs: number) => bigint | undefined;

const units: Record<string, number> = { unix: 9, unix_ms: 6, unix_us: 3, unix_ns: 0 };
const months = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');

/** The parts of a format, as strptime(3) names them, and the text that each takes. */
const parts: Record<string, string> = {
  Y: '(?<Y>\\d{4})',
  m: '(?<m>\\d{1,2})',
  d: ' ?(?<d>\\d{1,2})',
  e: ' ?(?<d>\\d{1,2})',
  b: '(?<b>[A-Za-z]{3})',
  H: '(?<H>\\d{1,2})',
  M: '(?<M>\\d{2})',
  S: '(?<S>\\d{2})',
  f: '(?<f>\\d{1,9})',
  p: '(?<p>[AaPp][Mm])',
  I: '(?<H>\\d{1,2})',
  z: '(?<z>Z|[+-]\\d{2}:?\\d{2})',
  a: '[A-Za-z]{3}',
  y: '(?<y>\\d{2})',
  s: '(?<s>\\d{1,11})',
  '%': '%',
};

/** What is wrong with a format; null when it can be read. */
export function timeFormatProblem(format: string): string | null {
  if (format === 'iso8601' || format in units) return null;
  const names = [...format.matchAll(/%(.)/g)].map((match) => match[1] ?? '');
  if (names.length === 0) return `has no % part and is none of iso8601, ${Object.keys(units).join(', ')}`;
  const unknown = names.find((name) => parts[name] === undefined);
  if (unknown !== undefined)
    return `%${unknown} is not known; there are ${Object.keys(parts)
      .map((name) => `%${name}`)
      .join(' ')}`;
  const twice = names.find((name, index) => name !== '%' && name !== 'a' && names.indexOf(name) !== index);
  return twice === undefined ? null : `%${twice} stands there twice`;
}

export function zoneProblem(zone: string): string | null {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return null;
  } catch {
    return `is no time zone; write a name as Asia/Shanghai, or UTC`;
  }
}

/** `iso8601`, `unix` (`_ms`, `_us`, `_ns`), or parts as `%d/%b/%Y:%H:%M:%S %z`. Times without a zone are of `zone`. */
export function timeReader(format: string, zone: string): TimeReader {
  if (format === 'iso8601') return (text) => readIso(text, zone);
  const unit = units[format];
  if (unit !== undefined) return (text) => readUnix(text, unit);
  const source = format.replace(/%(.)|[.*+?^${}()|[\]\\]/g, (part, name?: string) =>
    name === undefined ? `\\${part}` : (parts[name] ?? ''),
  );
  const regex = new RegExp(`^${source}$`);
  return (text, nowMs) => {
    const found = regex.exec(text)?.groups;
    return found === undefined ? undefined : fromParts(found, zone, nowMs);
  };
}

function readIso(text: string, zone: string): bigint | undefined {
  const ns = isoNanoseconds(text);
  if (ns === undefined || zone === 'UTC' || /(?:[zZ]|[+-]\d{2}:?\d{2})$/.test(text.slice(10))) return ns;
  return ns - zoneOffsetNs(ns, zone);
}

function readUnix(text: string, unit: number): bigint | undefined {
  const match = /^(\d{1,19})(?:\.(\d{1,9})\d*)?$/.exec(text);
  if (match === null) return undefined;
  const [, whole = '', fraction = ''] = match;
  return BigInt(whole) * 10n ** BigInt(unit) + BigInt(fraction.padEnd(unit, '0').slice(0, unit) || '0');
}

function fromParts(
  found: Record<string, string | undefined>,
  zone: string,
  nowMs: number,
): bigint | undefined {
  const fraction = BigInt((found.f ?? '').padEnd(9, '0'));
  if (found.s !== undefined) return BigInt(found.s) * 1_000_000_000n + fraction;
  const now = new Date(nowMs);
  const month = found.b === undefined ? Number(found.m ?? 1) : months.indexOf(found.b.toLowerCase()) + 1;
  const hour = hourOf(Number(found.H ?? 0), found.p);
  const given = found.Y ?? (found.y === undefined ? undefined : `20${found.y}`);
  const at = (year: number) =>
    Date.UTC(year, month - 1, Number(found.d ?? 1), hour, Number(found.M ?? 0), Number(found.S ?? 0));
  let ms = at(given === undefined ? now.getUTCFullYear() : Number(given));
  // Without a year (syslog), the year that brings it closest to now: in January, lines of December are of last year.
  if (given === undefined && ms > nowMs + halfYearMs) ms = at(now.getUTCFullYear() - 1);
  if (given === undefined && ms < nowMs - halfYearMs) ms = at(now.getUTCFullYear() + 1);
  if (month < 1 || month > 12 || Number.isNaN(ms) || new Date(ms).getUTCDate() !== Number(found.d ?? 1))
    return undefined;
  const ns = BigInt(ms) * 1_000_000n + fraction;
  return found.z === undefined ? ns - zoneOffsetNs(ns, zone) : ns - offsetNs(found.z);
}

const halfYearMs = 183 * 86_400_000;

function hourOf(hour: number, half: string | undefined): number {
  if (half === undefined) return hour;
  return (hour % 12) + (half.toLowerCase() === 'pm' ? 12 : 0);
}

function offsetNs(text: string): bigint {
  if (text === 'Z') return 0n;
  const minutes = Number(text.slice(1, 3)) * 60 + Number(text.slice(-2));
  return BigInt(text[0] === '-' ? -minutes : minutes) * 60_000_000_000n;
}

/** How far the clocks of a zone are ahead of UTC when they show `ns`. */
function zoneOffsetNs(ns: bigint, zone: string): bigint {
  if (zone === 'UTC') return 0n;
  const ms = Number(ns / 1_000_000n);
  const first = shownAt(ms, zone) - ms;
  return BigInt(shownAt(ms - first, zone) - (ms - first)) * 1_000_000n;
}

const clocks = new Map<string, Intl.DateTimeFormat>();

/** What a clock of the zone shows at `ms`, as if it were UTC. */
function shownAt(ms: number, zone: string): number {
  let clock = clocks.get(zone);
  if (clock === undefined) {
    clock = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
    clocks.set(zone, clock);
  }
  const shown = Object.fromEntries(clock.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = shown;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
