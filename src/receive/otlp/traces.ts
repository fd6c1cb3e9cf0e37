import { ArrayColumn, FixedColumn, LowCardinalityColumn, MapColumn, StringColumn } from '../../lib/index.ts';
import { AttributeRules, appendKeyValue, cutAt, Marks, rendered, type TextColumn } from './attributes.ts';
import { enclosed } from './enclose.ts';
import { internServiceName, type Range, RepeatedMap, readEnvelope, readScope } from './resource.ts';
import { nanosecondsText, TimeRule } from './time.ts';
import {
  blocksOf,
  Rejections,
  type Transcoded,
  type TranscodeLimits,
  type Transcoder,
} from './transcoder.ts';
import { Wire } from './wire.ts';

const time = "DateTime64(9, 'UTC')";
const makeColumns = () => ({
  Tenant: new LowCardinalityColumn(),
  Timestamp: new FixedColumn(time),
  TraceId: new StringColumn(),
  SpanId: new StringColumn(),
  ParentSpanId: new StringColumn(),
  TraceState: new StringColumn(),
  SpanName: new LowCardinalityColumn(),
  SpanKind: new LowCardinalityColumn(),
  ServiceName: new LowCardinalityColumn(),
  ResourceAttributes: new MapColumn(new LowCardinalityColumn()),
  ScopeName: new LowCardinalityColumn(),
  ScopeVersion: new LowCardinalityColumn(),
  SpanAttributes: new MapColumn(new StringColumn()),
  Duration: new FixedColumn('UInt64'),
  StatusCode: new LowCardinalityColumn(),
  StatusMessage: new StringColumn(),
  'Events.Timestamp': new ArrayColumn(new FixedColumn(time)),
  'Events.Name': new ArrayColumn(new LowCardinalityColumn()),
  'Events.Attributes': new ArrayColumn(new MapColumn(new StringColumn())),
  'Links.TraceId': new ArrayColumn(new StringColumn()),
  'Links.SpanId': new ArrayColumn(new StringColumn()),
  'Links.TraceState': new ArrayColumn(new StringColumn()),
  'Links.Attributes': new ArrayColumn(new MapColumn(new StringColumn())),
});

/** Names as the OpenTelemetry ClickHouse exporter writes them. */
const kindNames = ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'];
const statusNames = ['Unset', 'Ok', 'Error'];

interface SpanFields {
  traceId: Range;
  spanId: Range;
  parentId: Range;
  traceState: Range;
  name: Range;
  message: Range;
  kind: number;
  status: number;
  startLow: number;
  startHigh: number;
  endLow: number;
  endHigh: number;
}

const emptyRange = (): Range => ({ start: 0, end: 0 });
const newFields = (): SpanFields => ({
  traceId: emptyRange(),
  spanId: emptyRange(),
  parentId: emptyRange(),
  traceState: emptyRange(),
  name: emptyRange(),
  message: emptyRange(),
  kind: 0,
  status: 0,
  startLow: 0,
  startHigh: 0,
  endLow: 0,
  endHigh: 0,
});

/** ExportTraceServiceRequest to one block of `otel_traces`. */
export class TracesTranscoder implements Transcoder {
  private readonly columns = makeColumns();
  private readonly resourceMap = new RepeatedMap(this.columns.ResourceAttributes);
  private readonly marks = new Marks();
  private readonly eventMarks = new Marks();
  private readonly fields = newFields();
  private readonly rules: AttributeRules;
  private readonly time: TimeRule;
  private readonly rejections = new Rejections();
  private rows = 0;
  private kindKeys: number[] = [];
  private statusKeys: number[] = [];
  private keys = { tenant: 0, service: 0, scopeName: 0, scopeVersion: 0 };
  private resource: Range = emptyRange();

  constructor(limits: TranscodeLimits) {
    this.rules = new AttributeRules(limits);
    this.time = new TimeRule(limits.clockSkewS);
  }

