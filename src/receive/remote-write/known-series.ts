import { crc32 } from 'node:zlib';
import { viewOf } from '../../lib/index.ts';
import type { Wire } from '../otlp/wire.ts';
import type { LabelSet } from './labels.ts';

/** Series remembered: 32 bytes each at half load. At more it starts again, which costs reading labels, nothing else. */
const seriesMax = 262_144;
const slotsInitial = 4_096;
/** Where name and service stand is kept in 16 bits. */
const labelBytesMax = 0xffff;
/** Tags of a TimeSeries of version 1. */
const labelsTag = 0x0a;
const samplesTag = 0x12;

/** A hash of the bytes of all labels of a series, in halves; valid until the next call. */
const labelsHash = { low: 0, high: 0 };

/** Senders encode a series' labels the same way each time, so their bytes stand for the series. */
function hashLabels(source: Uint8Array, start: number, end: number): void {
  const view = viewOf(source);
  let low = 0x811c9dc5 ^ (end - start);
  let high = 0x2545f491;
  let at = start;
  for (; at + 8 <= end; at += 8) {
    low = Math.imul(low ^ view.getInt32(at, true), 0x9e3779b1);
    high = Math.imul(high ^ view.getInt32(at + 4, true), 0x85ebca6b);
    low ^= high >>> 15;
    high ^= low >>> 13;
  }
  for (; at < end; at++) {
    low = Math.imul(low ^ (source[at] ?? 0), 0x01000193);
    high = Math.imul(high + (source[at] ?? 0) + 1, 0x5bd1e995) ^ (high >>> 13);
  }
  low = Math.imul(low ^ (high >>> 16), 0x85ebca6b);
  high = Math.imul(high ^ (low >>> 13), 0xc2b2ae35);
  low = Math.imul(low ^ (high >>> 15), 0x27d4eb2f);
  labelsHash.low = (low ^ (low >>> 16)) >>> 0;
  labelsHash.high = (high ^ (low >>> 11)) >>> 0;
}

/**
 * What the labels of a series became the last time: its id, and where in them name and service stand. A series that is
 * found here got its row in `metric_series` in the same hour, so its labels need not be read.
 */
export class KnownSeries {
  private size = slotsInitial;
  private count = 0;
  private low = new Uint32Array(slotsInitial);
  private high = new Uint32Array(slotsInitial);
  private ids = new Uint32Array(slotsInitial * 2);
  /** Hour in which it was seen; 0 is a free slot. */
  private hours = new Uint32Array(slotsInitial);
  /** Start and end of the name, start and end of the service; both ends 0 when there is none. */
  private places = new Uint16Array(slotsInitial * 4);

  /** Where the labels end that `match` found. */
  labelsEnd = 0;
  private slot = 0;
  private hour = 0;
  private tenantHash = 0;

  /** Called once a request. */
  begin(tenant: string, nowMs: number): void {
    this.tenantHash = crc32(tenant);
    this.hour = Math.floor(nowMs / 3_600_000);
  }

  /** Whether the TimeSeries (version 1) up to `end` is the usual: known labels first, then samples and nothing else. */
  match(wire: Wire, end: number): boolean {
    const start = wire.position;
    this.labelsEnd = endOfLabels(wire, end);
    while (wire.position < end) {
      if (wire.bytes[wire.position] !== samplesTag) return false;
      wire.position += 1;
      wire.position = wire.length(end);
    }
    if (this.labelsEnd - start > labelBytesMax) return false;
    this.slot = this.find(wire.bytes, start, this.labelsEnd);
    return this.hours[this.slot] === this.hour;
  }

  get idLow(): number {
    return this.ids[this.slot * 2] ?? 0;
  }

  get idHigh(): number {
    return this.ids[this.slot * 2 + 1] ?? 0;
  }

  /** Counted from the first byte of the labels. 0 and 1 are start and end of the name, 2 and 3 of the service. */
  place(which: number): number {
    return this.places[this.slot * 4 + which] ?? 0;
  }

  /** Remembers what the labels of the TimeSeries between `start` and `end` are. Leaves the position where it ends. */
  remember(
    wire: Wire,
    start: number,
    end: number,
    labels: LabelSet,
    id: { low: number; high: number },
  ): void {
    wire.position = start;
    const labelsEnd = endOfLabels(wire, end);
    wire.position = end;
    const of = (at: number, ends: Uint32Array): number => (at < 0 ? 0 : (ends[at] ?? 0) - start);
    const { name, service, valueStart, valueEnd } = labels;
    const places = [of(name, valueStart), of(name, valueEnd), of(service, valueStart), of(service, valueEnd)];
    // Labels may also stand behind the samples; then the bytes before them say nothing.
    if (labelsEnd - start > labelBytesMax || places.some((at) => at < 0 || at > labelsEnd - start)) return;
    if (this.count >= seriesMax) this.clear();
    if (this.count * 2 >= this.size) this.grow();
    const slot = this.find(wire.bytes, start, labelsEnd);
    if (this.hours[slot] === 0) this.count += 1;
    this.put(slot, labelsHash.low, labelsHash.high, this.hour, id.low, id.high, places);
  }

  private find(bytes: Uint8Array, start: number, end: number): number {
    hashLabels(bytes, start, end);
    labelsHash.low = (labelsHash.low ^ this.tenantHash) >>> 0;
    return this.slotOf(labelsHash.low, labelsHash.high);
  }

  clear(): void {
    if (this.count === 0) return;
    this.hours.fill(0);
    this.count = 0;
  }

  private put(
    slot: number,
    low: number,
    high: number,
    hour: number,
    idLow: number,
    idHigh: number,
    places: ArrayLike<number>,
  ): void {
    this.low[slot] = low;
    this.high[slot] = high;
    this.hours[slot] = hour;
    this.ids[slot * 2] = idLow;
    this.ids[slot * 2 + 1] = idHigh;
    this.places.set(places, slot * 4);
  }

  /** Where the hash stands, or the free slot where it would. */
  private slotOf(low: number, high: number): number {
    const mask = this.size - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      if (this.hours[slot] === 0 || (this.low[slot] === low && this.high[slot] === high)) return slot;
    }
  }

  private grow(): void {
    const { low, high, ids, hours, places, size } = this;
    this.size = size * 2;
    this.low = new Uint32Array(this.size);
    this.high = new Uint32Array(this.size);
    this.ids = new Uint32Array(this.size * 2);
    this.hours = new Uint32Array(this.size);
    this.places = new Uint16Array(this.size * 4);
    for (let old = 0; old < size; old++) {
      if (hours[old] === 0) continue;
      const slot = this.slotOf(low[old] ?? 0, high[old] ?? 0);
      const at = places.subarray(old * 4, old * 4 + 4);
      this.put(
        slot,
        low[old] ?? 0,
        high[old] ?? 0,
        hours[old] ?? 0,
        ids[old * 2] ?? 0,
        ids[old * 2 + 1] ?? 0,
        at,
      );
    }
  }
}

/** Passes over the labels at the start of a TimeSeries. */
function endOfLabels(wire: Wire, end: number): number {
  while (wire.position < end && wire.bytes[wire.position] === labelsTag) {
    wire.position += 1;
    wire.position = wire.length(end);
  }
  return wire.position;
}
