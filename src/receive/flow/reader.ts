import { MalformedError } from '../otlp/wire.ts';

/** Big-endian numbers out of a datagram; never beyond `end`. */
export class Reader {
  readonly bytes: Uint8Array;
  readonly end: number;
  position: number;
  private readonly view: DataView;
  private readonly what: string;

  constructor(bytes: Uint8Array, what: string, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.what = what;
    this.position = start;
    this.end = end;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.end - this.position;
  }

  /** Where the next `count` bytes start; they are passed. Throws MalformedError when they are not there. */
  take(count: number): number {
    const at = this.position;
    if (count > this.end - at) {
      throw new MalformedError(
        `${this.what} ends too early: ${count} bytes are needed at byte ${at}, ${this.end - at} are left.`,
      );
    }
    this.position = at + count;
    return at;
  }

  /** A part of its own of `count` bytes, which are passed. */
  part(count: number, what: string): Reader {
    const start = this.take(count);
    return new Reader(this.bytes, what, start, start + count);
  }

  /** Whether only padding follows: templates are numbered from 256, so a zero begins none. */
  get isPadding(): boolean {
    return this.left < 4 || (this.bytes[this.position] === 0 && this.bytes[this.position + 1] === 0);
  }

  u8(): number {
    return this.bytes[this.take(1)] ?? 0;
  }

  u16(): number {
    return this.view.getUint16(this.take(2));
  }

  u32(): number {
    return this.view.getUint32(this.take(4));
  }
}

/** A number of up to eight bytes; IPFIX may shorten any. Inexact above 2^53. */
export function uintOf(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let i = at; i < at + length; i++) value = value * 256 + (bytes[i] ?? 0);
  return value;
}
