import { ByteBuffer, ClewError } from '../lib/index.ts';
import { varint64 } from './otlp/json.ts';
import { TracesTranscoder } from './otlp/traces.ts';
import { Rejections, type Transcoded, type TranscodeLimits } from './otlp/transcoder.ts';

export type AttributeValue = string | number | bigint | boolean | Uint8Array;
export type Attribute = readonly [key: string, value: AttributeValue];

export interface SpanEvent {
  /** Nanoseconds since 1970; 0n when the sender said nothing. */
  timeNs: bigint;
  name: string;
  attributes: readonly Attribute[];
}

export interface SpanLink {
  traceId: Uint8Array;
  spanId: Uint8Array;
  attributes: readonly Attribute[];
}

/** One span as a receiver understood it, in the terms of OpenTelemetry. */
export interface SpanRecord {
  /** 16 bytes. */
  traceId: Uint8Array;
  /** 8 bytes. */
  spanId: Uint8Array;
  /** 8 bytes, or none. */
  parentId: Uint8Array;
  traceState: string;
  name: string;
  kind: SpanKind;
  /** Nanoseconds since 1970; 0n when the sender said nothing. */
  startNs: bigint;
  durationNs: bigint;
  scope: { name: string; version: string };
  attributes: readonly Attribute[];
  events: readonly SpanEvent[];
  links: readonly SpanLink[];
  status: SpanStatus;
  statusMessage: string;
}

/** Numbers of opentelemetry.proto.trace.v1. */
export const spanKinds = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;
export type SpanKind = (typeof spanKinds)[keyof typeof spanKinds];
const spanStatuses = { unset: 0, ok: 1, error: 2 } as const;
type SpanStatus = (typeof spanStatuses)[keyof typeof spanStatuses];

/**
 * A resource is written again for each of its spans, so a megabyte of process tags and a million empty spans would fill
 * the memory. 32 MB of real spans are some ten thousand with some tens of attributes.
 */
const cellsMax = 8_000_000;
/** What a row takes besides its attributes, in the same measure. */
const cellsOfRow = 8;
/** What an event or a link takes. */
const cellsOfPart = 4;
/** Events or links of one span; an empty one takes a byte on the wire and a hundred in memory. SDKs stop at 128. */
export const partsMax = 65_536;
const timeNsEnd = 1n << 63n;

/**
 * Rows of `otel_traces` for every protocol but OTLP: spans are written as the OTLP request that their sender could have
 * made, which the one transcoder then reads, so that limits, marks and time rule are the same.
 */
export class SpanSink {
  private readonly transcoder: TracesTranscoder;
  private readonly rejections = new Rejections();
  private readonly out = new ByteBuffer(4096);
  private readonly resourceSpans = new ByteBuffer(4096);
  private readonly scopeSpans = new ByteBuffer(4096);
  private readonly span = new ByteBuffer(1024);
  private readonly part = new ByteBuffer(256);
  private readonly pair = new ByteBuffer(256);
  private readonly value = new ByteBuffer(256);
  private readonly text = new ByteBuffer(256);
  private scope = { name: '', version: '' };
  private cells = 0;
  private resourceCells = 0;

  constructor(limits: TranscodeLimits) {
    this.transcoder = new TracesTranscoder(limits);
  }

  /** `fill` writes the spans of one request; what it throws is passed on, and nothing of the request is left then. */
  collect(tenant: string, nowMs: number, fill: () => void): Transcoded {
    try {
      fill();
      this.endResource();
      const bytes = this.out.bytes.subarray(0, this.out.length);
      const { blocks, records, rejected, rejections } = this.transcoder.transcode(tenant, bytes, nowMs);
      const own = this.rejections.take();
      return {
        blocks,
        records,
        rejected: rejected + own.rejected,
        rejections: [...own.rejections, ...rejections],
      };
    } finally {
      for (const buffer of [this.out, this.resourceSpans, this.scopeSpans, this.span]) buffer.reset();
      for (const buffer of [this.part, this.pair, this.value, this.text]) buffer.reset();
      this.rejections.take();
      this.cells = 0;
    }
  }

  /** Whose spans follow. */
  resource(attributes: readonly Attribute[]): void {
    this.endResource();
    this.resourceCells = attributes.length;
    this.part.length = 0;
    for (const attribute of attributes) this.attribute(this.part, 0x0a, attribute);
    nested(this.resourceSpans, 0x0a, this.part);
  }

  record(span: SpanRecord): void {
    const { attributes, events, links } = span;
    this.count(this.resourceCells + attributes.length + (events.length + links.length) * cellsOfPart);
    const { name, version } = span.scope;
    if (name !== this.scope.name || version !== this.scope.version) {
      this.endScope();
      this.scope = { name, version };
    }
    this.write(span);
    nested(this.scopeSpans, 0x12, this.span);
  }

  /** Counts spans that can't be kept; their bytes become a dead letter. */
  reject(reason: string, payload: Uint8Array): void {
    this.count(0);
    this.rejections.add(reason, payload, 0, payload.length);
  }

  private count(cells: number): void {
    this.cells += cellsOfRow + cells;
    if (this.cells <= cellsMax) return;
    throw new ClewError(
      'too_large',
      `The request becomes more than ${cellsMax} values, attributes of the process counted for each span. Send smaller batches.`,
    );
  }

