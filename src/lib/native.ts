import { ByteBuffer } from './bytes.ts';

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

  text(value: string): void {
    scratch.length = 0;
    const count = scratch.text(value);
    this.bytes(scratch.bytes, 0, count);
    scratch.reset();
  }

  /** Bytes as lower-case hexadecimal digits. */
  hex(source: Uint8Array, start: number, end: number): void {
    const data = this.data;
    data.varint((end - start) * 2);
    data.reserve((end - start) * 2);
    let at = data.length;
    for (let i = start; i < end; i++) {
      const value = source[i] ?? 0;
      data.bytes[at++] = hexDigits[value >> 4] ?? 0;
      data.bytes[at++] = hexDigits[value & 15] ?? 0;
    }
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

const hexDigits = new TextEncoder().encode('0123456789abcdef');
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

  /** The dictionary's number of a value; put into it when new. Numbers hold until `reset`. */
  intern(source: Uint8Array, start: number, end: number): number {
    let hash = 0x811c9dc5 ^ (end - start);
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ (source[i] ?? 0), 0x01000193);
    hash = (hash ^ (hash >>> 15)) >>> 0;
    const mask = this.slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const key = (this.slots[slot] ?? 0) - 1;
      if (key < 0) return this.add(slot, hash, source, start, end);
      if (this.keyHash[key] === hash && this.isKey(key, source, start, end)) return key;
    }
  }

  internText(value: string): number {
    scratch.length = 0;
    const count = scratch.text(value);
    const key = this.intern(scratch.bytes, 0, count);
    scratch.reset();
    return key;
  }

  index(key: number): void {
    if (this.rows === this.indexes.length) {
      const grown = new Uint32Array(this.rows * 2);
      grown.set(this.indexes);
      this.indexes = grown;
    }
    this.indexes[this.rows++] = key;
  }

  bytes(source: Uint8Array, start: number, end: number): void {
    this.index(this.intern(source, start, end));
  }

  text(value: string): void {
    this.index(this.internText(value));
  }

  /** Adds the rows `from` to `to` (exclusive) once more. */
  repeat(from: number, to: number): void {
    for (let row = from; row < to; row++) this.index(this.indexes[row] ?? 0);
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
    if (width === 0) for (let i = 0; i < rows; i++) out.bytes[out.length++] = indexes[i] ?? 0;
    else if (width === 1) for (let i = 0; i < rows; i++) out.uint16(indexes[i] ?? 0);
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

  private isKey(key: number, source: Uint8Array, start: number, end: number): boolean {
    const at = this.keyStart[key] ?? 0;
    if ((this.keyEnd[key] ?? 0) - at !== end - start) return false;
    const stored = this.keys.bytes;
    for (let i = start, k = at; i < end; i++, k++) if (stored[k] !== source[i]) return false;
    return true;
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
    this.offsets.whole(this.items.rows);
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
  private readonly offsets = new FixedColumn('UInt64');

  constructor(values: Values) {
    this.values = values;
    this.type = `Map(${this.keys.type}, ${values.type})`;
  }

  endRow(): void {
    this.offsets.whole(this.keys.rows);
    this.rows += 1;
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
    this.offsets.reset();
    this.keys.reset();
    this.values.reset();
  }
}

/**
 * Writes columns as one block with a last column `lastName UInt64` of zeros, whose `rows * 8` bytes end the result so that
 * they can be filled in place. Columns are reset. Throws when a column has another number of rows.
 */
export function takeBlock(columns: Record<string, Column>, rows: number, lastName: string): Uint8Array {
  const entries = Object.entries(columns);
  const size = entries.reduce(
    (sum, [name, column]) => sum + name.length + column.type.length + 8 + column.sizeMax(),
    64,
  );
  const out = new ByteBuffer(size + rows * 8);
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
