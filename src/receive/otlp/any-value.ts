import { textOf, type Wire } from './wire.ts';

/** Deepest nesting of arrays and maps in one attribute; protobuf's own libraries stop at 100. */
const nestingMax = 64;

const numberText = (value: number): string => (Number.isFinite(value) ? String(value) : `"${value}"`);
const base64 = (wire: Wire, end: number): string =>
  Buffer.from(wire.bytes.buffer, wire.bytes.byteOffset + wire.position, end - wire.position).toString(
    'base64',
  );

/**
 * An AnyValue that is no string, as text: numbers and booleans as they are written, bytes as base64, arrays and maps as
 * JSON. `position` stands at its first field; afterwards at `end`.
 */
export function anyValueText(wire: Wire, end: number): string {
  let text = '';
  while (wire.position < end) {
    const tag = wire.tag(end);
    switch (tag) {
      case 0x0a: {
        const stop = wire.length(end);
        text = textOf(wire.bytes, wire.position, stop);
        wire.position = stop;
        break;
      }
      case 0x21:
        text = String(wire.double(end));
        break;
      case 0x3a: {
        const stop = wire.length(end);
        text = base64(wire, stop);
        wire.position = stop;
        break;
      }
      default:
        text = scalarText(wire, tag, end, 0) ?? text;
    }
  }
  return text;
}

/** Kinds that read the same inside JSON and outside of it; undefined for a field that is not known. */
function scalarText(wire: Wire, tag: number, end: number, depth: number): string | undefined {
  switch (tag) {
    case 0x10:
      wire.varint(end);
      return wire.low === 0 && wire.high === 0 ? 'false' : 'true';
    case 0x18:
      wire.varint(end);
      return wire.high === 0 ? String(wire.low) : wire.bigint().toString();
    case 0x2a:
      return arrayJson(wire, wire.length(end), depth + 1);
    case 0x32:
      return mapJson(wire, wire.length(end), depth + 1);
    default:
      wire.skip(tag, end);
      return undefined;
  }
}

function valueJson(wire: Wire, end: number, depth: number): string {
  if (depth > nestingMax) throw wire.malformed(`a value is nested deeper than ${nestingMax}`);
  let json = 'null';
  while (wire.position < end) {
    const tag = wire.tag(end);
    switch (tag) {
      case 0x0a: {
        const stop = wire.length(end);
        json = JSON.stringify(textOf(wire.bytes, wire.position, stop));
        wire.position = stop;
        break;
      }
      case 0x21:
        json = numberText(wire.double(end));
        break;
      case 0x3a: {
        const stop = wire.length(end);
        json = `"${base64(wire, stop)}"`;
        wire.position = stop;
        break;
      }
      default:
        json = scalarText(wire, tag, end, depth) ?? json;
    }
  }
  return json;
}

function arrayJson(wire: Wire, end: number, depth: number): string {
  const parts: string[] = [];
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag === 0x0a) parts.push(valueJson(wire, wire.length(end), depth));
    else wire.skip(tag, end);
  }
  return `[${parts.join(',')}]`;
}

function mapJson(wire: Wire, end: number, depth: number): string {
  const parts: string[] = [];
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag !== 0x0a) {
      wire.skip(tag, end);
      continue;
    }
    const stop = wire.length(end);
    let key = '""';
    let value = 'null';
    while (wire.position < stop) {
      const field = wire.tag(stop);
      if (field === 0x0a) {
        const keyEnd = wire.length(stop);
        key = JSON.stringify(textOf(wire.bytes, wire.position, keyEnd));
        wire.position = keyEnd;
      } else if (field === 0x12) value = valueJson(wire, wire.length(stop), depth);
      else wire.skip(field, stop);
    }
    parts.push(`${key}:${value}`);
  }
  return `{${parts.join(',')}}`;
}
