import {
  ByteBuffer,
  ClewError,
  type LowCardinalityColumn,
  type StringColumn,
  shapeHash,
  shapeResult,
} from '../lib/index.ts';
import { makeLogColumns } from './log-columns.ts';
import type { LogRecord, Pair } from './log-record.ts';
import { type AttributeMap, cutAt, keyBytesMax, Marks, truncatedNamesMax } from './otlp/attributes.ts';
import { TimeRule } from './otlp/time.ts';
import { blocksOf, Rejections, type Transcoded, type TranscodeLimits } from './otlp/transcoder.ts';
import { textOf } from './otlp/wire.ts';
import type { Masker, RefinedRecord, Refiner, Refinery } from './refine.ts';
import { severityInLine, severityNumber } from './severity.ts';

export type { LogRecord, Pair } from './log-record.ts';

/** Times that 64 bits hold; anything else was sent by a broken clock and is treated like the far future. */
const timeNsEnd = 1n << 63n;
const severityBytesMax = 64;
/**
 * Labels of a stream are written again for each of its lines, so some kilobytes of labels and a million empty lines would
 * fill the memory. 32 MB of real logs are some hundred thousand lines with twenty labels each.
 */
const cellsMax = 8_000_000;
/** What a row takes besides its attributes, in the same measure. */
const cellsOfRow = 4;
const idMarkLengthMax = 128;
const zeros = /^0*$/;

/**
 * Rows of `otel_logs` from records that are already in memory as text, for every protocol but OTLP, whose transcoder
 * copies from the wire. Limits, marks, time rule and shape are the same.
 */
export class LogSink {
  private readonly columns = makeLogColumns();
  private readonly marks = new Marks();
  private readonly rejections = new Rejections();
  private readonly limits: TranscodeLimits;
  private readonly masker: Masker | null;
  private readonly refinery: Refinery | null;
  private readonly source: string;
  private refiner: Refiner | null = null;
  /** Null before the first resource of a request. */
  private streamService: string | null = null;
  private readonly time: TimeRule;
  private tenant = '';
  private readonly scratch = new ByteBuffer(4096);
  private rows = 0;
  private cells = 0;
  private tenantKey = 0;
  private serviceKey = 0;
  private resourceFrom = 0;
  private resourceTo = -1;
  private resourcePairs: readonly Pair[] = [];

  /** `source` names the receiver, as dead letters do; pipelines can ask for it. */
  constructor(limits: TranscodeLimits, source = '') {
    this.limits = limits;
    this.source = source;
    this.refinery = limits.refinery ?? null;
    this.masker = limits.refinery?.masker ?? null;
    this.time = new TimeRule(limits.clockSkewS);
  }

  /** `fill` writes the records of one request; what it throws is passed on, and nothing of the request is left then. */
  collect(tenant: string, nowMs: number, fill: () => void): Transcoded {
    this.time.receivedAt(nowMs);
    this.tenantKey = this.columns.Tenant.internText(tenant);
    this.tenant = tenant;
    try {
      fill();
      this.endStream();
      const records = this.rows;
      const blocks = blocksOf('otel_logs', this.columns, records);
      return { blocks, records, ...this.rejections.take() };
    } finally {
      this.reset();
    }
  }

  /** Whose records follow. */
  resource(service: string, attributes: readonly Pair[]): void {
    if (
      this.refinery?.active &&
      !(service === this.streamService && samePairs(attributes, this.resourcePairs))
    ) {
      this.endStream();
      this.refiner = this.refinery.refiner(this.tenant, this.source, service, attributes);
    }
    this.streamService = service;
    this.useResource(service, attributes);
  }

  record(record: LogRecord): void {
    if (this.refiner === null) this.write(record);
    else this.refiner.take(record, this.refined);
  }

  /** A pipeline may hold the last lines of a stream back, until it is clear that the event is complete. */
  private endStream(): void {
    this.refiner?.end(this.refined);
    this.refiner = null;
  }

