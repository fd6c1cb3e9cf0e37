/** Bytes that are no protobuf message of the expected kind. The message is fit for the sender. */
export class MalformedError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MalformedError';
  }
}

/** Wire types of protobuf. */
const wireVarint = 0;
const wireFixed64 = 1;
const wireLength = 2;
const wireFixed32 = 5;

/**
 * Reads protobuf's wire format by position. No read leaves the buffer: every length is checked against the end of the
 * message that holds it before it is used. 64-bit integers come in halves (`low`, `high`) so that none is rounded.
 */
export class Wire {
  readonly bytes: Uint8Array;
  private readonly view: DataView;
  position = 0;
  low = 0;
  high = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Field number * 8 + wire type. */
  tag(end: number): number {
    const at = this.position;
    const first = this.bytes[at] ?? 0;
    if (at < end && first < 0x80 && first >= 8) {
      this.position = at + 1;
      return first;
    }
    return this.longTag(end);
  }

  private longTag(end: number): number {
    this.varint(end);
    if (this.high !== 0 || this.low < 8) {
      throw this.malformed(
        this.low === 0 && this.high === 0 ? 'a field number is 0' : 'a field number is out of range',
      );
    }
    return this.low;
  }

  /** A varint of up to 64 bits into `low` and `high`. */
  varint(end: number): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.position >= end) throw this.malformed('it ends inside a number');
      const byte = this.bytes[this.position++] ?? 0;
      const part = byte & 0x7f;
      if (shift < 28) low |= part << shift;
      else if (shift === 28) {
        low |= part << 28;
        high |= part >>> 4;
      } else high |= part << (shift - 32);
      if (byte < 0x80) {
        this.low = low >>> 0;
        this.high = high >>> 0;
        return;
      }
    }
    throw this.malformed('a number is longer than 10 bytes');
  }

  /** A length-delimited field: returns where it ends; `position` is where it starts. */
  length(end: number): number {
    const at = this.position;
    const first = this.bytes[at] ?? 0;
    const stop = at + 1 + first;
    if (first < 0x80 && stop <= end) {
      this.position = at + 1;
      return stop;
    }
    return this.longLength(end);
  }

  private longLength(end: number): number {
    this.varint(end);
    if (this.high !== 0) throw this.malformed('a length is out of range');
    const stop = this.position + this.low;
    if (stop > end) {
      throw this.malformed(`a field of ${this.low} bytes stands where ${end - this.position} are left`);
    }
    return stop;
  }

  fixed64(end: number): void {
    if (this.position + 8 > end) throw this.malformed('it ends inside a 64-bit value');
    this.low = this.view.getUint32(this.position, true);
    this.high = this.view.getUint32(this.position + 4, true);
    this.position += 8;
  }

  double(end: number): number {
    if (this.position + 8 > end) throw this.malformed('it ends inside a double');
    const value = this.view.getFloat64(this.position, true);
    this.position += 8;
    return value;
  }

  fixed32(end: number): number {
    if (this.position + 4 > end) throw this.malformed('it ends inside a 32-bit value');
    const value = this.view.getUint32(this.position, true);
    this.position += 4;
    return value;
  }

  /** Passes over the value of a field that is not known here. */
  skip(tag: number, end: number): void {
    switch (tag & 7) {
      case wireVarint:
        this.varint(end);
        return;
      case wireFixed64:
        this.fixed64(end);
        return;
      case wireLength:
        this.position = this.length(end);
        return;
      case wireFixed32:
        this.fixed32(end);
        return;
      default:
        throw this.malformed(`wire type ${tag & 7} is not known`);
    }
  }

  /** The last 64-bit value as a signed number; above 2^53 the nearest double. */
  signed(): number {
    return (this.high | 0) * 0x1_0000_0000 + this.low;
  }

  unsigned(): number {
    return this.high * 0x1_0000_0000 + this.low;
  }

  /** The last value as a signed 64-bit integer, exact. */
  bigint(): bigint {
    return BigInt.asIntN(64, (BigInt(this.high) << 32n) | BigInt(this.low));
  }

  /** The last varint as sint32 (zigzag). */
  zigzag(): number {
    return (this.low >>> 1) ^ -(this.low & 1);
  }

  malformed(reason: string): MalformedError {
    return new MalformedError(`The protobuf message can't be read near byte ${this.position}: ${reason}.`);
  }
}

/** Text of a byte range; invalid UTF-8 becomes U+FFFD. For names and rare values, not for columns. */
export const textOf = (bytes: Uint8Array, start: number, end: number): string =>
  decoder.decode(bytes.subarray(start, end));
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
