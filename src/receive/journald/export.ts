import { ByteBuffer } from '../../lib/index.ts';
import { MalformedError } from '../otlp/wire.ts';
import type { JournalField } from './record.ts';

export interface ExportLimits {
  /** Bytes of a value that are held; the rest of it is read past. One more than what is stored shows that it was longer. */
  valueBytesMax: number;
}

/** Names of the journal have at most 64 characters. */
const nameBytesMax = 64;
const namePattern = /^[A-Za-z0-9_]{1,64}$/;
/** What an entry may hold in memory; further values are read past, and their names stand in `clew.truncated`. */
const entryBytesMax = 2_097_152;
const fieldsMax = 1_024;
const newline = 0x0a;
const equals = 0x3d;
const sizeBytes = 8;

/**
 * Reads the Journal Export Format as it comes: fields as `NAME=value` and a newline, or, for any bytes, the name and a
 * newline, the length in 64 bits little-endian, the bytes and a newline; an empty line ends an entry. However large a
 * value is announced, only a bounded part of it is held. Throws MalformedError, after which it must not be used.
 */
export class ExportReader {
  private readonly keptMax: number;
  private state: 'line' | 'size' | 'data' | 'end' = 'line';
  /** The line, size or data that is being read, as far as it is kept. */
  private readonly held = new ByteBuffer();
  private remaining = 0;
  private name = '';
  private fields: JournalField[] = [];
  private entryBytes = 0;
  private cut: string[] = [];
  private readonly take: (entry: JournalField[]) => void;

  constructor(limits: ExportLimits, take: (entry: JournalField[]) => void) {
    this.keptMax = limits.valueBytesMax + nameBytesMax + 1;
    this.take = take;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) at = this.step(chunk, at);
  }

  /** The body has ended. An entry that lacks only its empty line is whole. */
  end(): void {
    if (this.state !== 'line' || this.held.length > 0)
      throw new MalformedError('The body ends in the middle of a field.');
    this.endEntry();
  }

  /** The entry that has begun, as far as it is held. */
  unfinished(): Uint8Array {
    const fields = this.fields.flatMap(({ name, value }) => [
      Buffer.from(`${name}=`),
      value,
      Buffer.from('\n'),
    ]);
    const name = this.state === 'line' ? '' : `${this.name}\n`;
    return Buffer.concat([...fields, Buffer.from(name), this.held.bytes.subarray(0, this.held.length)]);
  }

  private step(chunk: Uint8Array, at: number): number {
    switch (this.state) {
      case 'line': {
        const end = chunk.indexOf(newline, at);
        this.hold(chunk, at, end < 0 ? chunk.length : end);
        if (end < 0) return chunk.length;
        this.endLine(this.heldOnes());
        return end + 1;
      }
      case 'size': {
        const end = Math.min(chunk.length, at + sizeBytes - this.held.length);
        this.hold(chunk, at, end);
        if (this.held.length === sizeBytes) this.endSize(this.heldOnes());
        return end;
      }
      case 'data': {
        const end = Math.min(chunk.length, at + this.remaining);
        this.hold(chunk, at, end);
        this.remaining -= end - at;
        if (this.remaining === 0) this.state = 'end';
        return end;
      }
      case 'end': {
        if (chunk[at] !== newline) throw new MalformedError(`No newline follows the value of ${this.name}.`);
        this.field(this.name, this.heldOnes());
        this.state = 'line';
        return at + 1;
      }
    }
  }

  private endLine(line: Uint8Array): void {
    if (line.length === 0) {
      this.endEntry();
      return;
    }
    const at = line.indexOf(equals);
    const name = Buffer.from(line.subarray(0, at < 0 ? nameBytesMax + 1 : at)).toString('latin1');
    if (!namePattern.test(name)) {
      throw new MalformedError(`${JSON.stringify(name.slice(0, 80))} is no name of a journal field.`);
    }
    if (at >= 0) {
      this.field(name, line.subarray(at + 1));
      return;
    }
    this.name = name;
    this.state = 'size';
  }

  private endSize(bytes: Uint8Array): void {
    const size = Buffer.from(bytes).readBigUInt64LE();
    if (size > BigInt(Number.MAX_SAFE_INTEGER))
      throw new MalformedError(`The value of ${this.name} is said to have ${size} bytes.`);
    this.remaining = Number(size);
    this.state = this.remaining === 0 ? 'end' : 'data';
  }

  private field(name: string, value: Uint8Array): void {
    const bytes = name.length + value.length;
    if (this.fields.length >= fieldsMax || this.entryBytes + bytes > entryBytesMax) {
      if (this.cut.length < 20) this.cut.push(name);
      return;
    }
    this.entryBytes += bytes;
    this.fields.push({ name, value });
  }

  private endEntry(): void {
    const { fields, cut } = this;
    if (cut.length > 0) fields.push({ name: 'clew.truncated', value: Buffer.from(cut.join(',')) });
    this.fields = [];
    this.cut = [];
    this.entryBytes = 0;
    if (fields.length > 0) this.take(fields);
  }

  private hold(chunk: Uint8Array, from: number, to: number): void {
    const end = Math.min(to, from + this.keptMax - this.held.length);
    if (end <= from) return;
    this.held.raw(chunk, from, end);
  }

  private heldOnes(): Uint8Array {
    const all = this.held.bytes.slice(0, this.held.length);
    this.held.reset();
    return all;
  }
}