  transcode(tenant: string, body: Uint8Array, nowMs: number): Transcoded {
    this.rows = 0;
    this.rules.tenant = tenant;
    this.time.receivedAt(nowMs);
    try {
      const wire = new Wire(body);
      this.keys.tenant = this.columns.Tenant.internText(tenant);
      this.kindKeys = kindNames.map((name) => this.columns.SpanKind.internText(name));
      this.statusKeys = statusNames.map((name) => this.columns.StatusCode.internText(name));
      while (wire.position < body.length) {
        const tag = wire.tag(body.length);
        if (tag === 0x0a) this.resourceSpans(wire, wire.length(body.length));
        else wire.skip(tag, body.length);
      }
      const rows = this.rows;
      const blocks = blocksOf('otel_traces', this.columns, rows);
      return { blocks, records: rows, ...this.rejections.take() };
    } finally {
      for (const column of Object.values(this.columns)) column.reset();
      this.marks.reset();
      this.eventMarks.reset();
      this.resourceMap.reset();
      this.rejections.take();
    }
  }

  private resourceSpans(wire: Wire, end: number): void {
    const { head } = readEnvelope(wire, end);
    this.resource = head;
    this.resourceMap.begin();
    this.keys.service = internServiceName(wire, head, this.columns.ServiceName);
    while (wire.position < end) {
      const tag = wire.tag(end);
      if (tag === 0x12) this.scopeSpans(wire, wire.length(end));
      else wire.skip(tag, end);
    }
  }

  private scopeSpans(wire: Wire, end: number): void {
    const { columns, keys } = this;
    const { head } = readEnvelope(wire, end);
    const { name, version } = readScope(wire, head);
    keys.scopeName = columns.ScopeName.intern(wire.bytes, name.start, name.end);
    keys.scopeVersion = columns.ScopeVersion.intern(wire.bytes, version.start, version.end);
    const before = this.rows;
    while (wire.position < end) {
      const tag = wire.tag(end);
      if (tag !== 0x12) {
        wire.skip(tag, end);
        continue;
      }
      const stop = wire.length(end);
      const start = wire.position;
      readFields(wire, stop, this.fields);
      const reason = invalid(wire, this.fields);
      if (reason === undefined) {
        wire.position = start;
        this.span(wire, stop);
        this.rows += 1;
      } else {
        const span = wire.bytes.subarray(start, stop);
        this.rejections.addMade(reason, () => enclosed(wire.bytes, this.resource, head, span));
      }
      wire.position = stop;
    }
    this.common(wire, this.rows - before);
  }

  /** What all spans of a scope share, for the last `count` spans. */
  private common(wire: Wire, count: number): void {
    const { columns, keys } = this;
    columns.Tenant.run(keys.tenant, count);
    columns.ServiceName.run(keys.service, count);
    columns.ScopeName.run(keys.scopeName, count);
    columns.ScopeVersion.run(keys.scopeVersion, count);
    this.resourceMap.rows(wire, this.resource, 0x0a, this.rules, count);
  }

  private span(wire: Wire, end: number): void {
    const { columns, fields } = this;
    const bytes = wire.bytes;
    this.times();
    columns.TraceId.hex(bytes, fields.traceId.start, fields.traceId.end);
    columns.SpanId.hex(bytes, fields.spanId.start, fields.spanId.end);
    if (isZero(bytes, fields.parentId)) columns.ParentSpanId.bytes(bytes, 0, 0);
    else columns.ParentSpanId.hex(bytes, fields.parentId.start, fields.parentId.end);
    columns.TraceState.bytes(bytes, fields.traceState.start, fields.traceState.end);
    this.text(columns.SpanName, bytes, fields.name, spanNameBytesMax, this.marks, 'name');
    columns.SpanKind.index(this.kindKeys[fields.kind] ?? this.kindKeys[0] ?? 0);
    columns.StatusCode.index(this.statusKeys[fields.status] ?? this.statusKeys[0] ?? 0);
    const { bytesMax } = this.rules;
    this.text(columns.StatusMessage, bytes, fields.message, bytesMax, this.marks, 'status.message');
    while (wire.position < end) {
      const tag = wire.tag(end);
      if (tag === 0x4a) {
        const stop = wire.length(end);
        appendKeyValue(wire, stop, columns.SpanAttributes, this.rules, this.marks);
      } else if (tag === 0x5a) this.event(wire, wire.length(end));
      else if (tag === 0x6a) this.link(wire, wire.length(end));
      else wire.skip(tag, end);
    }
    if (this.marks.any) this.marks.write(columns.SpanAttributes);
    columns.SpanAttributes.endRow();
    for (const name of arrayNames) columns[name].endRow();
  }

