/** Protobuf's wire format, written from the definitions and independent of the code under test. */

const bytesFirst = 256;

/**
 * A message that grows. `marks` are positions of bytes that a request changes before each send; they move along when the
 * message becomes a field of another.
 */
export class ProtobufWriter {
  private buffer = Buffer.allocUnsafe(bytesFirst);
  length = 0;
  readonly marks: number[] = [];

  get bytes(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  mark(offset = 0): void {
    this.marks.push(this.length + offset);
  }

  /** A whole number from 0 to 2^53. */
  varint(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 128)) this.byte((rest % 128) | 0x80);
    this.byte(rest);
  }

  int(field: number, value: number): void {
    this.varint(field * 8);
    this.varint(value);
  }

  fixed64(field: number, value = 0n): void {
    this.varint(field * 8 + 1);
    this.reserve(8);
    this.buffer.writeBigUInt64LE(value, this.length);
    this.length += 8;
  }

  double(field: number, value: number): void {
    this.varint(field * 8 + 1);
    this.reserve(8);
    this.buffer.writeDoubleLE(value, this.length);
    this.length += 8;
  }

  raw(field: number, value: Uint8Array): void {
    this.varint(field * 8 + 2);
    this.varint(value.length);
    this.reserve(value.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
  }

  text(field: number, value: string): void {
    this.raw(field, Buffer.from(value));
  }

  message(field: number, inner: ProtobufWriter): void {
    this.raw(field, inner.bytes);
    const base = this.length - inner.length;
    for (const mark of inner.marks) this.marks.push(base + mark);
  }

  private byte(value: number): void {
    this.reserve(1);
    this.buffer[this.length++] = value;
  }

  private reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + bytes));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
}

/** OTLP's KeyValue { key = 1, value = 2 }; `value` writes the AnyValue. */
export function keyValue(
  out: ProtobufWriter,
  field: number,
  key: string,
  value: (any: ProtobufWriter) => void,
): void {
  const any = new ProtobufWriter();
  value(any);
  const pair = new ProtobufWriter();
  pair.text(1, key);
  pair.message(2, any);
  out.message(field, pair);
}
