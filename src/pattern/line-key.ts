/**
 * Key of a line: a 64-bit hash of its text without its values, in one pass over the bytes, so that mining looks at some
 * thousand different lines instead of all. It is finer than the `Shape` of a stored record: text between quotes counts.
 *
 * A word with a digit in it is a value, and so are eight or more letters a–f; names of functions, keys and classes
 * (`jk2_init(`, `r24=`, `org.example.v2.Job`) stay. White space counts as one space, a list of values as one value.
 */

/** Bytes of a line that count. */
const keyBytesMax = 4_096;

const wordBit = 1;
const digitBit = 2;
const notHexBit = 4;
const blankBit = 8;
const listBit = 16;
const dotBit = 32;

// Bytes of other scripts are no part of a word: those need no space between a word and a number.
const classes = new Uint8Array(256).fill(notHexBit);
for (let code = 0; code < 128; code++) {
  const text = String.fromCharCode(code);
  if (code <= 32) classes[code] = blankBit;
  else if (text === ',' || text === ';') classes[code] = listBit | notHexBit;
  else if (/[0-9]/.test(text)) classes[code] = wordBit | digitBit;
  else if (/[A-Fa-f]/.test(text)) classes[code] = wordBit;
  else if (text === '.') classes[code] = wordBit | notHexBit | dotBit;
  else if (/[-G-Zg-z_@+%$~&*\\]/.test(text)) classes[code] = wordBit | notHexBit;
}

const hexLettersMin = 8;
const namedDigitsMax = 2;
const primeA = 0x01000193;
const primeB = 0x5bd1e995;
const starByte = 1;
const space = 32;
const comma = 44;

/** Values of a line that are told apart. */
export const valuesMax = 32;

/** What the last `lineKey` call found: the key in halves, a hash of the line as it is, and how many values it has. */
export const lineKeyResult = { low: 0, high: 0, whole: 0, values: 0 };
/** A hash of each of those values, a list as one. */
export const valueHashes = new Uint32Array(valuesMax);

export function lineKey(bytes: Uint8Array, start: number, end: number): void {
  const stop = Math.min(end, start + keyBytesMax);
  let a = 0x811c9dc5;
  let b = 0x2545f491;
  let whole = end - start;
  // After a value, separators of a list wait: they count only when something else than a value follows.
  let starred = false;
  let waiting = 0;
  let values = 0;
  let at = start;
  while (at < stop) {
    const code = bytes[at] as number;
    const kind = classes[code] as number;
    whole = Math.imul(whole ^ code, primeA);
    if (kind === blankBit || (starred && (kind & listBit) !== 0)) {
      waiting |= kind;
      at++;
      continue;
    }
    let next = at + 1;
    let value = false;
    if ((kind & wordBit) !== 0) {
      let kinds = kind;
      while (next < stop) {
        const following = bytes[next] as number;
        const its = classes[following] as number;
        if ((its & wordBit) === 0) break;
        whole = Math.imul(whole ^ following, primeA);
        kinds |= its;
        next++;
      }
      value =
        (kinds & digitBit) !== 0
          ? !isName(bytes, at, next, stop, (kinds & dotBit) !== 0)
          : (kinds & notHexBit) === 0 && next - at >= hexLettersMin;
    }
    if (value && starred && waiting !== 0) {
      waiting = 0;
      if (values <= valuesMax)
        valueHashes[values - 1] = hashOf(bytes, at, next, valueHashes[values - 1] as number);
      at = next;
      continue;
    }
    if (waiting !== 0) {
      const mark = (waiting & listBit) !== 0 ? comma : space;
      a = Math.imul(a ^ mark, primeA);
      b = Math.imul(b + mark, primeB);
      waiting = 0;
    }
    if (value) {
      a = Math.imul(a ^ starByte, primeA);
      b = Math.imul(b + starByte, primeB);
      if (values < valuesMax) valueHashes[values] = hashOf(bytes, at, next, primeB);
      values++;
    } else {
      for (let i = at; i < next; i++) {
        const own = bytes[i] as number;
        a = Math.imul(a ^ own, primeA);
        b = Math.imul(b + own, primeB);
      }
    }
    starred = value;
    at = next;
  }
  lineKeyResult.values = values;
  finish(a, b, whole);
}

function hashOf(bytes: Uint8Array, start: number, end: number, from: number): number {
  let hash = from;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), primeA);
  return hash ^ (hash >>> 13);
}

/** Whether a word with a digit is the name of something the program has. */
function isName(bytes: Uint8Array, start: number, end: number, stop: number, dotted: boolean): boolean {
  const after = end < stop ? bytes[end] : 0;
  const called = after === 0x28 || after === 0x3d;
  if (!called && !dotted) return false;
  if ((classes[bytes[start] as number] as number) & digitBit) return false;
  let digits = 0;
  let dots = 0;
  for (let i = start; i < end; i++) {
    const kind = classes[bytes[i] as number] as number;
    if ((kind & digitBit) !== 0 && ++digits > namedDigitsMax) return false;
    if ((kind & dotBit) !== 0) dots++;
  }
  return called || dots >= 2;
}

function finish(a: number, b: number, whole: number): void {
  let low = Math.imul(a ^ (b >>> 16), 0x85ebca6b);
  let high = Math.imul(b ^ (a >>> 15), 0xc2b2ae35);
  low = Math.imul(low ^ (low >>> 13), 0xc2b2ae35) ^ high;
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ (low >>> 11);
  lineKeyResult.low = (low ^ (low >>> 16)) >>> 0;
  lineKeyResult.high = (high ^ (high >>> 13)) >>> 0;
  const mixed = Math.imul(whole ^ (whole >>> 15), 0x2c1b3c6d);
  lineKeyResult.whole = (mixed ^ (mixed >>> 12)) >>> 0;
}
