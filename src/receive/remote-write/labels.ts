import { isUtf8 } from 'node:buffer';
import type { LowCardinalityColumn, MapColumn, StringColumn } from '../../lib/index.ts';
import { cutAt } from '../otlp/attributes.ts';
import { sameBytes } from '../otlp/resource.ts';
import { Hash64 } from '../otlp/series.ts';
import { textOf, type Wire } from '../otlp/wire.ts';

/** Labels of one series or exemplar. Prometheus' own exporters stay below 30; Kubernetes metadata brings some 60. */
export const labelsMax = 128;
/** Names are dictionary entries; so is the value of `__name__`. The longest of well-known exporters have some 100 bytes. */
export const labelNameBytesMax = 1024;
/** How much of a name or value an answer repeats: Prometheus logs one line of it. */
const quotedBytesMax = 100;

const key = (text: string): Uint8Array => new TextEncoder().encode(text);
const nameKey = key('__name__');
const instanceKey = key('instance');
/** The first of these that a series has names its service. */
const serviceKeys = ['service_name', 'service', 'job', 'app'].map(key);

/**
 * The labels of one series as ranges of the request, which both versions of the protocol are read into. `check` finds what
 * the rest needs: name, service, instance, and a hash that does not depend on the labels' order.
 */
export class LabelSet {
  count = 0;
  readonly nameStart = new Uint32Array(labelsMax);
  readonly nameEnd = new Uint32Array(labelsMax);
  readonly valueStart = new Uint32Array(labelsMax);
  readonly valueEnd = new Uint32Array(labelsMax);
  /** Index of `__name__`, of the service's label and of `instance`; -1 when missing. */
  name = -1;
  service = -1;
  instance = -1;
  hashLow = 0;
  hashHigh = 0;
  /** Bytes of all names and values. */
  bytes = 0;
  private serviceRank = serviceKeys.length;
  private readonly one = new Hash64();

  reset(): void {
    this.count = 0;
    this.name = this.service = this.instance = -1;
    this.serviceRank = serviceKeys.length;
    this.hashLow = this.hashHigh = 0;
    this.bytes = 0;
  }

  add(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    const at = this.count++;
    if (at >= labelsMax) return;
    this.nameStart[at] = nameStart;
    this.nameEnd[at] = nameEnd;
    this.valueStart[at] = valueStart;
    this.valueEnd[at] = valueEnd;
    this.bytes += nameEnd - nameStart + valueEnd - valueStart;
  }

  /** A label with an empty value is the same as no label. */
  isEmpty(at: number): boolean {
    return this.valueStart[at] === this.valueEnd[at];
  }

  /** Why these labels can't be kept; undefined when they can. */
  check(source: Uint8Array, valueBytesMax: number): string | undefined {
    if (this.count > labelsMax) return `it has ${this.count} labels; at most ${labelsMax} are taken`;
    let sorted = true;
    for (let at = 0; at < this.count; at++) {
      const fault = this.labelFault(source, at, valueBytesMax);
      if (fault !== undefined) return fault;
      sorted &&= at === 0 || this.isAfter(source, at);
      if (!sorted && this.isRepeated(source, at)) return `the label ${this.quoted(source, at)} stands twice`;
      if (!this.isEmpty(at)) this.take(source, at);
    }
    return undefined;
  }

  /** Takes a label out, by its name; the hash is that of the rest. */
  drop(source: Uint8Array, name: string): void {
    this.name = this.service = this.instance = -1;
    this.serviceRank = serviceKeys.length;
    this.hashLow = this.hashHigh = 0;
    for (let at = 0; at < this.count; at++) {
      const start = this.nameStart[at] ?? 0;
      if (textOf(source, start, this.nameEnd[at] ?? 0) === name) this.valueEnd[at] = this.valueStart[at] ?? 0;
      if (!this.isEmpty(at)) this.take(source, at);
    }
  }

