import type { LowCardinalityColumn, MapColumn, StringColumn } from '../../lib/index.ts';
import { ByteBuffer } from '../../lib/index.ts';
import type { Masker } from '../refine.ts';
import { anyValueText } from './any-value.ts';
import type { TranscodeLimits } from './transcoder.ts';
import { textOf, type Wire } from './wire.ts';

export type TextColumn = StringColumn | LowCardinalityColumn;
export type AttributeMap = MapColumn<TextColumn>;

/** What was changed about a record so that it could be kept; written as `clew.*` attributes at its end. */
export class Marks {
  truncated: string[] = [];
  extra: [string, string][] = [];

  get any(): boolean {
    return this.truncated.length > 0 || this.extra.length > 0;
  }

  write(map: AttributeMap): void {
    if (this.truncated.length > 0) map.pair('clew.truncated', this.truncated.join(','));
    for (const [key, value] of this.extra) map.pair(key, value);
    this.reset();
  }

  reset(): void {
    if (this.truncated.length > 0) this.truncated = [];
    if (this.extra.length > 0) this.extra = [];
  }
}

/** How attributes are kept: how long, and without what. One for each transcoder; the tenant is that of the request. */
export class AttributeRules {
  readonly bytesMax: number;
  readonly masker: Masker | null;
  tenant = '';

  constructor(limits: TranscodeLimits) {
    this.bytesMax = limits.attributeBytesMax;
    this.masker = limits.refinery?.masker ?? null;
  }

  /** The text without what is to be hidden, in `rendered`; false when there is nothing to hide in it. */
  hides(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.masker === null || !this.masker.suspects(bytes, start, end)) return false;
    render(this.masker.mask(textOf(bytes, start, end), this.tenant));
    return true;
  }

  /** Whether the key names a secret. */
  hidesKey(bytes: Uint8Array, start: number, end: number): boolean {
    const { masker } = this;
    return (
      masker?.suspectsKey(bytes, start, end) === true &&
      masker.maskKey(textOf(bytes, start, end), this.tenant)
    );
  }
}

/** Where a text of at most `bytesMax` bytes ends, without cutting a UTF-8 sequence apart. */
export function cutAt(bytes: Uint8Array, start: number, bytesMax: number): number {
  let end = start + bytesMax;
  while (end > start && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return end;
}

/** Rendered texts on their way into a column. */
const scratch = new ByteBuffer(4096);

/** Where a rendered value stands: valid until the next call. */
export const rendered = { bytes: scratch.bytes, end: 0 };

/**
 * Reads an AnyValue. A string is answered as a range of the message (`true`: `found.start`, `found.end`); anything else
 * is rendered into `rendered` (`false`).
 */
export const found = { start: 0, end: 0 };
export function readValue(wire: Wire, end: number): boolean {
  const start = wire.position;
  if (wire.bytes[start] === 0x0a && start < end) {
    wire.position += 1;
    const stop = wire.length(end);
    if (stop === end) {
      found.start = wire.position;
      found.end = stop;
      wire.position = stop;
      return true;
    }
    wire.position = start;
  }
  render(anyValueText(wire, end));
  return false;
}

function render(text: string): void {
  scratch.reset();
  rendered.end = scratch.text(text);
  rendered.bytes = scratch.bytes;
}

/** Writes the KeyValue message up to `end` as one entry of the map's open row. */
export function appendKeyValue(
  wire: Wire,
  end: number,
  map: AttributeMap,
  rules: AttributeRules,
  marks: Marks,
): void {
  let keyStart = 0;
  let keyEnd = 0;
  let valueStart = 0;
  let valueEnd = 0;
  // As every SDK writes it: the key, then the value, and nothing else.
  const { bytes: sent, position } = wire;
  const keyBytes = sent[position + 1] ?? 0;
  const valueAt = position + 2 + keyBytes;
  const valueBytes = sent[valueAt + 1] ?? 0;
  if (
    sent[position] === 0x0a &&
    sent[valueAt] === 0x12 &&
    keyBytes < 0x80 &&
    valueBytes < 0x80 &&
    valueAt + 2 + valueBytes === end
  ) {
    keyStart = position + 2;
    keyEnd = valueAt;
    valueStart = valueAt + 2;
    valueEnd = wire.position = end;
  }
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag === 0x0a) {
      keyEnd = wire.length(end);
      keyStart = wire.position;
      wire.position = keyEnd;
    } else if (tag === 0x12) {
      valueEnd = wire.length(end);
      valueStart = wire.position;
      wire.position = valueEnd;
    } else wire.skip(tag, end);
  }
  if (keyEnd - keyStart > keyBytesMax) {
    keyEnd = cutAt(wire.bytes, keyStart, keyBytesMax);
    marks.truncated.push('(key)');
  }
  map.key(wire.bytes, keyStart, keyEnd);
  wire.position = valueStart;
  if (rules.hidesKey(wire.bytes, keyStart, keyEnd)) map.values.text(rules.masker?.maskedValue ?? '');
  else appendValue(wire, valueEnd, map, rules, marks, keyStart, keyEnd);
  wire.position = end;
}

/** Writes the AnyValue up to `end`; the key's range names it where it must be cut. */
function appendValue(
  wire: Wire,
  end: number,
  map: AttributeMap,
  rules: AttributeRules,
  marks: Marks,
  keyStart: number,
  keyEnd: number,
): void {
  if (appendNumber(wire, end, map)) return;
  const direct = readValue(wire, end);
  let bytes = direct ? wire.bytes : rendered.bytes;
  let start = direct ? found.start : 0;
  let stop = direct ? found.end : rendered.end;
  if (rules.hides(bytes, start, stop)) {
    bytes = rendered.bytes;
    start = 0;
    stop = rendered.end;
  }
  if (stop - start > rules.bytesMax) {
    stop = cutAt(bytes, start, rules.bytesMax);
    if (marks.truncated.length < truncatedNamesMax)
      marks.truncated.push(textOf(wire.bytes, keyStart, keyEnd));
  }
  map.values.bytes(bytes, start, stop);
}

/** Whole numbers below 2^32 and doubles go straight into the column; false leaves `position` where it was. */
function appendNumber(wire: Wire, end: number, map: AttributeMap): boolean {
  const start = wire.position;
  const tag = wire.bytes[start];
  if (tag === 0x18 && start < end) {
    wire.position = start + 1;
    wire.varint(end);
    if (wire.high === 0 && wire.position === end) {
      map.values.number(wire.low);
      return true;
    }
  } else if (tag === 0x21 && start + 9 === end) {
    wire.position = start + 1;
    const value = wire.double(end);
    if (Number.isFinite(value)) {
      map.values.number(value);
      return true;
    }
  }
  wire.position = start;
  return false;
}

/** Attribute names are dictionary entries; the longest of the semantic conventions has 60 bytes. */
export const keyBytesMax = 1024;
/** Names listed in `clew.truncated`; one record with thousands of cut values must not grow by their names. */
export const truncatedNamesMax = 16;