  private readonly refined = (record: RefinedRecord): void => {
    const { resource } = record;
    if (resource === null) {
      this.write(record);
      return;
    }
    const { streamService, resourcePairs } = this;
    this.useResource(resource.service, resource.attributes);
    this.write(record);
    this.useResource(streamService ?? '', resourcePairs);
  };

  private useResource(service: string, attributes: readonly Pair[]): void {
    const { ServiceName } = this.columns;
    const { bytes, end } = this.encoded(service, keyBytesMax);
    this.serviceKey = ServiceName.intern(bytes, 0, end);
    this.resourcePairs = attributes;
    this.resourceTo = -1;
  }

  private write(record: LogRecord): void {
    const { columns, marks } = this;
    this.cells += cellsOfRow + this.resourcePairs.length + record.attributes.length;
    if (this.cells > cellsMax) {
      throw new ClewError(
        'too_large',
        `The request becomes more than ${cellsMax} values, its labels counted for each line. Send smaller batches.`,
      );
    }
    columns.Tenant.index(this.tenantKey);
    columns.ServiceName.index(this.serviceKey);
    this.resourceRow();
    this.times(record.timeNs);
    this.id(columns.TraceId, record.traceId, 32, 'clew.invalid_trace_id');
    this.id(columns.SpanId, record.spanId, 16, 'clew.invalid_span_id');
    columns.TraceFlags.uint8(0);
    for (const [key, value] of record.attributes) this.pair(columns.LogAttributes, key, value);
    this.body(record);
    for (const name of unusedColumns) columns[name].text('');
    this.put(columns.EventName, record.eventName ?? '', keyBytesMax);
    columns.ScopeAttributes.endRow();
    if (marks.any) marks.write(columns.LogAttributes);
    columns.LogAttributes.endRow();
    this.rows += 1;
  }

  /** Counts records that can't be kept; their bytes become a dead letter. */
  reject(reason: string, payload: Uint8Array, records = 1): void {
    this.rejections.add(reason, payload, 0, payload.length, records);
  }

  private resourceRow(): void {
    const map = this.columns.ResourceAttributes;
    if (this.resourceTo >= 0) {
      map.keys.repeat(this.resourceFrom, this.resourceTo);
      map.values.repeat(this.resourceFrom, this.resourceTo);
    } else {
      this.resourceFrom = map.keys.rows;
      for (const [key, value] of this.resourcePairs) this.pair(map, key, value);
      if (this.marks.any) this.marks.write(map);
      this.resourceTo = map.keys.rows;
    }
    map.endRow();
  }

  private times(ns: bigint): void {
    const { columns, time, marks } = this;
    time.apply(0, 0);
    columns.ObservedTimestamp.uint64(time.low, time.high);
    const usable = ns >= 0n && ns < timeNsEnd;
    const fate = usable
      ? time.apply(Number(ns & 0xffff_ffffn), Number(ns >> 32n))
      : time.apply(0xffff_ffff, 0xffff_ffff);
    columns.Timestamp.uint64(time.low, time.high);
    if (fate === 'missing') marks.extra.push(['clew.time', 'received']);
    if (fate === 'skewed') marks.extra.push(['clew.time_sent', ns.toString()]);
  }

  private id(column: StringColumn, sent: string, digits: number, markName: string): void {
    const fits = sent.length === digits && /^[0-9a-fA-F]+$/.test(sent);
    if (!fits && sent !== '') this.marks.extra.push([markName, sent.slice(0, idMarkLengthMax)]);
    column.text(fits && !zeros.test(sent) ? sent.toLowerCase() : '');
  }