  /** Writes the series' resource, and all labels but its name. */
  write(
    source: Uint8Array,
    resource: MapColumn<LowCardinalityColumn>,
    attributes: MapColumn<StringColumn>,
  ): void {
    const value = (values: LowCardinalityColumn | StringColumn, at: number) =>
      values.bytes(source, this.valueStart[at] ?? 0, this.valueEnd[at] ?? 0);
    for (const [name, at] of [
      ['service.name', this.service],
      ['service.instance.id', this.instance],
    ] as const) {
      if (at < 0) continue;
      resource.keys.text(name);
      value(resource.values, at);
    }
    resource.endRow();
    for (let at = 0; at < this.count; at++) {
      if (at === this.name || this.isEmpty(at)) continue;
      attributes.keys.bytes(source, this.nameStart[at] ?? 0, this.nameEnd[at] ?? 0);
      value(attributes.values, at);
    }
    attributes.endRow();
  }

  /** Names and values, without that of the metric. */
  pairs(source: Uint8Array): [string, string][] {
    const pairs: [string, string][] = [];
    for (let at = 0; at < this.count; at++) {
      if (at === this.name || this.isEmpty(at)) continue;
      pairs.push([textOf(source, this.nameStart[at] ?? 0, this.nameEnd[at] ?? 0), this.value(source, at)]);
    }
    return pairs;
  }

  /** The text of a label's value. */
  value(source: Uint8Array, at: number): string {
    return textOf(source, this.valueStart[at] ?? 0, this.valueEnd[at] ?? 0);
  }

  is(source: Uint8Array, at: number, name: Uint8Array): boolean {
    return sameBytes(source, this.nameStart[at] ?? 0, this.nameEnd[at] ?? 0, name);
  }

  private labelFault(source: Uint8Array, at: number, valueBytesMax: number): string | undefined {
    const nameStart = this.nameStart[at] ?? 0;
    const nameEnd = this.nameEnd[at] ?? 0;
    const valueStart = this.valueStart[at] ?? 0;
    const valueEnd = this.valueEnd[at] ?? 0;
    if (nameStart === nameEnd) return 'a label has no name';
    const quoted = () => this.quoted(source, at);
    if (nameEnd - nameStart > labelNameBytesMax)
      return `the label name ${quoted()}… has ${nameEnd - nameStart} bytes; at most ${labelNameBytesMax} are taken`;
    if (valueEnd - valueStart > valueBytesMax)
      return `the value of the label ${quoted()} has ${valueEnd - valueStart} bytes; the limit is ${valueBytesMax} (ingest.attribute_bytes_max)`;
    if (!isText(source, nameStart, nameEnd)) return 'a label name is not valid UTF-8';
    if (!isText(source, valueStart, valueEnd)) return `the value of the label ${quoted()} is not valid UTF-8`;
    return undefined;
  }

  /** Whether the name stands after the one before it, byte by byte: names that are sorted can't repeat. */
  private isAfter(source: Uint8Array, at: number): boolean {
    const start = this.nameStart[at] ?? 0;
    const end = this.nameEnd[at] ?? 0;
    const before = this.nameStart[at - 1] ?? 0;
    const length = (this.nameEnd[at - 1] ?? 0) - before;
    for (let i = 0; i < length && start + i < end; i++) {
      const difference = (source[start + i] ?? 0) - (source[before + i] ?? 0);
      if (difference !== 0) return difference > 0;
    }
    return end - start > length;
  }

  private isRepeated(source: Uint8Array, at: number): boolean {
    const name = source.subarray(this.nameStart[at], this.nameEnd[at]);
    for (let other = 0; other < at; other++) if (this.is(source, other, name)) return true;
    return false;
  }

