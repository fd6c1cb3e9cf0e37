import type { exemplarColumns } from '../otlp/metric-columns.ts';
import type { Wire } from '../otlp/wire.ts';
import { LabelSet, readLabel, type Symbols } from './labels.ts';

const key = (text: string): Uint8Array => new TextEncoder().encode(text);
/** Under which names the client libraries put a trace's and a span's id. */
const traceKeys = ['trace_id', 'traceID'].map(key);
const spanKeys = ['span_id', 'spanID'].map(key);
const traceDigits = 32;
const spanDigits = 16;

/** Exemplar { labels = 1, value = 2, timestamp = 3 } of both versions; one object serves all. */
export class ExemplarReader {
  readonly labels = new LabelSet();
  timestamp = 0;
  private valueLow = 0;
  private valueHigh = 0;

  /** Answers why it can't be kept; undefined when it can. With `symbols` its labels are references (version 2). */
  read(wire: Wire, end: number, symbols: Symbols | undefined, valueBytesMax: number): string | undefined {
    const { labels } = this;
    labels.reset();
    this.timestamp = this.valueLow = this.valueHigh = 0;
    let fault: string | undefined;
    while (wire.position < end) {
      const tag = wire.tag(end);
      if (tag === 0x0a) {
        const stop = wire.length(end);
        if (symbols === undefined) readLabel(wire, stop, labels);
        else fault = symbols.readRefs(wire, stop, labels) ?? fault;
        wire.position = stop;
      } else if (tag === 0x11) {
        wire.fixed64(end);
        this.valueLow = wire.low;
        this.valueHigh = wire.high;
      } else if (tag === 0x18) {
        wire.varint(end);
        this.timestamp = wire.signed();
      } else wire.skip(tag, end);
    }
    return fault ?? labels.check(wire.bytes, valueBytesMax);
  }

  /** The part of the row that is not the series'. */
  write(wire: Wire, columns: ReturnType<typeof exemplarColumns>): void {
    const { labels } = this;
    const nanoseconds = BigInt(this.timestamp) * 1_000_000n;
    columns.Timestamp.uint64(Number(nanoseconds & 0xffff_ffffn), Number(nanoseconds >> 32n));
    columns.Value.uint64(this.valueLow, this.valueHigh);
    let traceId = '';
    let spanId = '';
    for (let at = 0; at < labels.count; at++) {
      if (labels.isEmpty(at)) continue;
      if (traceId === '') traceId = this.idOf(wire, at, traceKeys, traceDigits);
      if (traceId !== '' && isAny(labels, wire, at, traceKeys)) continue;
      if (spanId === '') spanId = this.idOf(wire, at, spanKeys, spanDigits);
      if (spanId !== '' && isAny(labels, wire, at, spanKeys)) continue;
      const { keys, values } = columns.FilteredAttributes;
      keys.bytes(wire.bytes, labels.nameStart[at] ?? 0, labels.nameEnd[at] ?? 0);
      values.bytes(wire.bytes, labels.valueStart[at] ?? 0, labels.valueEnd[at] ?? 0);
    }
    columns.TraceId.text(traceId);
    columns.SpanId.text(spanId);
    columns.FilteredAttributes.endRow();
  }

  /** The label's value when it is an id under one of the names; an id of another form stays an attribute. */
  private idOf(wire: Wire, at: number, names: readonly Uint8Array[], digits: number): string {
    if (!isAny(this.labels, wire, at, names)) return '';
    const text = this.labels.value(wire.bytes, at).toLowerCase();
    return text.length === digits && /^[0-9a-f]+$/.test(text) && !/^0+$/.test(text) ? text : '';
  }
}

const isAny = (labels: LabelSet, wire: Wire, at: number, names: readonly Uint8Array[]): boolean =>
  names.some((name) => labels.is(wire.bytes, at, name));
