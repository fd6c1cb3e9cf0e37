import {
  type Attribute,
  type AttributeValue,
  nanosecondsOf,
  partsMax,
  type SpanEvent,
  type SpanKind,
  type SpanLink,
  type SpanSink,
  spanKinds,
  takeScope,
  takeStatus,
  takeText,
} from '../span-sink.ts';
import { ThriftReader, thriftTypes as types } from './thrift.ts';

interface Reference {
  followsFrom: boolean;
  traceLow: bigint;
  traceHigh: bigint;
  spanId: bigint;
}

interface JaegerSpan {
  traceLow: bigint;
  traceHigh: bigint;
  spanId: bigint;
  parentId: bigint;
  name: string;
  references: Reference[];
  startUs: bigint;
  durationUs: bigint;
  tags: Map<string, AttributeValue>;
  logs: SpanEvent[];
}

const kinds = new Map<string, SpanKind>([
  ['client', spanKinds.client],
  ['server', spanKinds.server],
  ['producer', spanKinds.producer],
  ['consumer', spanKinds.consumer],
]);
/** What Jaeger's clients say of their process, under its name of the semantic conventions. */
const processNames = new Map([
  ['hostname', 'host.name'],
  ['ip', 'host.ip'],
  ['client-uuid', 'service.instance.id'],
]);

/** Batch { process = 1, spans = 2 } of jaeger.thrift, in the binary protocol, into a sink. Throws MalformedError. */
export function readBatch(body: Uint8Array, sink: SpanSink): void {
  const reader = new ThriftReader(body);
  const starts = { process: -1, spans: -1 };
  // Fields may come in any order, and spans can only be written after their process is known.
  reader.struct((id, type) => {
    if (id === 1 && type === types.struct) starts.process = reader.position;
    if (id === 2 && type === types.list) starts.spans = reader.position;
    return false;
  });
  if (starts.process < 0) throw reader.malformed('the batch has no process');
  if (starts.spans < 0) throw reader.malformed('the batch has no spans');
  reader.position = starts.process;
  sink.resource(processAttributes(reader));
  const process = body.subarray(starts.process, reader.position);
  reader.position = starts.spans;
  let index = 0;
  reader.list(types.struct, () => {
    const start = reader.position;
    const span = readSpan(reader);
    const reason = reasonAgainst(span);
    if (reason === undefined) write(span, sink);
    else sink.reject(`spans[${index}]: ${reason}`, batchOf(process, body.subarray(start, reader.position)));
    index += 1;
  });
}

/** A batch of one span: without its process nobody knows whose it is. */
const batchOf = (process: Uint8Array, span: Uint8Array): Uint8Array =>
  Buffer.concat([processHead, process, spansHead, span, Buffer.from([types.stop])]);
const processHead = Buffer.from([types.struct, 0, 1]);
const spansHead = Buffer.from([types.list, 0, 2, types.struct, 0, 0, 0, 1]);

/** Process { serviceName = 1, tags = 2 }. */
function processAttributes(reader: ThriftReader): Attribute[] {
  let service = '';
  let tags = new Map<string, AttributeValue>();
  reader.struct((id, type) => {
    if (id === 1 && type === types.string) service = reader.text();
    else if (id === 2 && type === types.list) tags = readTags(reader);
    else return false;
    return true;
  });
  const named = takeText(tags, 'service.name');
  if (service === '') service = named;
  const attributes: Attribute[] = service === '' ? [] : [['service.name', service]];
  for (const [key, value] of tags) attributes.push([processNames.get(key) ?? key, value]);
  return attributes;
}

function readSpan(reader: ThriftReader): JaegerSpan {
  const span: JaegerSpan = {
    traceLow: 0n,
    traceHigh: 0n,
    spanId: 0n,
    parentId: 0n,
    name: '',
    references: [],
    startUs: 0n,
    durationUs: 0n,
    tags: new Map(),
    logs: [],
  };
  reader.struct((id, type) => {
    if (id === 1 && type === types.i64) span.traceLow = reader.i64();
    else if (id === 2 && type === types.i64) span.traceHigh = reader.i64();
    else if (id === 3 && type === types.i64) span.spanId = reader.i64();
    else if (id === 4 && type === types.i64) span.parentId = reader.i64();
    else if (id === 5 && type === types.string) span.name = reader.text();
    else if (id === 6 && type === types.list)
      reader.list(types.struct, () => add(reader, span.references, readReference(reader)));
    else if (id === 8 && type === types.i64) span.startUs = reader.i64();
    else if (id === 9 && type === types.i64) span.durationUs = reader.i64();
    else if (id === 10 && type === types.list) span.tags = readTags(reader);
    else if (id === 11 && type === types.list)
      reader.list(types.struct, () => add(reader, span.logs, readLog(reader)));
    else return false;
    return true;
  });
  return span;
}