  /** A text of the span without what is to be hidden, not longer than `bytesMax`. */
  private text(
    column: TextColumn,
    bytes: Uint8Array,
    range: Range,
    bytesMax: number,
    marks: Marks,
    name: string,
  ): void {
    if (this.rules.hides(bytes, range.start, range.end)) {
      const shown = { start: 0, end: rendered.end };
      column.bytes(rendered.bytes, 0, cutOf(rendered.bytes, shown, bytesMax, marks, name));
    } else column.bytes(bytes, range.start, cutOf(bytes, range, bytesMax, marks, name));
  }

  private times(): void {
    const { columns, fields, marks } = this;
    const fate = this.time.apply(fields.startLow, fields.startHigh);
    columns.Timestamp.uint64(this.time.low, this.time.high);
    if (fate === 'missing') marks.extra.push(['clew.time', 'received']);
    if (fate === 'skewed')
      marks.extra.push(['clew.time_sent', nanosecondsText(fields.startLow, fields.startHigh)]);
    // The length of a span is right whatever its clock says; an end before the start is a length of zero.
    const borrow = fields.endLow < fields.startLow ? 1 : 0;
    const high = fields.endHigh - fields.startHigh - borrow;
    const backwards = high < 0 || (fields.endLow === 0 && fields.endHigh === 0) || fate === 'missing';
    columns.Duration.uint64(backwards ? 0 : (fields.endLow - fields.startLow) >>> 0, backwards ? 0 : high);
  }

  private event(wire: Wire, end: number): void {
    const { columns, eventMarks } = this;
    const attributes = columns['Events.Attributes'].items;
    const name = emptyRange();
    let low = 0;
    let high = 0;
    while (wire.position < end) {
      const tag = wire.tag(end);
      if (tag === 0x09) {
        wire.fixed64(end);
        low = wire.low;
        high = wire.high;
      } else if (tag === 0x12) readRange(wire, end, name);
      else if (tag === 0x1a) appendKeyValue(wire, wire.length(end), attributes, this.rules, eventMarks);
      else wire.skip(tag, end);
    }
    const fate = this.time.apply(low, high);
    if (fate === 'skewed') eventMarks.extra.push(['clew.time_sent', nanosecondsText(low, high)]);
    columns['Events.Timestamp'].items.uint64(this.time.low, this.time.high);
    this.text(columns['Events.Name'].items, wire.bytes, name, spanNameBytesMax, eventMarks, 'name');
    if (eventMarks.any) eventMarks.write(attributes);
    attributes.endRow();
  }

  private link(wire: Wire, end: number): void {
    const { columns, eventMarks } = this;
    const attributes = columns['Links.Attributes'].items;
    const traceId = emptyRange();
    const spanId = emptyRange();
    const state = emptyRange();
    while (wire.position < end) {
      const tag = wire.tag(end);
      if (tag === 0x0a) readRange(wire, end, traceId);
      else if (tag === 0x12) readRange(wire, end, spanId);
      else if (tag === 0x1a) readRange(wire, end, state);
      else if (tag === 0x22) appendKeyValue(wire, wire.length(end), attributes, this.rules, eventMarks);
      else wire.skip(tag, end);
    }
    columns['Links.TraceId'].items.hex(wire.bytes, traceId.start, Math.min(traceId.end, traceId.start + 64));
    columns['Links.SpanId'].items.hex(wire.bytes, spanId.start, Math.min(spanId.end, spanId.start + 64));
    columns['Links.TraceState'].items.bytes(wire.bytes, state.start, state.end);
    if (eventMarks.any) eventMarks.write(attributes);
    attributes.endRow();
  }
}

