import { ByteBuffer, viewOf } from './bytes.ts';
import { takeBuffer } from './pool.ts';

/**
 * Columns of ClickHouse's `Native` format. A column takes values straight from bytes and keeps them as it will send
 * them, so there is no object per row. A block is: columns, rows (varints), then per column name, type, data.
 *
 * Composite columns write in two parts, as the engine reads them: first the prefixes of everything nested (a
 * LowCardinality's version), then offsets and data.
 */
export interface Column {
  readonly type: string;
  /** Rows that were added. */
  readonly rows: number;
  writePrefix(out: ByteBuffer): void;
  writeData(out: ByteBuffer): void;
  /** Upper bound of what prefix and data take, bytes. */
  sizeMax(): number;
  reset(): void;
}

export class StringColumn implements Column {
  readonly type = 'String';
  rows = 0;
  private readonly data = new ByteBuffer(1024);

  bytes(source: Uint8Array, start: number, end: number): void {
    const { data } = this;
    const count = end - start;
    if (count < 0x80) data.byte(count);
    else data.varint(count);
    if (count > 0) data.raw(source, start, end);
    this.rows += 1;
  }

  /** So many empty texts. */
  empty(count: number): void {
    const { data } = this;
    data.reserve(count);
    data.bytes.fill(0, data.length, data.length + count);
    data.length += count;
    this.rows += count;
  }

  text(value: string): void {
    scratch.length = 0;
    const count = scratch.text(value);
    this.bytes(scratch.bytes, 0, count);
    scratch.reset();
  }

  /** A number as `String(value)` writes it. */
  number(value: number): void {
    const { data } = this;
    const at = data.length;
    data.byte(0);
    data.number(value);
    // The longest text of a double has 24 bytes, so one byte holds its length.
    data.bytes[at] = data.length - at - 1;
    this.rows += 1;
  }

  /** Bytes as lower-case hexadecimal digits. */
  hex(source: Uint8Array, start: number, end: number): void {
    const { data } = this;
    const digits = (end - start) * 2;
    data.varint(digits);
    data.reserve(digits);
    const { view } = data;
    let at = data.length;
    for (let i = start; i < end; i++, at += 2) view.setUint16(at, hexPairs[source[i] ?? 0] ?? 0, true);
    data.length = at;
    this.rows += 1;
  }

  writePrefix(): void {}

  writeData(out: ByteBuffer): void {
    out.raw(this.data.bytes, 0, this.data.length);
  }

  sizeMax(): number {
    return this.data.length;
  }

  reset(): void {
    this.rows = 0;
    this.data.reset();
  }
}

/** The two digits of each byte, the first in the low half. */
const hexPairs = Uint16Array.from({ length: 256 }, (_, value) => {
  const text = value.toString(16).padStart(2, '0');
  return text.charCodeAt(0) | (text.charCodeAt(1) << 8);
});
/** Texts on their way into a column; never held across calls. */
const scratch = new ByteBuffer(4096);

/** Integers, floats and times of a fixed width; which method is used must fit the type. */
export class FixedColumn implements Column {
  readonly type: string;
  rows = 0;
  private readonly data = new ByteBuffer(512);

  constructor(type: string) {
    this.type = type;
  }

  uint8(value: number): void {
    this.data.byte(value);
    this.rows += 1;
  }

  uint16(value: number): void {
    this.data.uint16(value);
    this.rows += 1;
  }

  int32(value: number): void {
    this.data.uint32(value >>> 0);
    this.rows += 1;
  }

  /** UInt64, Int64 and DateTime64 in two halves. */
  uint64(low: number, high: number): void {
    this.data.uint64(low, high);
    this.rows += 1;
  }

  /** A whole number below 2^53, as 64 bits. */
  whole(value: number): void {
    this.uint64(value % 0x1_0000_0000, Math.floor(value / 0x1_0000_0000));
  }

  float64(value: number): void {
    this.data.float64(value);
    this.rows += 1;
  }

