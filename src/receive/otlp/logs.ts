import { type StringColumn, shapeHash, shapeResult } from '../../lib/index.ts';
import { makeLogColumns } from '../log-columns.ts';
import { AttributeRules, appendKeyValue, cutAt, found, Marks, readValue, rendered } from './attributes.ts';
import { PipelinedLogs } from './pipelined.ts';
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

/** ExportLogsServiceRequest to one block of `otel_logs`. */
export class LogsTranscoder implements Transcoder {
  private readonly columns = makeLogColumns();
  private readonly resourceMap = new RepeatedMap(this.columns.ResourceAttributes);
  private readonly scopeMap = new RepeatedMap(this.columns.ScopeAttributes);
  private readonly marks = new Marks();
  private readonly limits: TranscodeLimits;
  private readonly rules: AttributeRules;
  private readonly time: TimeRule;
  private readonly rejections = new Rejections();
  private readonly pipelined: PipelinedLogs;
  /** Messages of resources for which there is a pipeline. */
  private aside: Range[] = [];
  private rows = 0;
  private keys = { tenant: 0, service: 0, resourceUrl: 0, scopeUrl: 0, scopeName: 0, scopeVersion: 0 };
  private resource: Range = { start: 0, end: 0 };
  private scope: Range = { start: 0, end: 0 };

  constructor(limits: TranscodeLimits) {
    this.limits = limits;
    this.rules = new AttributeRules(limits);
    this.pipelined = new PipelinedLogs(limits);
    this.time = new TimeRule(limits.clockSkewS);
  }

  transcode(tenant: string, body: Uint8Array, nowMs: number): Transcoded {
    this.rows = 0;
    this.rules.tenant = tenant;
    this.time.receivedAt(nowMs);
    try {
      const wire = new Wire(body);
      this.keys.tenant = this.columns.Tenant.internText(tenant);
      while (wire.position < body.length) {
        const tag = wire.tag(body.length);
        if (tag === 0x0a) this.resourceLogs(wire, wire.length(body.length));
        else wire.skip(tag, body.length);
      }
      const records = this.rows;
      const blocks = blocksOf('otel_logs', this.columns, records);
      const result = { blocks, records, ...this.rejections.take() };
      if (this.aside.length === 0) return result;
      const more = this.pipelined.collect(tenant, nowMs, wire, this.aside);
      return { ...result, blocks: [...blocks, ...more.blocks], records: records + more.records };
    } finally {
      this.aside = [];
      for (const column of Object.values(this.columns)) column.reset();
      this.marks.reset();
      this.resourceMap.reset();
      this.scopeMap.reset();
      this.rejections.take();
    }
  }

  private resourceLogs(wire: Wire, end: number): void {
    const { columns, keys } = this;
    const { head, schemaUrl } = readEnvelope(wire, end);
    if (this.pipelined.active && this.pipelined.wants(this.rules.tenant, wire, head)) {
      this.aside.push({ start: wire.position, end });
      wire.position = end;
      return;
    }
    this.resource = head;
    this.resourceMap.begin();
    keys.service = internServiceName(wire, head, columns.ServiceName);
    keys.resourceUrl = columns.ResourceSchemaUrl.intern(wire.bytes, schemaUrl.start, schemaUrl.end);
    while (wire.position < end) {
      const tag = wire.tag(end);
      if (tag === 0x12) this.scopeLogs(wire, wire.length(end));
      else wire.skip(tag, end);
    }
  }

  private scopeLogs(wire: Wire, end: number): void {
    const { columns, keys } = this;
    const { head, schemaUrl } = readEnvelope(wire, end);
    const { name, version } = readScope(wire, head);
    this.scope = head;
    this.scopeMap.begin();
    keys.scopeUrl = columns.ScopeSchemaUrl.intern(wire.bytes, schemaUrl.start, schemaUrl.end);
    keys.scopeName = columns.ScopeName.intern(wire.bytes, name.start, name.end);
    keys.scopeVersion = columns.ScopeVersion.intern(wire.bytes, version.start, version.end);
    const before = this.rows;
    while (wire.position < end) {
      const tag = wire.tag(end);
      if (tag === 0x12) this.record(wire, wire.length(end));
      else wire.skip(tag, end);
    }
    this.common(wire, this.rows - before);
  }

