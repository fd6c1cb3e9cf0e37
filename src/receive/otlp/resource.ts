import type { LowCardinalityColumn, MapColumn } from '../../lib/index.ts';
import { type AttributeRules, appendKeyValue, found, Marks, readValue, rendered } from './attributes.ts';
import type { Wire } from './wire.ts';

const serviceNameKey = new TextEncoder().encode('service.name');
export const unknownService = 'unknown_service';

/** A half-open range of the message; empty when the field is missing. */
export interface Range {
  start: number;
  end: number;
}

/** Finds the parts of ResourceX (resource = 1, schema_url = 3) and ScopeX (scope = 1, schema_url = 3); items are field 2. */
export function readEnvelope(wire: Wire, end: number): { head: Range; schemaUrl: Range } {
  const head = { start: 0, end: 0 };
  const schemaUrl = { start: 0, end: 0 };
  const from = wire.position;
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag === 0x0a || tag === 0x1a) {
      const stop = wire.length(end);
      const part = tag === 0x0a ? head : schemaUrl;
      part.start = wire.position;
      part.end = stop;
      wire.position = stop;
    } else wire.skip(tag, end);
  }
  wire.position = from;
  return { head, schemaUrl };
}

/** A map whose row is the same for many records: written once, then repeated by its indexes. */
export class RepeatedMap {
  private readonly map: MapColumn<LowCardinalityColumn>;
  private readonly marks = new Marks();
  private from = 0;
  private to = -1;

  constructor(map: MapColumn<LowCardinalityColumn>) {
    this.map = map;
  }

  /** The next `row` reads its attributes from the message. */
  begin(): void {
    this.to = -1;
  }

  /** Adds `times` rows. `field` is the tag of the repeated KeyValue inside `head`. */
  rows(wire: Wire, head: Range, field: number, rules: AttributeRules, times: number): void {
    if (times === 0) return;
    const { map } = this;
    let left = times;
    if (this.to < 0) {
      this.from = map.keys.rows;
      const back = wire.position;
      wire.position = head.start;
      while (wire.position < head.end) {
        const tag = wire.tag(head.end);
        if (tag === field) appendKeyValue(wire, wire.length(head.end), map, rules, this.marks);
        else wire.skip(tag, head.end);
      }
      if (this.marks.any) this.marks.write(map);
      wire.position = back;
      this.to = map.keys.rows;
      map.endRow();
      left -= 1;
    }
    map.repeatRow(this.from, this.to, left);
  }

  reset(): void {
    this.marks.reset();
    this.to = -1;
  }
}

/** The dictionary number of `service.name` of a resource in `column`. */
export function internServiceName(wire: Wire, resource: Range, column: LowCardinalityColumn): number {
  const back = wire.position;
  wire.position = resource.start;
  let key = -1;
  while (wire.position < resource.end) {
    const tag = wire.tag(resource.end);
    if (tag !== 0x0a) {
      wire.skip(tag, resource.end);
      continue;
    }
    const stop = wire.length(resource.end);
    const value = serviceNameValue(wire, stop);
    if (value === 'direct' && found.end > found.start)
      key = column.intern(wire.bytes, found.start, found.end);
    else if (value === 'rendered' && rendered.end > 0) key = column.intern(rendered.bytes, 0, rendered.end);
    wire.position = stop;
  }
  wire.position = back;
  return key >= 0 ? key : column.internText(unknownService);
}

function serviceNameValue(wire: Wire, end: number): 'direct' | 'rendered' | undefined {
  let isName = false;
  let valueStart = -1;
  let valueEnd = -1;
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag === 0x0a) {
      const stop = wire.length(end);
      isName = sameBytes(wire.bytes, wire.position, stop, serviceNameKey);
      wire.position = stop;
    } else if (tag === 0x12) {
      valueEnd = wire.length(end);
      valueStart = wire.position;
      wire.position = valueEnd;
    } else wire.skip(tag, end);
  }
  if (!isName || valueStart < 0) return undefined;
  wire.position = valueStart;
  return readValue(wire, valueEnd) ? 'direct' : 'rendered';
}

export function sameBytes(bytes: Uint8Array, start: number, end: number, expected: Uint8Array): boolean {
  if (end - start !== expected.length) return false;
  for (let i = 0; i < expected.length; i++) if (bytes[start + i] !== expected[i]) return false;
  return true;
}

/** name = 1 and version = 2 of an InstrumentationScope. */
export function readScope(wire: Wire, scope: Range): { name: Range; version: Range } {
  const name = { start: 0, end: 0 };
  const version = { start: 0, end: 0 };
  const back = wire.position;
  wire.position = scope.start;
  while (wire.position < scope.end) {
    const tag = wire.tag(scope.end);
    if (tag === 0x0a || tag === 0x12) {
      const stop = wire.length(scope.end);
      const part = tag === 0x0a ? name : version;
      part.start = wire.position;
      part.end = stop;
      wire.position = stop;
    } else wire.skip(tag, scope.end);
  }
  wire.position = back;
  return { name, version };
}