const arrayNames = [
  'Events.Timestamp',
  'Events.Name',
  'Events.Attributes',
  'Links.TraceId',
  'Links.SpanId',
  'Links.TraceState',
  'Links.Attributes',
] as const;

/** Span and event names are dictionary entries: one that holds a whole statement is cut. */
const spanNameBytesMax = 4096;

function readRange(wire: Wire, end: number, range: Range): void {
  range.end = wire.length(end);
  range.start = wire.position;
  wire.position = range.end;
}

function readFields(wire: Wire, end: number, fields: SpanFields): void {
  const { traceId, spanId, parentId, traceState, name, message } = fields;
  fields.kind = fields.status = 0;
  fields.startLow = fields.startHigh = fields.endLow = fields.endHigh = 0;
  traceId.start = traceId.end = spanId.start = spanId.end = 0;
  parentId.start = parentId.end = traceState.start = traceState.end = 0;
  name.start = name.end = message.start = message.end = 0;
  while (wire.position < end) {
    const tag = wire.tag(end);
    switch (tag) {
      case 0x0a:
        readRange(wire, end, traceId);
        break;
      case 0x12:
        readRange(wire, end, spanId);
        break;
      case 0x1a:
        readRange(wire, end, traceState);
        break;
      case 0x22:
        readRange(wire, end, parentId);
        break;
      case 0x2a:
        readRange(wire, end, name);
        break;
      case 0x30:
        wire.varint(end);
        fields.kind = wire.low;
        break;
      case 0x39:
        wire.fixed64(end);
        fields.startLow = wire.low;
        fields.startHigh = wire.high;
        break;
      case 0x41:
        wire.fixed64(end);
        fields.endLow = wire.low;
        fields.endHigh = wire.high;
        break;
      case 0x7a:
        readStatus(wire, wire.length(end), fields);
        break;
      default:
        wire.skip(tag, end);
    }
  }
}

function readStatus(wire: Wire, end: number, fields: SpanFields): void {
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag === 0x12) readRange(wire, end, fields.message);
    else if (tag === 0x18) {
      wire.varint(end);
      fields.status = wire.low;
    } else wire.skip(tag, end);
  }
}

function isZero(bytes: Uint8Array, range: Range): boolean {
  for (let i = range.start; i < range.end; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** Why a span can't be kept: without its ids it belongs to no trace. */
function invalid(wire: Wire, fields: SpanFields): string | undefined {
  const { traceId, spanId, parentId } = fields;
  if (traceId.end - traceId.start !== 16 || isZero(wire.bytes, traceId)) {
    return `trace_id has ${traceId.end - traceId.start} bytes; 16 bytes, not all zero, are needed`;
  }
  if (spanId.end - spanId.start !== 8 || isZero(wire.bytes, spanId)) {
    return `span_id has ${spanId.end - spanId.start} bytes; 8 bytes, not all zero, are needed`;
  }
  const parentBytes = parentId.end - parentId.start;
  if (parentBytes !== 0 && parentBytes !== 8)
    return `parent_span_id has ${parentBytes} bytes; 0 or 8 are needed`;
  return undefined;
}

function cutOf(bytes: Uint8Array, range: Range, bytesMax: number, marks: Marks, name: string): number {
  if (range.end - range.start <= bytesMax) return range.end;
  marks.truncated.push(name);
  return cutAt(bytes, range.start, bytesMax);
}