  /** So many times the same number below 2^32 as 64 bits, each `step` more than the one before. */
  run64(first: number, step: number, count: number): void {
    const { data } = this;
    data.reserve(count * 8);
    const { view } = data;
    let at = data.length;
    for (let i = 0, value = first; i < count; i++, value += step, at += 8) {
      view.setUint32(at, value, true);
      view.setUint32(at + 4, 0, true);
    }
    data.length = at;
    this.rows += count;
  }

  writePrefix(): void {}

  writeData(out: ByteBuffer): void {
    out.raw(this.data.bytes, 0, this.data.length);
  }

  sizeMax(): number {
    return this.data.length;
  }

  reset(): void {
    this.rows = 0;
    this.data.reset();
  }
}

/** Dictionary sizes above which the hash table is let go after use. */
const keptSlotsMax = 16_384;
const slotsInitial = 64;
/** `HasAdditionalKeys`: the dictionary stands in the block itself. `NeedUpdateDictionary` makes the engine take it over. */
const lowCardinalityFlags = 0x600;

/** `LowCardinality(String)`: a dictionary built on the way and an index per row. */
export class LowCardinalityColumn implements Column {
  readonly type = 'LowCardinality(String)';
  rows = 0;
  private readonly keys = new ByteBuffer(512);
  private keyCount = 0;
  private keyStart = new Uint32Array(slotsInitial);
  private keyEnd = new Uint32Array(slotsInitial);
  private keyHash = new Uint32Array(slotsInitial);
  /** Open addressing: 0 is free, otherwise key number + 1. Twice as long as the key arrays. */
  private slots = new Uint32Array(slotsInitial * 2);
  private indexes = new Uint32Array(64);
  private readonly hints = new Uint32Array(64);

