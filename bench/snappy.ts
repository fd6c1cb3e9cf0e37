/**
 * Snappy's block format with bytes that may change afterwards: what lies in a volatile range is written as a literal and
 * nothing is copied from it, so its place in the compressed block can be overwritten before each send.
 */

const hashBits = 14;
const copyBytesMax = 64;
const offsetMax = 65_535;

/** Half-open ranges in ascending order. */
export type Ranges = readonly (readonly [number, number])[];

export interface Compressed {
  bytes: Buffer;
  /** Where the first byte of each volatile range is in `bytes`; the range's bytes follow it without a gap. */
  offsets: number[];
}

export function snappyCompress(plain: Buffer, ranges: Ranges): Compressed {
  const volatile = new Uint8Array(plain.length);
  for (const [start, end] of ranges) volatile.fill(1, start, end);
  const out = new Output(plain, ranges);
  const table = new Int32Array(1 << hashBits).fill(-1);
  let at = 0;
  while (at + 4 <= plain.length) {
    if (volatile[at] === 1 || volatile[at + 3] === 1) {
      at++;
      continue;
    }
    const slot = Math.imul(plain.readUInt32LE(at), 0x1e35_a7bd) >>> (32 - hashBits);
    const candidate = table[slot] ?? -1;
    table[slot] = at;
    const count = candidate < 0 || at - candidate > offsetMax ? 0 : matching(plain, volatile, candidate, at);
    if (count < 4) {
      at++;
      continue;
    }
    out.literal(at);
    out.copy(at - candidate, count);
    at += count;
  }
  out.literal(plain.length);
  return out.take();
}

function matching(plain: Buffer, volatile: Uint8Array, from: number, at: number): number {
  let count = 0;
  const limit = plain.length - at;
  while (
    count < limit &&
    plain[from + count] === plain[at + count] &&
    volatile[from + count] === 0 &&
    volatile[at + count] === 0
  )
    count++;
  return count;
}

class Output {
  private readonly plain: Buffer;
  private readonly ranges: Ranges;
  private readonly bytes: Buffer;
  private readonly offsets: number[] = [];
  private length = 0;
  /** How much of the input is written. */
  private done = 0;

  constructor(plain: Buffer, ranges: Ranges) {
    this.plain = plain;
    this.ranges = ranges;
    this.bytes = Buffer.allocUnsafe(32 + plain.length + Math.ceil(plain.length / 6));
    let rest = plain.length;
    for (; rest >= 0x80; rest >>>= 7) this.bytes[this.length++] = (rest & 0x7f) | 0x80;
    this.bytes[this.length++] = rest;
  }

  /** The input up to `end` as it is; at most 65 536 bytes an element. */
  literal(end: number): void {
    while (this.done < end) {
      const start = this.done;
      const count = Math.min(end - start, this.literalMax(start, end));
      const last = count - 1;
      if (last < 60) this.bytes[this.length++] = last << 2;
      else {
        this.bytes[this.length++] = 61 << 2;
        this.length = this.bytes.writeUInt16LE(last, this.length);
      }
      for (let next = this.offsets.length; next < this.ranges.length; next++) {
        const from = this.ranges[next]?.[0] ?? 0;
        if (from >= start + count) break;
        this.offsets.push(this.length + from - start);
      }
      this.plain.copy(this.bytes, this.length, start, start + count);
      this.length += count;
      this.done += count;
    }
  }

  copy(offset: number, count: number): void {
    for (let left = count; left > 0; ) {
      const part = Math.min(left, copyBytesMax);
      this.bytes[this.length++] = ((part - 1) << 2) | 2;
      this.length = this.bytes.writeUInt16LE(offset, this.length);
      left -= part;
    }
    this.done += count;
  }

  take(): Compressed {
    return { bytes: this.bytes.subarray(0, this.length), offsets: this.offsets };
  }

  /** A literal element must not end inside a volatile range. */
  private literalMax(start: number, end: number): number {
    const limit = start + 65_536;
    if (end <= limit) return end - start;
    const cut = this.ranges.find(([from, to]) => from < limit && to > limit);
    return (cut === undefined ? limit : cut[0]) - start;
  }
}
