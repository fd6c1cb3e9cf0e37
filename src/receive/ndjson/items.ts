import { MalformedError } from '../otlp/wire.ts';

/** One value of a body, and where it stands for people. */
export interface Item {
  line: number;
  bytes: Uint8Array;
}

const quote = 0x22;
const backslash = 0x5c;
const closeBrace = 0x7d;
const comma = 0x2c;
const brace = 0x7b;
const openList = 0x5b;
const closeList = 0x5d;

/**
 * The items of a JSON array, or of several behind each other, without reading what is in them: one that is broken inside
 * costs only itself, and no more than one is in memory as objects. Throws MalformedError when they can't be told apart.
 */
export function* arrayItems(body: Uint8Array, start: number): Generator<Item> {
  let at = start;
  let line = 0;
  while (at < body.length) {
    if (body[at] !== openList)
      throw new MalformedError(`Behind the array, at byte ${at}, something else follows.`);
    at = blanks(body, at + 1);
    while (body[at] !== closeList) {
      const end = valueEnd(body, at);
      if (end >= body.length) throw new MalformedError('The array does not end.');
      line += 1;
      yield { line, bytes: body.subarray(at, end) };
      at = blanks(body, end);
      if (body[at] === comma) at = blanks(body, at + 1);
      else if (body[at] !== closeList) throw new MalformedError(`At byte ${at} a "," or "]" is needed.`);
    }
    at = blanks(body, at + 1);
  }
}

/** Whether a body is objects one behind the other, over lines as they like. */
export function holdsObjects(body: Uint8Array): boolean {
  let at = blanks(body, 0);
  while (at < body.length) {
    if (body[at] !== brace) return false;
    const end = valueEnd(body, at);
    if (body[end - 1] !== closeBrace) return false;
    at = blanks(body, end);
  }
  return true;
}

/** The objects of such a body. */
export function* objectItems(body: Uint8Array): Generator<Item> {
  let at = blanks(body, 0);
  for (let line = 1; at < body.length; line++) {
    const end = valueEnd(body, at);
    yield { line, bytes: body.subarray(at, end) };
    at = blanks(body, end);
  }
}

/** Where the next byte stands that is no blank. */
export function blanks(body: Uint8Array, from: number): number {
  let at = from;
  while (at < body.length && (body[at] ?? 0) <= 0x20) at += 1;
  return at;
}

/** Where the value at `at` ends: behind its last bracket, or before the comma or bracket that follows it. */
function valueEnd(body: Uint8Array, from: number): number {
  let depth = 0;
  for (let at = from; at < body.length; at++) {
    const byte = body[at] ?? 0;
    if (byte === quote) {
      at = stringEnd(body, at);
      continue;
    }
    if (byte === brace || byte === openList) depth += 1;
    else if (byte === closeBrace || byte === closeList) {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && byte === comma) return at;
  }
  return body.length;
}

function stringEnd(body: Uint8Array, from: number): number {
  let at = from + 1;
  while (at < body.length && body[at] !== quote) at += body[at] === backslash ? 2 : 1;
  return at;
}