  private write(span: SpanRecord): void {
    const { span: out, part } = this;
    out.length = 0;
    bytesField(out, 0x0a, span.traceId);
    bytesField(out, 0x12, span.spanId);
    this.textField(out, 0x1a, span.traceState);
    bytesField(out, 0x22, span.parentId);
    this.textField(out, 0x2a, span.name);
    out.byte(0x30);
    out.varint(span.kind);
    const start = storable(span.startNs);
    fixed64(out, 0x39, start);
    fixed64(out, 0x41, storable(start + (span.durationNs > 0n ? span.durationNs : 0n)));
    for (const attribute of span.attributes) this.attribute(out, 0x4a, attribute);
    for (const event of span.events) {
      part.length = 0;
      fixed64(part, 0x09, storable(event.timeNs));
      this.textField(part, 0x12, event.name);
      for (const attribute of event.attributes) this.attribute(part, 0x1a, attribute);
      nested(out, 0x5a, part);
    }
    for (const link of span.links) {
      part.length = 0;
      bytesField(part, 0x0a, link.traceId);
      bytesField(part, 0x12, link.spanId);
      for (const attribute of link.attributes) this.attribute(part, 0x22, attribute);
      nested(out, 0x6a, part);
    }
    part.length = 0;
    this.textField(part, 0x12, span.statusMessage);
    part.byte(0x18);
    part.varint(span.status);
    nested(out, 0x7a, part);
  }

  /** KeyValue { key = 1, value = 2 }. */
  private attribute(out: ByteBuffer, tag: number, [key, given]: Attribute): void {
    const { pair, value } = this;
    value.length = 0;
    if (typeof given === 'string') this.textField(value, 0x0a, given);
    else if (typeof given === 'boolean') {
      value.byte(0x10);
      value.byte(given ? 1 : 0);
    } else if (typeof given === 'bigint') {
      value.byte(0x18);
      varint64(value, BigInt.asUintN(64, given));
    } else if (typeof given === 'number') {
      value.byte(0x21);
      value.float64(given);
    } else bytesField(value, 0x3a, given);
    pair.length = 0;
    this.textField(pair, 0x0a, key);
    nested(pair, 0x12, value);
    nested(out, tag, pair);
  }

  private textField(out: ByteBuffer, tag: number, text: string): void {
    if (text === '') return;
    this.text.length = 0;
    this.text.text(text);
    nested(out, tag, this.text);
  }

  private endScope(): void {
    if (this.scopeSpans.length > 0) {
      this.part.length = 0;
      this.textField(this.part, 0x0a, this.scope.name);
      this.textField(this.part, 0x12, this.scope.version);
      nested(this.scopeSpans, 0x0a, this.part);
      nested(this.resourceSpans, 0x12, this.scopeSpans);
    }
    this.scopeSpans.length = 0;
  }

  private endResource(): void {
    this.endScope();
    if (this.resourceSpans.length > 0) nested(this.out, 0x0a, this.resourceSpans);
    this.resourceSpans.length = 0;
  }
}

function nested(out: ByteBuffer, tag: number, content: ByteBuffer): void {
  out.byte(tag);
  out.varint(content.length);
  out.raw(content.bytes, 0, content.length);
}

function bytesField(out: ByteBuffer, tag: number, bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  out.byte(tag);
  out.varint(bytes.length);
  out.raw(bytes, 0, bytes.length);
}

function fixed64(out: ByteBuffer, tag: number, value: bigint): void {
  out.byte(tag);
  out.uint64(Number(value & 0xffff_ffffn), Number(value >> 32n));
}

/** Before 1970 counts as not said; what 63 bits don't hold was sent by a broken clock and is treated like the far future. */
const storable = (ns: bigint): bigint => (ns < 0n ? 0n : ns < timeNsEnd ? ns : timeNsEnd - 1n);

/** Microseconds, as Zipkin and Jaeger send them, as nanoseconds. */
export const nanosecondsOf = (us: bigint): bigint => us * 1000n;

/** Takes the value of the first of `names` out; '' when none is there. */
export function takeText(tags: Map<string, AttributeValue>, ...names: readonly string[]): string {
  for (const name of names) {
    const value = tags.get(name);
    if (value === undefined) continue;
    tags.delete(name);
    if (value !== '') return value instanceof Uint8Array ? '' : String(value);
  }
  return '';
}

/** Name and version of the instrumentation, as exporters to formats without a field for it write them. */
export const takeScope = (tags: Map<string, AttributeValue>): { name: string; version: string } => ({
  name: takeText(tags, 'otel.scope.name', 'otel.library.name'),
  version: takeText(tags, 'otel.scope.version', 'otel.library.version'),
});

/**
 * Status from the tags `otel.status_code`, `otel.status_description` and `error`. An `error` that says "false" is no
 * error; one with another text carries the description.
 */
export function takeStatus(tags: Map<string, AttributeValue>): { status: SpanStatus; statusMessage: string } {
  const code = takeText(tags, 'otel.status_code').toUpperCase();
  if (code === 'OK') return { status: spanStatuses.ok, statusMessage: '' };
  const known = tags.has('error');
  const error = takeText(tags, 'error');
  const failed = code === 'ERROR' || (known && error.toLowerCase() !== 'false');
  if (!failed) return { status: spanStatuses.unset, statusMessage: '' };
  const described = takeText(tags, 'otel.status_description');
  const statusMessage = described !== '' || error.toLowerCase() === 'true' ? described : error;
  return { status: spanStatuses.error, statusMessage };
}