  private body(record: LogRecord): void {
    const { columns, marks, limits } = this;
    let bytes: Uint8Array;
    let end: number;
    if (typeof record.body === 'string') {
      this.scratch.reset();
      end = this.scratch.text(record.body);
      bytes = this.scratch.bytes;
    } else {
      bytes = record.body;
      end = bytes.length;
    }
    if (this.masker?.suspects(bytes, 0, end)) {
      const text = typeof record.body === 'string' ? record.body : textOf(bytes, 0, end);
      this.scratch.reset();
      end = this.scratch.text(this.masker.mask(text, this.tenant));
      bytes = this.scratch.bytes;
    }
    if (end > limits.bodyFieldBytesMax) {
      end = cutAt(bytes, 0, limits.bodyFieldBytesMax);
      marks.truncated.push('body');
    }
    columns.Body.bytes(bytes, 0, end);
    shapeHash(bytes, 0, end);
    columns.Shape.uint64(shapeResult.low, shapeResult.high);
    const severity = record.severity === '' ? severityInLine(bytes, 0, end) : record.severity;
    columns.SeverityNumber.uint8(severityNumber(severity));
    this.put(columns.SeverityText, severity, severityBytesMax);
  }

  private pair(map: AttributeMap, key: string, value: string): void {
    const { marks, masker } = this;
    const { bytes, end, cut } = this.encoded(key, keyBytesMax);
    map.keys.bytes(bytes, 0, end);
    if (cut) marks.truncated.push('(key)');
    const hidden =
      masker?.suspectsKey(bytes, 0, end) && masker.maskKey(key, this.tenant) ? masker.maskedValue : value;
    const { truncated } = marks;
    if (this.put(map.values, hidden, this.limits.attributeBytesMax) && truncated.length < truncatedNamesMax)
      truncated.push(key.slice(0, keyBytesMax));
  }

  /** Writes a text without what is to be hidden; true when it was cut. */
  private put(column: StringColumn | LowCardinalityColumn, text: string, bytesMax: number): boolean {
    let written = this.encoded(text, bytesMax);
    if (this.masker?.suspects(written.bytes, 0, this.scratch.length))
      written = this.encoded(this.masker.mask(text, this.tenant), bytesMax);
    column.bytes(written.bytes, 0, written.end);
    return written.cut;
  }

  private encoded(text: string, bytesMax: number): { bytes: Uint8Array; end: number; cut: boolean } {
    this.scratch.reset();
    const length = this.scratch.text(text);
    const { bytes } = this.scratch;
    const cut = length > bytesMax;
    return { bytes, end: cut ? cutAt(bytes, 0, bytesMax) : length, cut };
  }

  private reset(): void {
    for (const column of Object.values(this.columns)) column.reset();
    this.marks.reset();
    this.rejections.take();
    this.scratch.reset();
    this.rows = 0;
    this.cells = 0;
    this.resourcePairs = [];
    this.streamService = null;
    this.refiner = null;
    this.resourceTo = -1;
  }
}

const samePairs = (one: readonly Pair[], other: readonly Pair[]): boolean =>
  one === other ||
  (one.length === other.length &&
    one.every(([key, value], i) => other[i]?.[0] === key && other[i]?.[1] === value));

/** What only OTLP knows. */
const unusedColumns = ['ResourceSchemaUrl', 'ScopeSchemaUrl', 'ScopeName', 'ScopeVersion'] as const;

/** Takes the first of `names` that `fields` has out of them; '' when none is there. */
export function takeFirst(fields: Map<string, string>, names: readonly string[]): string {
  for (const name of names) {
    const value = fields.get(name);
    if (value === undefined || value === '') continue;
    fields.delete(name);
    return value;
  }
  return '';
}

/** Takes the first field out that names a severity; one that holds something else stays what it is. */
export function takeSeverity(fields: Map<string, string>, names: readonly string[]): string {
  for (const name of names) {
    const value = fields.get(name);
    if (value === undefined || severityNumber(value) === 0) continue;
    fields.delete(name);
    return value;
  }
  return '';
}

/** The first name that has a value; it stays where it is. */
export function firstOf(fields: ReadonlyMap<string, string>, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = fields.get(name);
    if (value !== undefined && value !== '') return value;
  }
  return undefined;
}

/** A resource carries its service under the name that OpenTelemetry gives it, wherever it was found. */
export const namedService = (pairs: readonly Pair[], service: string | undefined): readonly Pair[] =>
  service === undefined || pairs.some(([name]) => name === 'service.name')
    ? pairs
    : [['service.name', service], ...pairs];