function add<Part>(reader: ThriftReader, parts: Part[], part: Part): void {
  if (parts.length === partsMax)
    throw reader.malformed(`a span has more than ${partsMax} logs or references`);
  parts.push(part);
}

/** SpanRef { refType = 1, traceIdLow = 2, traceIdHigh = 3, spanId = 4 }; refType 1 is FOLLOWS_FROM. */
function readReference(reader: ThriftReader): Reference {
  const reference: Reference = { followsFrom: false, traceLow: 0n, traceHigh: 0n, spanId: 0n };
  reader.struct((id, type) => {
    if (id === 1 && type === types.i32) reference.followsFrom = reader.i32() === 1;
    else if (id === 2 && type === types.i64) reference.traceLow = reader.i64();
    else if (id === 3 && type === types.i64) reference.traceHigh = reader.i64();
    else if (id === 4 && type === types.i64) reference.spanId = reader.i64();
    else return false;
    return true;
  });
  return reference;
}

/** Log { timestamp = 1, fields = 2 }: its field `event` is the event's name. */
function readLog(reader: ThriftReader): SpanEvent {
  let timeNs = 0n;
  let fields = new Map<string, AttributeValue>();
  reader.struct((id, type) => {
    if (id === 1 && type === types.i64) timeNs = nanosecondsOf(reader.i64());
    else if (id === 2 && type === types.list) fields = readTags(reader);
    else return false;
    return true;
  });
  const name = takeText(fields, 'event');
  return { timeNs, name, attributes: [...fields] };
}

function readTags(reader: ThriftReader): Map<string, AttributeValue> {
  const tags = new Map<string, AttributeValue>();
  reader.list(types.struct, () => readTag(reader, tags));
  return tags;
}

/** Tag { key = 1, vType = 2, vStr = 3, vDouble = 4, vBool = 5, vLong = 6, vBinary = 7 }; the value that is there counts. */
function readTag(reader: ThriftReader, tags: Map<string, AttributeValue>): void {
  let key = '';
  let value: AttributeValue = '';
  reader.struct((id, type) => {
    if (id === 1 && type === types.string) key = reader.text();
    else if (id === 3 && type === types.string) value = reader.text();
    else if (id === 4 && type === types.double) value = reader.double();
    else if (id === 5 && type === types.bool) value = reader.bool();
    else if (id === 6 && type === types.i64) value = reader.i64();
    else if (id === 7 && type === types.string) value = reader.binary();
    else return false;
    return true;
  });
  tags.set(key, value);
}

function reasonAgainst(span: JaegerSpan): string | undefined {
  if (span.traceLow === 0n && span.traceHigh === 0n) return 'traceIdLow and traceIdHigh are 0';
  return span.spanId === 0n ? 'spanId is 0' : undefined;
}

function write(span: JaegerSpan, sink: SpanSink): void {
  const { tags } = span;
  const { parentId, links } = parentAndLinks(span);
  sink.record({
    traceId: traceIdOf(span),
    spanId: idOf(span.spanId),
    parentId: parentId === 0n ? new Uint8Array(0) : idOf(parentId),
    traceState: takeText(tags, 'w3c.tracestate'),
    name: span.name,
    kind: takeKind(tags),
    startNs: nanosecondsOf(span.startUs),
    durationNs: nanosecondsOf(span.durationUs),
    scope: takeScope(tags),
    ...takeStatus(tags),
    attributes: [...tags],
    events: span.logs,
    links,
  });
}

/** A kind that is none of OpenTelemetry's stays what it was. */
function takeKind(tags: Map<string, AttributeValue>): SpanKind {
  const sent = String(tags.get('span.kind') ?? '').toLowerCase();
  const kind = kinds.get(sent);
  if (kind !== undefined || sent === 'internal') tags.delete('span.kind');
  return kind ?? spanKinds.internal;
}

/** The parent is the span's own field, else the first CHILD_OF of the same trace; every other reference is a link. */
function parentAndLinks(span: JaegerSpan): { parentId: bigint; links: SpanLink[] } {
  let { parentId } = span;
  const links: SpanLink[] = [];
  for (const reference of span.references) {
    const sameTrace = reference.traceLow === span.traceLow && reference.traceHigh === span.traceHigh;
    const child = sameTrace && !reference.followsFrom;
    if (child && parentId === 0n) parentId = reference.spanId;
    if (child && parentId === reference.spanId) continue;
    links.push({
      traceId: traceIdOf(reference),
      spanId: idOf(reference.spanId),
      attributes: [['opentracing.ref_type', reference.followsFrom ? 'follows_from' : 'child_of']],
    });
  }
  return { parentId, links };
}

function traceIdOf({ traceLow, traceHigh }: { traceLow: bigint; traceHigh: bigint }): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes.writeBigInt64BE(traceHigh, 0);
  bytes.writeBigInt64BE(traceLow, 8);
  return bytes;
}

function idOf(id: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(id);
  return bytes;
}
