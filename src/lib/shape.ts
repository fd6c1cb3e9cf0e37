/**
 * Shape of a log message: a 64-bit hash of its text with variable tokens collapsed, in one pass over the bytes.
 *
 * A token is a run of letters, digits and `. - _ @ + % # $ ~ & * \`; it is variable when it holds a digit, or when it is
 * eight or more letters a–f. `=`, `:`, `/` and brackets end a token, so `key=17`, `/users/17/cart` and `10.0.0.1:80` keep
 * what is constant in them. A quoted string is variable as a whole, except in a body that is a JSON object, where it
 * holds the message. White space counts as one space; a list of variables (`1, 2, 3`) counts as one. Letters outside
 * ASCII end a token: in scripts without spaces (`订单17已完成`) only the number is variable.
 */

/** Bytes of a message that count; a stack trace is told apart by its first lines. */
const shapeBytesMax = 4096;

/** What a byte is, as bits: those of a token's bytes are joined to learn what the token is. */
const wordBit = 1;
const digitBit = 2;
const notHexBit = 4;
const blankBit = 8;
const listBit = 16;
const quoteBit = 32;

const classes = new Uint8Array(256).fill(notHexBit);
for (let code = 0; code < 128; code++) {
  const text = String.fromCharCode(code);
  if (code <= 32) classes[code] = blankBit;
  else if (text === ',' || text === ';') classes[code] = listBit | notHexBit;
  else if (/[0-9]/.test(text)) classes[code] = wordBit | digitBit;
  else if (/[A-Fa-f]/.test(text)) classes[code] = wordBit;
  else if (/[-G-Zg-z._@+%#$~&*\\]/.test(text)) classes[code] = wordBit | notHexBit;
  else if (text === '"' || text === "'") classes[code] = quoteBit | notHexBit;
  else classes[code] = notHexBit;
}

const hexLettersMin = 8;
const primeA = 0x01000193;
const primeB = 0x5bd1e995;
const starByte = 0x01;
const braceByte = 0x7b;

/** The hash of the last `shapeHash` call, in halves: the caller writes it without making a bigint. */
export const shapeResult = { low: 0, high: 0 };

export function shapeHash(bytes: Uint8Array, start: number, end: number): void {
  const stop = Math.min(end, start + shapeBytesMax);
  let a = 0x811c9dc5;
  let b = 0x2545f491;
  // After a variable, separators of a list wait: they count only when something else than a variable follows.
  let starred = false;
  let waitingBlank = false;
  let waitingList = false;
  let at = start;
  const isJson = bytes[start] === braceByte;
  while (at < stop) {
    const code = bytes[at] ?? 0;
    const kind = classes[code] ?? 0;
    if (kind === blankBit) {
      waitingBlank = true;
      at += 1;
      continue;
    }
    if (starred && (kind & listBit) !== 0) {
      waitingList = true;
      at += 1;
      continue;
    }
    let next = at + 1;
    let variable = false;
    let tokenA = a;
    let tokenB = b;
    if (waitingList) {
      tokenA = Math.imul(tokenA ^ 44, primeA);
      tokenB = Math.imul(tokenB + 44, primeB);
    }
    if (waitingBlank) {
      tokenA = Math.imul(tokenA ^ 32, primeA);
      tokenB = Math.imul(tokenB + 32, primeB);
    }
    if ((kind & quoteBit) !== 0 && !isJson) {
      const close = closingQuote(bytes, at, stop, code, start);
      if (close > 0) {
        variable = true;
        next = close + 1;
      }
    }
    if (!variable) {
      variable = scanWord(bytes, at, stop, tokenA, tokenB);
      tokenA = word.a;
      tokenB = word.b;
      next = word.next;
    }
    if (variable) {
      // A variable after a variable of the same list adds nothing.
      if (!(starred && (waitingBlank || waitingList))) {
        if (waitingBlank) {
          a = Math.imul(a ^ 32, primeA);
          b = Math.imul(b + 32, primeB);
        }
        a = Math.imul(a ^ starByte, primeA);
        b = Math.imul(b + starByte, primeB);
      }
      starred = true;
    } else {
      a = tokenA;
      b = tokenB;
      starred = false;
    }
    waitingBlank = false;
    waitingList = false;
    at = next;
  }
  finish(a, b);
}

/** What `scanWord` found: the hash lanes after the token and where it ends. */
const word = { a: 0, b: 0, next: 0 };

/** Hashes the token that starts at `at` (one byte when that is a mark); true when it is variable. */
function scanWord(bytes: Uint8Array, at: number, stop: number, fromA: number, fromB: number): boolean {
  const code = bytes[at] ?? 0;
  let kinds = classes[code] ?? 0;
  let a = Math.imul(fromA ^ code, primeA);
  let b = Math.imul(fromB + code, primeB);
  let next = at + 1;
  if ((kinds & wordBit) !== 0) {
    while (next < stop && (kinds & digitBit) === 0) {
      const following = bytes[next] ?? 0;
      const kind = classes[following] ?? 0;
      if ((kind & wordBit) === 0) break;
      kinds |= kind;
      a = Math.imul(a ^ following, primeA);
      b = Math.imul(b + following, primeB);
      next += 1;
    }
    // With a digit in it the token is variable, so what follows is only passed over.
    while (next < stop && ((classes[bytes[next] ?? 0] ?? 0) & wordBit) !== 0) next += 1;
  }
  word.a = a;
  word.b = b;
  word.next = next;
  return (kinds & digitBit) !== 0 || ((kinds & notHexBit) === 0 && next - at >= hexLettersMin);
}

/** Where a quoted string ends; 0 when the quote is an apostrophe or has no partner on the line. */
function closingQuote(bytes: Uint8Array, at: number, stop: number, code: number, start: number): number {
  if (at > start && ((classes[bytes[at - 1] ?? 0] ?? 0) & (wordBit | quoteBit)) !== 0) return 0;
  for (let i = at + 1; i < stop; i++) {
    const found = bytes[i];
    if (found === 10) return 0;
    if (found === 92) i += 1;
    else if (found === code) return i;
  }
  return 0;
}

function finish(a: number, b: number): void {
  let low = Math.imul(a ^ (b >>> 16), 0x85ebca6b);
  let high = Math.imul(b ^ (a >>> 15), 0xc2b2ae35);
  low = Math.imul(low ^ (low >>> 13), 0xc2b2ae35) ^ high;
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ (low >>> 11);
  shapeResult.low = (low ^ (low >>> 16)) >>> 0;
  shapeResult.high = (high ^ (high >>> 13)) >>> 0;
}

/** The same as one number, as it stands in the column `Shape UInt64`. */
export function shapeOf(bytes: Uint8Array, start: number, end: number): bigint {
  shapeHash(bytes, start, end);
  return (BigInt(shapeResult.high) << 32n) | BigInt(shapeResult.low);
}

const encoder = new TextEncoder();

export function shapeText(text: string): bigint {
  const bytes = encoder.encode(text);
  return shapeOf(bytes, 0, bytes.length);
}
