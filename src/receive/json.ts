import type { Pair } from './log-sink.ts';
import { MalformedError } from './otlp/wire.ts';

export type Fields = Record<string, unknown>;

/** A record that can't be kept; the others of its request can. The message names the field and what is wrong with it. */
export class RecordError extends Error {
  /** What is kept of it, where that is not the record as it came. */
  readonly payload: Uint8Array | undefined;

  constructor(message: string, payload?: Uint8Array) {
    super(message);
    this.payload = payload;
  }
}

export const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `what` begins the message: `The body`. */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new MalformedError(
      `${what} is not JSON: ${error instanceof Error ? error.message : 'syntax error'}`,
    );
  }
}

/** As JSON; what is nested too deeply to be written again is refused like any other bad record. */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch {
    throw new RecordError('it is nested too deeply');
  }
}

/** A value for a message: its text when it is short, its type when it is not. */
export function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 60));
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}

/**
 * The items of a body: a JSON array, one JSON value, or one value a line. A line that is no JSON is an item with an error of
 * its own; `read` is called for each in turn.
 */
export function eachItem(
  text: string,
  itemsMax: number,
  read: (value: unknown, index: number) => void,
  refuse: (index: number, reason: string, payload: Uint8Array) => void,
  /** The items of a frame around them; undefined when it is none. */
  itemsOf: (whole: unknown) => unknown[] | undefined = (whole) => (Array.isArray(whole) ? whole : undefined),
): void {
  const take = (index: number, source: string | null, parse: () => unknown) => {
    if (index >= itemsMax)
      throw new MalformedError(`More than ${itemsMax} records in one request; send smaller batches.`);
    let value: unknown;
    try {
      value = parse();
      read(value, index);
    } catch (error) {
      if (!(error instanceof RecordError) && !(error instanceof MalformedError)) throw error;
      const kept = error instanceof RecordError ? error.payload : undefined;
      refuse(index, error.message, kept ?? Buffer.from(source ?? safeText(value)));
    }
  };
  const trimmed = text.trim();
  const whole = parseWhole(trimmed);
  if (whole.ok) {
    const items = itemsOf(whole.value);
    if (items === undefined) take(0, trimmed, () => whole.value);
    else
      items.forEach((item, index) => {
        take(index, null, () => item);
      });
    return;
  }
  // A first line that is whole by itself: one value a line, of which some other line is broken.
  if (!parseWhole(trimmed.slice(0, Math.max(0, trimmed.indexOf('\n')))).ok)
    throw new MalformedError(`The body is not JSON: ${whole.message}`);
  let index = 0;
  for (const line of lines(trimmed)) take(index++, line, () => parseJson(line, 'The line'));
}

function parseWhole(text: string): { ok: true; value: unknown } | { ok: false; message: string } {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : 'syntax error' };
  }
}

const safeText = (value: unknown): string => {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return '';
  }
};

/** Lines that hold something, without an array of them all. */
function* lines(text: string): Generator<string> {
  let start = 0;
  while (start < text.length) {
    const at = text.indexOf('\n', start);
    const end = at < 0 ? text.length : at;
    const line = text.slice(start, end).trim();
    if (line !== '') yield line;
    start = end + 1;
  }
}

/** Deepest nesting that becomes names with dots; what lies deeper is kept as JSON under the name where it begins. */
const depthMax = 8;
/** Names of attributes grow with the nesting. */
const nameLengthMax = 256;

/** Scalars of nested objects as pairs with dotted names, lists as JSON; at most `pairsMax` in all. */
export function flattenInto(value: Fields, prefix: string, into: Pair[], pairsMax: number, depth = 1): void {
  for (const [key, item] of Object.entries(value)) {
    if (into.length >= pairsMax) return;
    const name = prefix + key;
    if (name.length > nameLengthMax)
      throw new RecordError(
        `the field ${JSON.stringify(name.slice(0, 60))}… has a name of more than ${nameLengthMax} characters`,
      );
    if (item === null || item === undefined) continue;
    if (isRecord(item) && depth < depthMax) flattenInto(item, `${name}.`, into, pairsMax, depth + 1);
    else into.push([name, typeof item === 'object' ? jsonText(item) : String(item)]);
  }
}
