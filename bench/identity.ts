/**
 * Every record of a run has a sequence number below 2^32. Ids are made from it by arithmetic that can be undone in SQL, so
 * that what is stored can be compared with what was acknowledged, and that looks random to a compressor, as real ids do.
 */

/** Odd, so multiplying by it is a bijection of 32-bit numbers; `sequenceInverse` undoes it. */
const sequenceFactor = 0x9e37_79b1;
export const sequenceInverse = inverseOf(sequenceFactor);
export const sequenceMax = 2 ** 32 - 1;

/** Newton's iteration for the inverse modulo 2^32: each round doubles the number of right bits. */
function inverseOf(odd: number): number {
  let inverse = odd;
  for (let round = 0; round < 5; round++) inverse = Math.imul(inverse, 2 - Math.imul(odd, inverse));
  return inverse >>> 0;
}

export const scrambled = (sequence: number): number => Math.imul(sequence, sequenceFactor) >>> 0;
export const unscrambled = (word: number): number => Math.imul(word, sequenceInverse) >>> 0;

/** A 32-bit mix (the finalizer of MurmurHash3): equal inputs give equal, near inputs unlike outputs. */
export function mixed(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Eight bytes of a span id: the scrambled sequence, then a mix of it. */
export function writeSpanId(view: DataView, at: number, sequence: number): void {
  view.setUint32(at, Math.imul(sequence, sequenceFactor));
  view.setUint32(at + 4, mixed(sequence));
}

/** Sixteen bytes of a trace id from the number of the trace. */
export function writeTraceId(view: DataView, at: number, trace: number): void {
  view.setUint32(at, mixed(trace ^ 0x5bd1_e995));
  view.setUint32(at + 4, mixed(trace + 0x1b87_3593));
  view.setUint32(at + 8, mixed(trace ^ 0x2c1b_3c6d));
  view.setUint32(at + 12, mixed(trace + 0x297a_2d39));
}

/** SQL that gives the sequence number back from a column with the span id in hexadecimal. */
export const sequenceOfSpanId = (column: string): string =>
  `toUInt32(bitAnd(toUInt64(reinterpretAsUInt32(reverse(unhex(substring(${column}, 1, 8))))) * ${sequenceInverse}, 4294967295))`;

/** Four decimal digits as one little-endian word, for 0000 to 9999: numbers inside a text are changed with one store. */
export const fourDigits = Uint32Array.from({ length: 10_000 }, (_, value) =>
  Buffer.from(String(value).padStart(4, '0'), 'latin1').readUInt32LE(0),
);
/** The same without a leading zero: 1000 to 9999. */
export const digitsOf = (word: number): number => fourDigits[1000 + (word % 9000)] ?? 0;

/** What a set of sequence numbers is compared by. The ranges are half open: [first, first + count). */
export class SequenceSum {
  count = 0;
  sum = 0n;
  xor = 0;

  add(first: number, count: number): void {
    this.count += count;
    this.sum += (BigInt(count) * BigInt(2 * first + count - 1)) / 2n;
    this.xor = (this.xor ^ xorBelow(first) ^ xorBelow(first + count)) >>> 0;
  }

  merge(other: { count: number; sum: string; xor: number }): void {
    this.count += other.count;
    this.sum += BigInt(other.sum);
    this.xor = (this.xor ^ other.xor) >>> 0;
  }

  toJSON(): { count: number; sum: string; xor: number } {
    return { count: this.count, sum: String(this.sum), xor: this.xor };
  }
}

/** 0 ^ 1 ^ … ^ (end - 1). */
function xorBelow(end: number): number {
  const last = end - 1;
  if (end <= 0) return 0;
  return [last, 1, last + 1, 0][last % 4] ?? 0;
}