  private take(source: Uint8Array, at: number): void {
    const { one } = this;
    one.reset();
    one.bytes(source, this.nameStart[at] ?? 0, this.nameEnd[at] ?? 0);
    one.bytes(source, this.valueStart[at] ?? 0, this.valueEnd[at] ?? 0);
    one.finish();
    this.hashLow = (this.hashLow + one.low) | 0;
    this.hashHigh = (this.hashHigh + one.high) | 0;
    if (this.is(source, at, nameKey)) this.name = at;
    else if (this.is(source, at, instanceKey)) this.instance = at;
    for (let rank = 0; rank < this.serviceRank; rank++) {
      const wanted = serviceKeys[rank];
      if (wanted === undefined || !this.is(source, at, wanted)) continue;
      this.service = at;
      this.serviceRank = rank;
    }
  }

  private quoted(source: Uint8Array, at: number): string {
    const start = this.nameStart[at] ?? 0;
    return JSON.stringify(textOf(source, start, Math.min(this.nameEnd[at] ?? 0, start + quotedBytesMax)));
  }
}

/** Bytes below 0x80, which nearly all labels are made of, need no call. */
function isText(source: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if ((source[i] ?? 0) >= 0x80) return isUtf8(source.subarray(start, end));
  return true;
}

/** Label { name = 1, value = 2 } of version 1. */
export function readLabel(wire: Wire, end: number, into: LabelSet): void {
  let nameStart = 0;
  let nameEnd = 0;
  let valueStart = 0;
  let valueEnd = 0;
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag === 0x0a) {
      nameEnd = wire.length(end);
      nameStart = wire.position;
      wire.position = nameEnd;
    } else if (tag === 0x12) {
      valueEnd = wire.length(end);
      valueStart = wire.position;
      wire.position = valueEnd;
    } else wire.skip(tag, end);
  }
  into.add(nameStart, nameEnd, valueStart, valueEnd);
}

/** Symbols of one request of version 2. Prometheus sends 2000 samples at a time, so some thousands of symbols. */
const symbolsMax = 1_048_576;
/** Above this the tables are let go after use. */
const symbolsKeptMax = 65_536;
const symbolsInitial = 1024;

/** The string table of version 2: where each symbol stands in the request. */
export class Symbols {
  count = 0;
  private start = new Uint32Array(symbolsInitial);
  private end = new Uint32Array(symbolsInitial);

  reset(): void {
    this.count = 0;
    if (this.start.length <= symbolsKeptMax) return;
    this.start = new Uint32Array(symbolsInitial);
    this.end = new Uint32Array(symbolsInitial);
  }

  add(wire: Wire, end: number): void {
    if (this.count >= symbolsMax) throw wire.malformed(`it has more than ${symbolsMax} symbols`);
    if (this.count === this.start.length) {
      this.start = grown(this.start);
      this.end = grown(this.end);
    }
    this.start[this.count] = wire.position;
    this.end[this.count] = end;
    this.count += 1;
  }

  /** A symbol's text, cut after `bytesMax`; empty when there is none of that number. */
  text(source: Uint8Array, symbol: number, bytesMax: number): string {
    if (symbol >= this.count) return '';
    const start = this.start[symbol] ?? 0;
    const end = this.end[symbol] ?? 0;
    return textOf(source, start, end - start > bytesMax ? cutAt(source, start, bytesMax) : end);
  }

  /** `labels_refs`, packed: pairs of symbol numbers. Answers what is wrong with them. */
  readRefs(wire: Wire, end: number, into: LabelSet): string | undefined {
    let fault: string | undefined;
    while (wire.position < end) {
      wire.varint(end);
      const name = wire.unsigned();
      if (wire.position >= end) return 'labels_refs has an odd number of entries';
      wire.varint(end);
      const value = wire.unsigned();
      if (name >= this.count || value >= this.count) {
        fault ??= `labels_refs names the symbol ${Math.max(name, value)}; there are ${this.count}`;
        continue;
      }
      into.add(this.start[name] ?? 0, this.end[name] ?? 0, this.start[value] ?? 0, this.end[value] ?? 0);
    }
    return fault;
  }
}

function grown(old: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const next = new Uint32Array(old.length * 2);
  next.set(old);
  return next;
}
