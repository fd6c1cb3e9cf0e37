/** Powers of ten that a double holds exactly: with at most 15 digits beside them one operation rounds right. */
const exactPowers = Array.from({ length: 23 }, (_, power) => 10 ** power);
const exactDigits = 15;
const zero = 0x30;
const nine = 0x39;

const words: Record<string, number> = {
  nan: Number.NaN,
  '+nan': Number.NaN,
  '-nan': Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  '+inf': Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
  infinity: Number.POSITIVE_INFINITY,
  '+infinity': Number.POSITIVE_INFINITY,
  '-infinity': Number.NEGATIVE_INFINITY,
};
const wordCharsMax = 9;

/** The result of the last `readNumber`. */
export const number = { value: 0, fault: '' };

/**
 * Reads bytes that are a decimal number, NaN or Inf as both exposition formats write them. False when they are none: then
 * `number.fault` says why. Hexadecimal, underscores and numbers beyond the range of a double are refused, as by Prometheus.
 */
export function readNumber(bytes: Buffer, start: number, end: number): boolean {
  let at = start;
  const first = bytes[at] ?? 0;
  const negative = first === 0x2d;
  if (negative || first === 0x2b) at += 1;
  let mantissa = 0;
  let digits = 0;
  let seen = 0;
  let power = 0;
  let code = bytes[at] ?? 0;
  for (; at < end && code >= zero && code <= nine; code = bytes[++at] ?? 0) {
    seen += 1;
    if (mantissa > 0 || code > zero) digits += 1;
    if (digits <= exactDigits) mantissa = mantissa * 10 + code - zero;
  }
  if (at < end && code === 0x2e) {
    code = bytes[++at] ?? 0;
    for (; at < end && code >= zero && code <= nine; code = bytes[++at] ?? 0) {
      seen += 1;
      power -= 1;
      if (mantissa > 0 || code > zero) digits += 1;
      if (digits <= exactDigits) mantissa = mantissa * 10 + code - zero;
    }
  }
  if (seen === 0) return readWord(bytes, start, end);
  if (at < end) {
    const exponent = readExponent(bytes, at, end);
    if (exponent === undefined) return refuse('is not a number');
    power += exponent;
  }
  if (digits <= exactDigits && power >= -22 && power <= 22) {
    const value = power < 0 ? mantissa / (exactPowers[-power] ?? 1) : mantissa * (exactPowers[power] ?? 1);
    number.value = negative ? -value : value;
    return true;
  }
  number.value = Number(bytes.toString('latin1', start, end));
  return Number.isFinite(number.value) || refuse('is out of the range of a 64-bit float');
}

function refuse(fault: string): false {
  number.fault = fault;
  return false;
}

function readWord(bytes: Buffer, start: number, end: number): boolean {
  const value =
    end - start <= wordCharsMax ? words[bytes.toString('latin1', start, end).toLowerCase()] : undefined;
  if (value === undefined) return refuse('is not a number');
  number.value = value;
  return true;
}

/** `e` or `E`, a sign, digits; undefined when it is anything else. */
function readExponent(bytes: Buffer, start: number, end: number): number | undefined {
  if (((bytes[start] ?? 0) | 0x20) !== 0x65) return undefined;
  let at = start + 1;
  const sign = bytes[at] ?? 0;
  if (sign === 0x2d || sign === 0x2b) at += 1;
  if (at >= end) return undefined;
  let exponent = 0;
  for (; at < end; at++) {
    const code = bytes[at] ?? 0;
    if (code < zero || code > nine) return undefined;
    // Beyond this every double is zero or infinite; it must not overflow on the way.
    if (exponent < 100_000) exponent = exponent * 10 + code - zero;
  }
  return sign === 0x2d ? -exponent : exponent;
}

/** A whole number of milliseconds, as the text format writes timestamps; undefined when it is none. */
export function readMilliseconds(bytes: Buffer, start: number, end: number): number | undefined {
  let at = start;
  const negative = bytes[at] === 0x2d;
  if (negative) at += 1;
  if (at >= end || end - at > exactDigits) return undefined;
  let value = 0;
  for (; at < end; at++) {
    const code = bytes[at] ?? 0;
    if (code < zero || code > nine) return undefined;
    value = value * 10 + code - zero;
  }
  return negative ? -value : value;
}
