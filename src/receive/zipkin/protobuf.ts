import { textOf, Wire } from '../otlp/wire.ts';
import { type AttributeValue, partsMax } from '../span-sink.ts';
import type { ZipkinEndpoint, ZipkinSpan } from './span.ts';

/** Numbers of zipkin.proto3.Span.Kind. */
const kindNames = ['', 'CLIENT', 'SERVER', 'PRODUCER', 'CONSUMER'];

/** zipkin.proto3.ListOfSpans { spans = 1 }; see `readSpansJson`. Throws MalformedError. */
export function readSpansProtobuf(
  body: Uint8Array,
  take: (span: ZipkinSpan) => string | undefined,
  refuse: (reason: string, payload: Uint8Array) => void,
): void {
  const wire = new Wire(body);
  for (let index = 0; wire.position < body.length; ) {
    const tag = wire.tag(body.length);
    if (tag !== 0x0a) {
      wire.skip(tag, body.length);
      continue;
    }
    const end = wire.length(body.length);
    const start = wire.position;
    const reason = take(spanOf(wire, end));
    if (reason !== undefined) refuse(`[${index}]: ${reason}`, body.subarray(start, end));
    index += 1;
  }
}

function spanOf(wire: Wire, end: number): ZipkinSpan {
  const span = emptySpan();
  const annotations: { timestampUs: bigint; value: string }[] = [];
  while (wire.position < end) {
    const tag = wire.tag(end);
    switch (tag) {
      case 0x0a:
        span.traceId = hexOf(wire, end);
        break;
      case 0x12:
        span.parentId = hexOf(wire, end);
        break;
      case 0x1a:
        span.id = hexOf(wire, end);
        break;
      case 0x20:
        wire.varint(end);
        span.kind = kindNames[wire.low] ?? '';
        break;
      case 0x2a:
        span.name = readText(wire, end);
        break;
      case 0x31:
        wire.fixed64(end);
        span.timestampUs = wire.bigint();
        break;
      case 0x38:
        wire.varint(end);
        span.durationUs = wire.bigint();
        break;
      case 0x42:
        span.local = endpointOf(wire, wire.length(end));
        break;
      case 0x4a:
        span.remote = endpointOf(wire, wire.length(end));
        break;
      case 0x52:
        if (annotations.length === partsMax)
          throw wire.malformed(`a span has more than ${partsMax} annotations`);
        annotations.push(annotationOf(wire, wire.length(end)));
        break;
      case 0x5a:
        readTag(wire, wire.length(end), span.tags);
        break;
      default:
        wire.skip(tag, end);
    }
  }
  span.annotations = annotations;
  return span;
}

const emptySpan = (): ZipkinSpan => ({
  traceId: '',
  id: '',
  parentId: '',
  kind: '',
  name: '',
  timestampUs: 0n,
  durationUs: 0n,
  local: { service: '', address: '', port: 0 },
  remote: { service: '', address: '', port: 0 },
  annotations: [],
  tags: new Map(),
});

/** Endpoint { service_name = 1, ipv4 = 2, ipv6 = 3, port = 4 }. */
function endpointOf(wire: Wire, end: number): ZipkinEndpoint {
  const endpoint: ZipkinEndpoint = { service: '', address: '', port: 0 };
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag === 0x0a) endpoint.service = readText(wire, end);
    else if (tag === 0x12 || tag === 0x1a) endpoint.address = addressOf(readBytes(wire, end));
    else if (tag === 0x20) {
      wire.varint(end);
      endpoint.port = wire.low & 0xffff;
    } else wire.skip(tag, end);
  }
  return endpoint;
}

function addressOf(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return '';
  const groups = Array.from({ length: 8 }, (_, group) =>
    (((bytes[group * 2] ?? 0) << 8) | (bytes[group * 2 + 1] ?? 0)).toString(16),
  );
  return groups.join(':');
}

/** Annotation { timestamp = 1, value = 2 }. */
function annotationOf(wire: Wire, end: number): { timestampUs: bigint; value: string } {
  const annotation = { timestampUs: 0n, value: '' };
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag === 0x09) {
      wire.fixed64(end);
      annotation.timestampUs = wire.bigint();
    } else if (tag === 0x12) annotation.value = readText(wire, end);
    else wire.skip(tag, end);
  }
  return annotation;
}

/** An entry of map<string, string>. */
function readTag(wire: Wire, end: number, tags: Map<string, AttributeValue>): void {
  let key = '';
  let value = '';
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag === 0x0a) key = readText(wire, end);
    else if (tag === 0x12) value = readText(wire, end);
    else wire.skip(tag, end);
  }
  tags.set(key, value);
}

function readBytes(wire: Wire, end: number): Uint8Array {
  const stop = wire.length(end);
  const bytes = wire.bytes.subarray(wire.position, stop);
  wire.position = stop;
  return bytes;
}

function readText(wire: Wire, end: number): string {
  const bytes = readBytes(wire, end);
  return textOf(bytes, 0, bytes.length);
}

const hexOf = (wire: Wire, end: number): string => Buffer.from(readBytes(wire, end)).toString('hex');