  /** The dictionary's number of a value; put into it when new. Numbers hold until `reset`. */
  intern(source: Uint8Array, start: number, end: number): number {
    const view = viewOf(source);
    let hash = 0x811c9dc5 ^ (end - start);
    let at = start;
    for (; at + 4 <= end; at += 4) {
      hash = Math.imul(hash ^ view.getInt32(at, true), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    for (; at < end; at++) hash = Math.imul(hash ^ (source[at] ?? 0), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
    hash = (hash ^ (hash >>> 13)) >>> 0;
    const mask = this.slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const key = (this.slots[slot] ?? 0) - 1;
      if (key < 0) return this.add(slot, hash, source, start, end);
      if (this.keyHash[key] === hash && this.isKey(key, view, start, end)) return key;
    }
  }

  /**
   * Adds a value that probably is what stood at the same `slot` (0 to 63) the last time: records of one sender carry the
   * same names in the same order, and comparing is cheaper than hashing.
   */
  hinted(slot: number, source: Uint8Array, start: number, end: number): void {
    let key = this.hints[slot & 63] ?? 0;
    if (key >= this.keyCount || !this.isKey(key, viewOf(source), start, end)) {
      key = this.intern(source, start, end);
      this.hints[slot & 63] = key;
    }
    this.index(key);
  }

  internText(value: string): number {
    scratch.length = 0;
    const count = scratch.text(value);
    const key = this.intern(scratch.bytes, 0, count);
    scratch.reset();
    return key;
  }

  index(key: number): void {
    if (this.rows === this.indexes.length) this.makeRoom(1);
    this.indexes[this.rows++] = key;
  }

  bytes(source: Uint8Array, start: number, end: number): void {
    this.hinted(0, source, start, end);
  }

  text(value: string): void {
    this.index(this.internText(value));
  }

  /** A number as `String(value)` writes it. */
  number(value: number): void {
    this.text(String(value));
  }

  /** Adds `count` rows of one key. */
  run(key: number, count: number): void {
    this.makeRoom(count);
    this.indexes.fill(key, this.rows, this.rows + count);
    this.rows += count;
  }

  /** Adds the rows `from` to `to` (exclusive) so many times more. */
  repeat(from: number, to: number, times = 1): void {
    const { rows } = this;
    const end = rows + (to - from) * times;
    this.makeRoom(end - rows);
    if (end === rows) return;
    this.indexes.copyWithin(rows, from, to);
    // What was copied is copied again together with it, so that thousands of times take a dozen calls.
    for (let done = to - from; rows + done < end; done *= 2)
      this.indexes.copyWithin(rows + done, rows, Math.min(rows + done, end - done));
    this.rows = end;
  }

  writePrefix(out: ByteBuffer): void {
    out.uint64(1, 0);
  }

  writeData(out: ByteBuffer): void {
    if (this.rows === 0) return;
    const width = this.keyCount <= 0x100 ? 0 : this.keyCount <= 0x1_0000 ? 1 : 2;
    out.uint64(lowCardinalityFlags | width, 0);
    out.uint64(this.keyCount, 0);
    out.raw(this.keys.bytes, 0, this.keys.length);
    out.uint64(this.rows, 0);
    out.reserve(this.rows * 4);
    const { indexes, rows } = this;
    if (width === 0) {
      const { bytes, length } = out;
      for (let i = 0; i < rows; i++) bytes[length + i] = indexes[i] ?? 0;
      out.length = length + rows;
    } else if (width === 1) for (let i = 0; i < rows; i++) out.uint16(indexes[i] ?? 0);
    else for (let i = 0; i < rows; i++) out.uint32(indexes[i] ?? 0);
  }

  sizeMax(): number {
    return 32 + this.keys.length + this.rows * 4;
  }

  reset(): void {
    this.rows = 0;
    this.keyCount = 0;
    this.keys.reset();
    if (this.slots.length > keptSlotsMax) this.resize(slotsInitial);
    else this.slots.fill(0);
    if (this.indexes.length > keptSlotsMax * 4) this.indexes = new Uint32Array(64);
  }

  private add(slot: number, hash: number, source: Uint8Array, start: number, end: number): number {
    const key = this.keyCount++;
    this.keys.varint(end - start);
    this.keyStart[key] = this.keys.length;
    this.keys.raw(source, start, end);
    this.keyEnd[key] = this.keys.length;
    this.keyHash[key] = hash;
    this.slots[slot] = key + 1;
    if (this.keyCount === this.keyStart.length) this.resize(this.keyStart.length * 2);
    return key;
  }

  private isKey(key: number, source: DataView, start: number, end: number): boolean {
    let at = this.keyStart[key] ?? 0;
    if ((this.keyEnd[key] ?? 0) - at !== end - start) return false;
    const stored = this.keys.view;
    let i = start;
    for (; i + 4 <= end; i += 4, at += 4)
      if (stored.getInt32(at, true) !== source.getInt32(i, true)) return false;
    for (; i < end; i++, at++) if (stored.getUint8(at) !== source.getUint8(i)) return false;
    return true;
  }

  private makeRoom(more: number): void {
    const needed = this.rows + more;
    if (needed <= this.indexes.length) return;
    const grown = new Uint32Array(Math.max(needed, this.indexes.length * 2));
    grown.set(this.indexes.subarray(0, this.rows));
    this.indexes = grown;
  }

  private resize(size: number): void {
    const copy = (old: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> => {
      const next = new Uint32Array(size);
      next.set(old.subarray(0, this.keyCount));
      return next;
    };
    this.keyStart = copy(this.keyStart);
    this.keyEnd = copy(this.keyEnd);
    this.keyHash = copy(this.keyHash);
    this.slots = new Uint32Array(size * 2);
    const mask = this.slots.length - 1;
    for (let key = 0; key < this.keyCount; key++) {
      let slot = (this.keyHash[key] ?? 0) & mask;
      while (this.slots[slot] !== 0) slot = (slot + 1) & mask;
      this.slots[slot] = key + 1;
    }
  }
}

/** `Array(T)`: values go into `items`, then `endRow` closes the row. */
export class ArrayColumn<Items extends Column> implements Column {
  readonly type: string;
  readonly items: Items;
  rows = 0;
  private readonly offsets = new FixedColumn('UInt64');

  constructor(items: Items) {
    this.items = items;
    this.type = `Array(${items.type})`;
  }

  endRow(): void {
    this.offsets.uint64(this.items.rows, 0);
    this.rows += 1;
  }

  writePrefix(out: ByteBuffer): void {
    this.items.writePrefix(out);
  }

  writeData(out: ByteBuffer): void {
    this.offsets.writeData(out);
    this.items.writeData(out);
  }

  sizeMax(): number {
    return this.offsets.sizeMax() + this.items.sizeMax();
  }

  reset(): void {
    this.rows = 0;
    this.offsets.reset();
    this.items.reset();
  }
}

/** `Map(K, V)`: the same number of values into `keys` and `values`, then `endRow`. */
export class MapColumn<Values extends StringColumn | LowCardinalityColumn> implements Column {
  readonly type: string;
  readonly keys = new LowCardinalityColumn();
  readonly values: Values;
  rows = 0;
  /** Where the open row begins among the keys. */
  private rowStart = 0;
  private readonly offsets = new FixedColumn('UInt64');

  constructor(values: Values) {
    this.values = values;
    this.type = `Map(${this.keys.type}, ${values.type})`;
  }

  /** The name of the next value, which then goes into `values`. */
  key(source: Uint8Array, start: number, end: number): void {
    this.keys.hinted(this.keys.rows - this.rowStart, source, start, end);
  }

  endRow(): void {
    this.rowStart = this.keys.rows;
    this.offsets.uint64(this.rowStart, 0);
    this.rows += 1;
  }

  /** Adds the entries `from` to `to` (exclusive) as a row, so many times. */
  repeatRow(this: MapColumn<LowCardinalityColumn>, from: number, to: number, times: number): void {
    this.offsets.run64(this.keys.rows + to - from, to - from, times);
    this.keys.repeat(from, to, times);
    this.values.repeat(from, to, times);
    this.rowStart = this.keys.rows;
    this.rows += times;
  }

  pair(key: string, value: string): void {
    this.keys.text(key);
    this.values.text(value);
  }

  writePrefix(out: ByteBuffer): void {
    this.keys.writePrefix(out);
    this.values.writePrefix(out);
  }

  writeData(out: ByteBuffer): void {
    this.offsets.writeData(out);
    this.keys.writeData(out);
    this.values.writeData(out);
  }

  sizeMax(): number {
    return this.offsets.sizeMax() + this.keys.sizeMax() + this.values.sizeMax();
  }

  reset(): void {
    this.rows = 0;
    this.rowStart = 0;
    this.offsets.reset();
    this.keys.reset();
    this.values.reset();
  }
}

/**
 * Writes columns as one block with a last column `lastName UInt64` of zeros, whose `rows * 8` bytes end the result so that
 * they can be filled in place. Columns are reset. The bytes come from the pool: who has stored them gives them back.
 * Throws when a column has another number of rows.
 */
export function takeBlock(columns: Record<string, Column>, rows: number, lastName: string): Uint8Array {
  const entries = Object.entries(columns);
  const size = entries.reduce(
    (sum, [name, column]) => sum + name.length + column.type.length + 8 + column.sizeMax(),
    64,
  );
  const out = new ByteBuffer(size + rows * 8, takeBuffer(size + rows * 8 + 8));
  out.varint(entries.length + 1);
  out.varint(rows);
  for (const [name, column] of entries) {
    if (column.rows !== rows) throw new Error(`column ${name} has ${column.rows} rows, the block ${rows}`);
    writeHeader(out, name, column.type);
    column.writePrefix(out);
    column.writeData(out);
    column.reset();
  }
  writeHeader(out, lastName, 'UInt64');
  out.reserve(rows * 8);
  const end = out.length + rows * 8;
  out.bytes.fill(0, out.length, end);
  return out.bytes.subarray(0, end);
}

function writeHeader(out: ByteBuffer, name: string, type: string): void {
  for (const text of [name, type]) {
    out.varint(text.length);
    out.text(text);
  }
}
