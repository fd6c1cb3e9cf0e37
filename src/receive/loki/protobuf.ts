import type { Pair } from '../log-sink.ts';
import { textOf, Wire } from '../otlp/wire.ts';
import type { StreamWriter } from './streams.ts';

/** logproto.PushRequest { streams = 1 { labels = 1, entries = 2, hash = 3 } }. */
export function readPushProtobuf(body: Uint8Array, out: StreamWriter): void {
  const wire = new Wire(body);
  while (wire.position < body.length) {
    const tag = wire.tag(body.length);
    if (tag === 0x0a) readStream(wire, wire.length(body.length), out);
    else wire.skip(tag, body.length);
  }
}

function readStream(wire: Wire, end: number, out: StreamWriter): void {
  const start = wire.position;
  let labels = '';
  let entries = 0;
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag === 0x0a || tag === 0x12) {
      const stop = wire.length(end);
      if (tag === 0x0a) labels = textOf(wire.bytes, wire.position, stop);
      else entries += 1;
      wire.position = stop;
    } else wire.skip(tag, end);
  }
  // The labels may stand behind the entries, so the entries are read in a second pass.
  if (!out.labelledStream(labels, entries, () => wire.bytes.slice(start, end))) return;
  wire.position = start;
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag === 0x12) readEntry(wire, wire.length(end), out);
    else wire.skip(tag, end);
  }
}

/** timestamp = 1 { seconds = 1, nanos = 2 }, line = 2, structuredMetadata = 3 { name = 1, value = 2 }. */
function readEntry(wire: Wire, end: number, out: StreamWriter): void {
  let time = 0n;
  let lineStart = 0;
  let lineEnd = 0;
  const metadata: Pair[] = [];
  while (wire.position < end) {
    const tag = wire.tag(end);
    switch (tag) {
      case 0x0a:
        time = readTime(wire, wire.length(end));
        break;
      case 0x12:
        lineEnd = wire.length(end);
        lineStart = wire.position;
        wire.position = lineEnd;
        break;
      case 0x1a:
        metadata.push(readPair(wire, wire.length(end)));
        break;
      default:
        wire.skip(tag, end);
    }
  }
  out.entry(time, wire.bytes.subarray(lineStart, lineEnd), metadata);
}

function readTime(wire: Wire, end: number): bigint {
  let seconds = 0n;
  let nanos = 0n;
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag === 0x08 || tag === 0x10) {
      wire.varint(end);
      if (tag === 0x08) seconds = wire.bigint();
      else nanos = wire.bigint();
    } else wire.skip(tag, end);
  }
  return seconds * 1_000_000_000n + nanos;
}

function readPair(wire: Wire, end: number): Pair {
  let name = '';
  let value = '';
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag === 0x0a || tag === 0x12) {
      const stop = wire.length(end);
      const text = textOf(wire.bytes, wire.position, stop);
      if (tag === 0x0a) name = text;
      else value = text;
      wire.position = stop;
    } else wire.skip(tag, end);
  }
  return [name, value];
}
