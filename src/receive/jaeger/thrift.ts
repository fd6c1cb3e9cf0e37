import { MalformedError, textOf } from '../otlp/wire.ts';

/** Types of Thrift's binary protocol. */
export const thriftTypes = {
  stop: 0,
  bool: 2,
  byte: 3,
  double: 4,
  i16: 6,
  i32: 8,
  i64: 10,
  string: 11,
  struct: 12,
  map: 13,
  set: 14,
  list: 15,
} as const;

/** Least bytes of one value of each type: a list that says it has more elements than can follow is refused at once. */
const bytesMin = new Map<number, number>([
  [thriftTypes.bool, 1],
  [thriftTypes.byte, 1],
  [thriftTypes.double, 8],
  [thriftTypes.i16, 2],
  [thriftTypes.i32, 4],
  [thriftTypes.i64, 8],
  [thriftTypes.string, 4],
  [thriftTypes.struct, 1],
  [thriftTypes.map, 6],
  [thriftTypes.set, 5],
  [thriftTypes.list, 5],
]);
/** Deepest nesting of what is passed over; Jaeger's own messages have five levels. */
const depthMax = 32;

/** Reads Thrift's binary protocol by position; no read leaves the buffer. Throws MalformedError. */
export class ThriftReader {
  readonly bytes: Uint8Array;
  position = 0;
  private readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Calls `read` for every field up to the end of the struct; it says false where it does not know the field. */
  struct(read: (id: number, type: number) => boolean, depth = 0): void {
    for (;;) {
      const type = this.view.getUint8(this.take(1));
      if (type === thriftTypes.stop) return;
      const id = this.view.getInt16(this.take(2));
      if (!read(id, type)) this.skip(type, depth + 1);
    }
  }

  /** Calls `read` for each of a list's elements, which must be of `type`. */
  list(type: number, read: () => void): void {
    const { count, found } = this.listHead();
    if (count > 0 && found !== type)
      throw this.malformed(`a list of type ${found} stands for one of ${type}`);
    for (let index = 0; index < count; index++) read();
  }

  bool(): boolean {
    return this.view.getUint8(this.take(1)) !== 0;
  }

  i32(): number {
    return this.view.getInt32(this.take(4));
  }

  i64(): bigint {
    return this.view.getBigInt64(this.take(8));
  }

  double(): number {
    return this.view.getFloat64(this.take(8));
  }

  binary(): Uint8Array {
    const length = this.i32();
    if (length < 0) throw this.malformed('a length is below 0');
    const start = this.take(length);
    return this.bytes.subarray(start, start + length);
  }

  text(): string {
    const bytes = this.binary();
    return textOf(bytes, 0, bytes.length);
  }

  skip(type: number, depth = 0): void {
    if (depth > depthMax) throw this.malformed(`it is nested deeper than ${depthMax}`);
    switch (type) {
      case thriftTypes.string:
        this.binary();
        return;
      case thriftTypes.struct:
        this.struct(() => false, depth);
        return;
      case thriftTypes.list:
      case thriftTypes.set: {
        const { count, found } = this.listHead();
        for (let index = 0; index < count; index++) this.skip(found, depth + 1);
        return;
      }
      case thriftTypes.map:
        this.skipMap(depth);
        return;
      default:
        this.take(this.least(type));
    }
  }

  private skipMap(depth: number): void {
    const keys = this.view.getUint8(this.take(1));
    const values = this.view.getUint8(this.take(1));
    const count = this.i32();
    if (count !== 0) this.room(count, this.least(keys) + this.least(values));
    for (let index = 0; index < count; index++) {
      this.skip(keys, depth + 1);
      this.skip(values, depth + 1);
    }
  }

  private listHead(): { count: number; found: number } {
    const found = this.view.getUint8(this.take(1));
    const count = this.i32();
    if (count !== 0) this.room(count, this.least(found));
    return { count, found };
  }

  private room(count: number, each: number): void {
    const left = this.bytes.length - this.position;
    if (count < 0 || count * each > left)
      throw this.malformed(`${count} elements stand where ${left} bytes are left`);
  }

  private least(type: number): number {
    const bytes = bytesMin.get(type);
    if (bytes === undefined) throw this.malformed(`type ${type} is not known`);
    return bytes;
  }

  /** The position before `count` bytes, which are passed. */
  private take(count: number): number {
    const start = this.position;
    const left = this.bytes.length - start;
    if (count > left) throw this.malformed(`${count} bytes are needed where ${left} are left`);
    this.position = start + count;
    return start;
  }

  malformed(reason: string): MalformedError {
    return new MalformedError(`The Thrift message can't be read near byte ${this.position}: ${reason}.`);
  }
}
