import { ByteBuffer } from '../../lib/index.ts';
import type { Pair } from '../log-sink.ts';
import { found, readValue, rendered } from './attributes.ts';
import type { Range } from './resource.ts';
import { textOf, type Wire } from './wire.ts';

/** The attributes of a data point as text; `tag` is their field. */
export function labelsOf(wire: Wire, point: Range, tag: number): Pair[] {
  const pairs: Pair[] = [];
  const back = wire.position;
  wire.position = point.start;
  while (wire.position < point.end) {
    const field = wire.tag(point.end);
    if (field === tag) pairs.push(readPair(wire, wire.length(point.end)));
    else wire.skip(field, point.end);
  }
  wire.position = back;
  return pairs;
}

/** The bytes of a data point without the attributes of one name. */
export function pointWithout(wire: Wire, point: Range, tag: number, name: string): Uint8Array {
  const out = new ByteBuffer();
  const back = wire.position;
  wire.position = point.start;
  while (wire.position < point.end) {
    const start = wire.position;
    const field = wire.tag(point.end);
    let dropped = false;
    if (field === tag) dropped = readPair(wire, wire.length(point.end))[0] === name;
    else wire.skip(field, point.end);
    if (!dropped) out.raw(wire.bytes, start, wire.position);
  }
  wire.position = back;
  return out.bytes.slice(0, out.length);
}

/** KeyValue { key = 1, value = 2 }. */
function readPair(wire: Wire, end: number): Pair {
  let name = '';
  let value = '';
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag === 0x0a) {
      const stop = wire.length(end);
      name = textOf(wire.bytes, wire.position, stop);
      wire.position = stop;
    } else if (tag === 0x12) {
      const stop = wire.length(end);
      const direct = readValue(wire, stop);
      value = direct ? textOf(wire.bytes, found.start, found.end) : textOf(rendered.bytes, 0, rendered.end);
      wire.position = stop;
    } else wire.skip(tag, end);
  }
  return [name, value];
}
