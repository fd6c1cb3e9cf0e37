import {
  type Attribute,
  type AttributeValue,
  nanosecondsOf,
  type SpanEvent,
  type SpanKind,
  type SpanSink,
  spanKinds,
  takeScope,
  takeStatus,
  takeText,
} from '../span-sink.ts';

/** A span of Zipkin's v2 model, from JSON or protobuf; '' and 0 where the sender said nothing. */
export interface ZipkinSpan {
  /** Hexadecimal, up to 32 digits. */
  traceId: string;
  /** Hexadecimal, up to 16 digits; so is `parentId`. */
  id: string;
  parentId: string;
  /** `CLIENT`, `SERVER`, `PRODUCER`, `CONSUMER`; '' for a local span. */
  kind: string;
  name: string;
  timestampUs: bigint;
  durationUs: bigint;
  local: ZipkinEndpoint;
  remote: ZipkinEndpoint;
  annotations: readonly { timestampUs: bigint; value: string }[];
  tags: Map<string, AttributeValue>;
}

export interface ZipkinEndpoint {
  service: string;
  address: string;
  port: number;
}

const kinds = new Map<string, SpanKind>([
  ['CLIENT', spanKinds.client],
  ['SERVER', spanKinds.server],
  ['PRODUCER', spanKinds.producer],
  ['CONSUMER', spanKinds.consumer],
]);

/** Zipkin has no resource: exporters write its attributes as tags, these semantic conventions tell them apart. */
const resourceTag = /^(service|telemetry|host|os|process|container|k8s|deployment|cloud)\./;

/** Spans of one request into a sink; spans of the same resource that follow each other share it. */
export class ZipkinWriter {
  private readonly sink: SpanSink;
  private resource = '';

  constructor(sink: SpanSink) {
    this.sink = sink;
  }

  begin(): void {
    this.resource = '';
  }

  /** Undefined when the span was written, otherwise why it can't be kept. */
  span(span: ZipkinSpan): string | undefined {
    const traceId = idOf(span.traceId, 16);
    if (traceId === undefined)
      return `traceId ${shown(span.traceId)} is not 16 or 32 hexadecimal digits, not all 0`;
    const spanId = idOf(span.id, 8);
    if (spanId === undefined) return `id ${shown(span.id)} is not 16 hexadecimal digits, not all 0`;
    const parentId = /^0*$/.test(span.parentId) ? new Uint8Array(0) : idOf(span.parentId, 8);
    if (parentId === undefined) return `parentId ${shown(span.parentId)} is not 16 hexadecimal digits`;
    const { tags } = span;
    this.useResource(span);
    const scope = takeScope(tags);
    const status = takeStatus(tags);
    const kind = kinds.get(span.kind) ?? spanKinds.internal;
    endpoints(tags, span, kind);
    this.sink.record({
      traceId,
      spanId,
      parentId,
      traceState: '',
      name: span.name,
      kind,
      startNs: nanosecondsOf(span.timestampUs),
      durationNs: nanosecondsOf(span.durationUs),
      scope,
      attributes: [...tags],
      events: span.annotations.map(eventOf),
      links: [],
      ...status,
    });
    return undefined;
  }

  private useResource({ tags, local }: ZipkinSpan): void {
    const named = takeText(tags, 'service.name');
    const service = local.service === '' ? named : local.service;
    const attributes: Attribute[] = service === '' ? [] : [['service.name', service]];
    for (const [key, value] of tags) {
      if (!resourceTag.test(key)) continue;
      attributes.push([key, value]);
      tags.delete(key);
    }
    const key = JSON.stringify(attributes);
    if (key === this.resource) return;
    this.resource = key;
    this.sink.resource(attributes);
  }
}

/** Both ends of the connection under their names of the semantic conventions, unless tags say them already. */
function endpoints(tags: Map<string, AttributeValue>, { local, remote }: ZipkinSpan, kind: SpanKind): void {
  const add = (key: string, value: AttributeValue) => {
    if (value !== '' && value !== 0n && !tags.has(key)) tags.set(key, value);
  };
  const outgoing = kind === spanKinds.client || kind === spanKinds.producer;
  add('network.local.address', local.address);
  add('network.local.port', BigInt(local.port));
  add('peer.service', remote.service);
  add('network.peer.address', remote.address);
  add('network.peer.port', BigInt(remote.port));
  if (!outgoing || remote.address === '' || tags.has('server.address') || tags.has('net.peer.name')) return;
  add('server.address', remote.address);
  add('server.port', BigInt(remote.port));
}

/** The form in which OpenTelemetry's rules write an event that has attributes. */
const annotated = /^("(?:[^"\\]|\\.)*")\s*:\s*(\{.*\})\s*$/s;

/** Longer annotations are not looked at for that form: the expression above would need as much stack. */
const annotatedLengthMax = 65_536;

function eventOf({ timestampUs, value }: { timestampUs: bigint; value: string }): SpanEvent {
  const timeNs = nanosecondsOf(timestampUs);
  const [, name, attributes] = value.length > annotatedLengthMax ? [] : (annotated.exec(value) ?? []);
  if (name === undefined || attributes === undefined) return { timeNs, name: value, attributes: [] };
  try {
    const parsed: unknown = JSON.parse(attributes);
    const entries = typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : [];
    return {
      timeNs,
      name: String(JSON.parse(name)),
      attributes: entries.map(([key, item]): Attribute => [key, eventValue(item)]),
    };
  } catch {
    // A text that only looks like it, or one that is nested too deeply to be written again.
    return { timeNs, name: value, attributes: [] };
  }
}

function eventValue(item: unknown): AttributeValue {
  if (typeof item === 'string' || typeof item === 'boolean') return item;
  if (typeof item === 'number') return Number.isSafeInteger(item) ? BigInt(item) : item;
  return JSON.stringify(item) ?? '';
}

const shown = (id: string): string => JSON.stringify(id.slice(0, 40));

/** Ids of 64 bits, and those that lost their leading zeros, are filled up from the left. */
function idOf(text: string, bytes: number): Uint8Array | undefined {
  if (text.length > bytes * 2 || !/^[0-9a-fA-F]*[1-9a-fA-F][0-9a-fA-F]*$/.test(text)) return undefined;
  return Buffer.from(text.padStart(bytes * 2, '0'), 'hex');
}
