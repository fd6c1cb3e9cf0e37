import { takeBuffer } from './pool.ts';

/**
 * Snappy's block format: the length of the result as a varint, then elements. The low two bits of an element's first byte
 * say what it is: a literal, or a copy from the result so far with an offset of 1, 2 or 4 bytes.
 */

/** Bytes that are no snappy block, or one that would become too large. The message is fit for the sender. */
export class SnappyError extends Error {
  readonly reason: 'malformed' | 'too_large';

  constructor(reason: 'malformed' | 'too_large', message: string) {
    super(message);
    this.name = 'SnappyError';
    this.reason = reason;
  }
}

/** The densest element, a copy with a 2-byte offset, makes 64 bytes of 3. What announces more than this can't be true. */
const expansionMax = 64 / 3;
/** Copies go eight bytes at a time and may write so many bytes too much, which what follows overwrites. */
const slack = 8;
/** Up to this the loop beats the call that copies. */
const shortCopyMax = 256;

/**
 * The decompressed bytes. The announced length is checked before anything is allocated: against `bytesMax`, and against
 * what so many compressed bytes can become at all. They stand in a buffer of the pool.
 */
export function snappyDecompress(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const header = announcedLength(bytes);
  if (header.length > bytesMax) {
    throw new SnappyError(
      'too_large',
      `The snappy block announces ${header.length} bytes; at most ${bytesMax} are taken.`,
    );
  }
  if (header.length > (bytes.length - header.end) * expansionMax) {
    throw malformed(`${bytes.length} bytes can't hold the ${header.length} bytes that are announced`);
  }
  const whole = takeBuffer(header.length + slack);
  const out = whole.subarray(0, header.length);
  const target = new DataView(whole.buffer, 0, whole.length);
  const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let from = header.end;
  let to = 0;
  while (from < bytes.length) {
    const tag = bytes[from++] ?? 0;
    if ((tag & 3) === 0) {
      let count = (tag >>> 2) + 1;
      if (count > 60) {
        const width = count - 60;
        count = little(bytes, from, width) + 1;
        from += width;
      }
      if (count > bytes.length - from) throw malformed('it ends inside a literal');
      if (count > out.length - to) throw malformed('it holds more bytes than announced');
      if (count <= shortCopyMax && from + count + slack <= bytes.length) {
        for (let i = 0; i < count; i += 8)
          target.setBigUint64(to + i, source.getBigUint64(from + i, true), true);
      } else out.set(bytes.subarray(from, from + count), to);
      from += count;
      to += count;
      continue;
    }
    const width = (tag & 3) === 3 ? 4 : tag & 3;
    const low = little(bytes, from, width);
    from += width;
    const count = width === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    const offset = width === 1 ? ((tag >>> 5) << 8) | low : low;
    if (offset === 0 || offset > to) throw malformed('a copy starts before the first byte');
    if (count > out.length - to) throw malformed('it holds more bytes than announced');
    // A copy may overlap what it writes (a run); nearer than eight bytes only a byte at a time gets it right.
    const start = to - offset;
    if (offset >= 8) {
      for (let i = 0; i < count; i += 8)
        target.setBigUint64(to + i, target.getBigUint64(start + i, true), true);
    } else for (let i = 0; i < count; i++) out[to + i] = out[start + i] ?? 0;
    to += count;
  }
  if (to !== out.length) throw malformed(`it holds ${to} bytes where ${out.length} are announced`);
  return out;
}

/** The varint at the start: at most 32 bits, so at most 5 bytes. */
function announcedLength(bytes: Uint8Array): { length: number; end: number } {
  let length = 0;
  for (let at = 0; at < 5; at++) {
    const byte = bytes[at];
    if (byte === undefined) throw malformed('it ends inside its length');
    length += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) {
      if (length > 0xffff_ffff) break;
      return { length, end: at + 1 };
    }
  }
  throw malformed('its length is no 32-bit number');
}

/** A little-endian number of 1 to 4 bytes. */
function little(bytes: Uint8Array, at: number, width: number): number {
  if (at + width > bytes.length) throw malformed('it ends inside an element');
  let value = 0;
  for (let i = width - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}

const malformed = (reason: string): SnappyError =>
  new SnappyError('malformed', `The snappy block can't be read: ${reason}.`);
