import { ByteBuffer } from '../../lib/index.ts';
import { type Field, type Message, requestMessages } from './json-schema.ts';
import { MalformedError } from './wire.ts';

/** Deepest nesting of messages: the envelope takes 8, an attribute value up to 64 levels of three messages. */
const depthMax = 200;
const wireTypes = { varint: 0, fixed64: 1, length: 2, fixed32: 5 };

/**
 * OTLP/JSON to the same bytes that a protobuf sender would have sent, so that one reader serves both. Unknown fields are
 * ignored, 64-bit integers may be numbers or strings, enums numbers or names, ids are hexadecimal.
 */
export function jsonToWire(signal: keyof typeof requestMessages, text: string): Uint8Array {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MalformedError(
      `The body is not JSON: ${error instanceof Error ? error.message : 'syntax error'}`,
    );
  }
  const writer = new JsonWriter();
  return writer.request(requestMessages[signal], value);
}

type Path = readonly (string | number)[];

class JsonWriter {
  private readonly path: (string | number)[] = [];
  /** One buffer per depth: a message is written into its own and then copied behind its length. */
  private readonly buffers: ByteBuffer[] = [];

  request(message: Message, value: unknown): Uint8Array {
    const out = this.message(message, value, 0);
    return out.bytes.slice(0, out.length);
  }

  private message(message: Message, value: unknown, depth: number): ByteBuffer {
    if (depth > depthMax) throw this.wrong(`is nested deeper than ${depthMax}`);
    if (!isRecord(value)) throw this.wrong(`is ${kindOf(value)}, an object is needed`);
    const out = this.bufferAt(depth);
    for (const [name, item] of Object.entries(value)) {
      const field = message.get(name);
      if (field === undefined || item === null || item === undefined) continue;
      this.path.push(name);
      if (field.repeated) this.list(out, field, item, depth);
      else this.item(out, field, item, depth);
      this.path.pop();
    }
    return out;
  }

  private list(out: ByteBuffer, field: Field, value: unknown, depth: number): void {
    if (!Array.isArray(value)) throw this.wrong(`is ${kindOf(value)}, an array is needed`);
    if (field.kind === 'message') {
      for (let index = 0; index < value.length; index++) {
        this.path.push(index);
        this.item(out, field, value[index], depth);
        this.path.pop();
      }
      return;
    }
    const packed = this.bufferAt(depth + 1);
    for (let index = 0; index < value.length; index++) {
      this.path.push(index);
      this.scalar(packed, field, value[index]);
      this.path.pop();
    }
    this.lengthDelimited(out, field, packed);
  }

  private item(out: ByteBuffer, field: Field, value: unknown, depth: number): void {
    switch (field.kind) {
      case 'message': {
        if (field.message === undefined) throw new Error('a message field without its message');
        this.lengthDelimited(out, field, this.message(field.message, value, depth + 1));
        return;
      }
      case 'string':
      case 'bytes':
      case 'hex':
        this.text(out, field, value, depth);
        return;
      default: {
        const type =
          field.kind === 'double' || field.kind === 'fixed64'
            ? wireTypes.fixed64
            : field.kind === 'fixed32'
              ? wireTypes.fixed32
              : wireTypes.varint;
        out.varint(field.number * 8 + type);
        this.scalar(out, field, value);
      }
    }
  }

  private text(out: ByteBuffer, field: Field, value: unknown, depth: number): void {
    if (typeof value !== 'string') throw this.wrong(`is ${kindOf(value)}, a string is needed`);
    if (value === '' && !field.always) return;
    const bytes = this.bufferAt(depth + 1);
    if (field.kind === 'string') bytes.text(value);
    else {
      if (field.kind === 'hex' && !/^([0-9a-fA-F]{2})*$/.test(value)) throw this.wrong('is not hexadecimal');
      const decoded = Buffer.from(value, field.kind === 'hex' ? 'hex' : 'base64');
      bytes.raw(decoded, 0, decoded.length);
    }
    this.lengthDelimited(out, field, bytes);
  }

  private scalar(out: ByteBuffer, field: Field, value: unknown): void {
    switch (field.kind) {
      case 'double':
        out.float64(this.double(value));
        return;
      case 'fixed64': {
        const bits = BigInt.asUintN(64, this.integer(value));
        out.uint64(Number(bits & 0xffff_ffffn), Number(bits >> 32n));
        return;
      }
      case 'fixed32':
        out.uint32(Number(BigInt.asUintN(32, this.integer(value))));
        return;
      case 'sint': {
        const signed = BigInt.asIntN(64, this.integer(value));
        varint64(out, BigInt.asUintN(64, (signed << 1n) ^ (signed >> 63n)));
        return;
      }
      case 'bool':
        if (typeof value !== 'boolean') throw this.wrong(`is ${kindOf(value)}, true or false is needed`);
        out.byte(value ? 1 : 0);
        return;
      case 'enum': {
        const known = typeof value === 'string' ? field.names?.get(value) : undefined;
        varint64(out, BigInt.asUintN(64, known === undefined ? this.integer(value) : BigInt(known)));
        return;
      }
      default:
        varint64(out, BigInt.asUintN(64, this.integer(value)));
    }
  }

  private integer(value: unknown): bigint {
    if (typeof value === 'number' && Number.isFinite(value)) return BigInt(Math.trunc(value));
    if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) return BigInt(value);
    throw this.wrong(`is ${shown(value)}, an integer is needed`);
  }

  private double(value: unknown): number {
    if (typeof value === 'number') return value;
    if (value === 'NaN') return Number.NaN;
    if (value === 'Infinity' || value === '-Infinity') return Number(value);
    if (typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value)))
      return Number(value);
    throw this.wrong(`is ${shown(value)}, a number is needed`);
  }

  private lengthDelimited(out: ByteBuffer, field: Field, content: ByteBuffer): void {
    out.varint(field.number * 8 + wireTypes.length);
    out.varint(content.length);
    out.raw(content.bytes, 0, content.length);
  }

  private bufferAt(depth: number): ByteBuffer {
    const known = this.buffers[depth];
    if (known !== undefined) {
      known.length = 0;
      return known;
    }
    const made = new ByteBuffer(512);
    this.buffers[depth] = made;
    return made;
  }

  private wrong(reason: string): MalformedError {
    return new MalformedError(`${pathText(this.path)} ${reason}.`);
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const kindOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`;
const shown = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? JSON.stringify(value).slice(0, 60) : kindOf(value);
const pathText = (path: Path): string =>
  path.length === 0
    ? 'The body'
    : path
        .map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`))
        .join('')
        .slice(1);

export function varint64(out: ByteBuffer, value: bigint): void {
  let rest = value;
  while (rest >= 0x80n) {
    out.byte(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.byte(Number(rest));
}