  private record(wire: Wire, end: number): void {
    const { columns } = this;
    let timeLow = 0;
    let timeHigh = 0;
    let observedLow = 0;
    let observedHigh = 0;
    let severity = 0;
    let flags = 0;
    let bodyStart = 0;
    let bodyEnd = 0;
    const texts = recordTexts;
    // A loop: the call that fills costs more than eight stores.
    for (let i = 0; i < 8; i++) texts[i] = 0;
    while (wire.position < end) {
      const tag = wire.tag(end);
      switch (tag) {
        case 0x09:
          wire.fixed64(end);
          timeLow = wire.low;
          timeHigh = wire.high;
          break;
        case 0x59:
          wire.fixed64(end);
          observedLow = wire.low;
          observedHigh = wire.high;
          break;
        case 0x10:
          wire.varint(end);
          severity = wire.high === 0 && wire.low <= 255 ? wire.low : 0;
          break;
        case 0x2a:
          bodyEnd = wire.length(end);
          bodyStart = wire.position;
          wire.position = bodyEnd;
          break;
        case 0x32:
          appendKeyValue(wire, wire.length(end), columns.LogAttributes, this.rules, this.marks);
          break;
        case 0x45:
          flags = wire.fixed32(end) & 0xff;
          break;
        case 0x1a:
        case 0x4a:
        case 0x52:
        case 0x62:
          textRange(wire, end, texts, tag === 0x1a ? 0 : tag === 0x4a ? 2 : tag === 0x52 ? 4 : 6);
          break;
        default:
          wire.skip(tag, end);
      }
    }
    this.times(timeLow, timeHigh, observedLow, observedHigh);
    columns.TraceFlags.uint8(flags);
    columns.SeverityNumber.uint8(severity);
    this.texts(wire, texts);
    wire.position = bodyStart;
    this.body(wire, bodyEnd);
    if (this.marks.any) this.marks.write(columns.LogAttributes);
    columns.LogAttributes.endRow();
    this.rows += 1;
    wire.position = end;
  }

  private times(timeLow: number, timeHigh: number, observedLow: number, observedHigh: number): void {
    const { columns, time } = this;
    const observed = time.apply(observedLow, observedHigh);
    columns.ObservedTimestamp.uint64(time.low, time.high);
    // The specification: where the event's own time is unknown, the time it was observed stands for it.
    const useObserved = timeLow === 0 && timeHigh === 0 && observed === 'kept';
    const fate = useObserved ? 'kept' : time.apply(timeLow, timeHigh);
    columns.Timestamp.uint64(time.low, time.high);
    if (fate === 'missing') this.marks.extra.push(['clew.time', 'received']);
    if (fate === 'skewed') this.marks.extra.push(['clew.time_sent', nanosecondsText(timeLow, timeHigh)]);
  }

  /** Severity text, trace id, span id and event name, as ranges of the message. */
  private texts(wire: Wire, texts: Uint32Array): void {
    const { columns, marks } = this;
    const [severityStart = 0, severityEnd = 0, traceStart = 0, traceEnd = 0, spanStart = 0, spanEnd = 0] =
      texts;
    const severityStop =
      severityEnd - severityStart > 64 ? cutAt(wire.bytes, severityStart, 64) : severityEnd;
    columns.SeverityText.bytes(wire.bytes, severityStart, severityStop);
    hexId(columns.TraceId, wire, traceStart, traceEnd, 16, marks, 'clew.invalid_trace_id');
    hexId(columns.SpanId, wire, spanStart, spanEnd, 8, marks, 'clew.invalid_span_id');
    columns.EventName.bytes(wire.bytes, texts[6] ?? 0, texts[7] ?? 0);
  }

  private body(wire: Wire, end: number): void {
    const direct = readValue(wire, end);
    let bytes = direct ? wire.bytes : rendered.bytes;
    let start = direct ? found.start : 0;
    let stop = direct ? found.end : rendered.end;
    if (this.rules.hides(bytes, start, stop)) {
      bytes = rendered.bytes;
      start = 0;
      stop = rendered.end;
    }
    if (stop - start > this.limits.bodyFieldBytesMax) {
      stop = cutAt(bytes, start, this.limits.bodyFieldBytesMax);
      this.marks.truncated.push('body');
    }
    this.columns.Body.bytes(bytes, start, stop);
    shapeHash(bytes, start, stop);
    this.columns.Shape.uint64(shapeResult.low, shapeResult.high);
  }

  /** What all records of a scope share, for the last `count` records. */
  private common(wire: Wire, count: number): void {
    const { columns, keys } = this;
    columns.Tenant.run(keys.tenant, count);
    columns.ServiceName.run(keys.service, count);
    columns.ResourceSchemaUrl.run(keys.resourceUrl, count);
    columns.ScopeSchemaUrl.run(keys.scopeUrl, count);
    columns.ScopeName.run(keys.scopeName, count);
    columns.ScopeVersion.run(keys.scopeVersion, count);
    this.resourceMap.rows(wire, this.resource, 0x0a, this.rules, count);
    this.scopeMap.rows(wire, this.scope, 0x1a, this.rules, count);
  }
}

function textRange(wire: Wire, end: number, texts: Uint32Array, slot: number): void {
  const stop = wire.length(end);
  texts[slot] = wire.position;
  texts[slot + 1] = stop;
  wire.position = stop;
}

/** Starts and ends of the record's texts; reused, so that a record costs no object. */
const recordTexts = new Uint32Array(8);

/** An id of the right length as hex; all zeros means none; any other length is kept as a mark. */
export function hexId(
  column: StringColumn,
  wire: Wire,
  start: number,
  end: number,
  length: number,
  marks: Marks,
  markName: string,
): void {
  if (end - start === length) {
    for (let i = start; i < end; i++) {
      if (wire.bytes[i] !== 0) {
        column.hex(wire.bytes, start, end);
        return;
      }
    }
  } else if (end > start) {
    const hex = Buffer.from(wire.bytes.subarray(start, Math.min(end, start + 64))).toString('hex');
    marks.extra.push([markName, hex]);
  }
  column.bytes(wire.bytes, 0, 0);
}
