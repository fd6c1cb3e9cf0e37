import type { Range } from './resource.ts';
import type { Wire } from './wire.ts';

/** A 64-bit hash in two lanes of 32 bits: multiplications stay exact without bigint. */
export class Hash64 {
  low = 0x811c9dc5;
  high = 0x2545f491;

  reset(): void {
    this.low = 0x811c9dc5;
    this.high = 0x2545f491;
  }

  bytes(source: Uint8Array, start: number, end: number): void {
    let { low, high } = this;
    for (let i = start; i < end; i++) {
      const byte = source[i] ?? 0;
      low = Math.imul(low ^ byte, 0x01000193);
      high = Math.imul(high + byte + 1, 0x5bd1e995) ^ (high >>> 13);
    }
    this.low = low;
    this.high = high;
    this.number(end - start);
  }

  text(value: string): void {
    for (let i = 0; i < value.length; i++) this.number(value.charCodeAt(i));
    this.number(value.length);
  }

  number(value: number): void {
    this.low = Math.imul(this.low ^ value, 0x01000193) ^ (this.low >>> 15);
    this.high = Math.imul(this.high + value, 0x85ebca6b) ^ (this.high >>> 13);
  }

  finish(): void {
    let low = Math.imul(this.low ^ (this.high >>> 16), 0x85ebca6b);
    let high = Math.imul(this.high ^ (this.low >>> 15), 0xc2b2ae35);
    low = Math.imul(low ^ (low >>> 13), 0xc2b2ae35) ^ high;
    high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ (low >>> 11);
    this.low = (low ^ (low >>> 16)) >>> 0;
    this.high = (high ^ (high >>> 13)) >>> 0;
  }
}

const one = new Hash64();

/**
 * Adds the attributes of a message to `into` so that their order does not matter: each KeyValue is hashed alone, the
 * hashes are summed. The bytes of the KeyValue are hashed as sent; the SDKs encode equal attributes equally.
 */
export function hashAttributes(wire: Wire, message: Range, field: number, into: Hash64): void {
  let low = 0;
  let high = 0;
  let count = 0;
  const back = wire.position;
  wire.position = message.start;
  while (wire.position < message.end) {
    const tag = wire.tag(message.end);
    if (tag !== field) {
      wire.skip(tag, message.end);
      continue;
    }
    const stop = wire.length(message.end);
    one.reset();
    one.bytes(wire.bytes, wire.position, stop);
    one.finish();
    low = (low + one.low) | 0;
    high = (high + one.high) | 0;
    count += 1;
    wire.position = stop;
  }
  wire.position = back;
  into.number(low);
  into.number(high);
  into.number(count);
}

/** Series remembered: some 60 bytes each, 16 MB. At more it starts again, which costs repeated rows, nothing else. */
const seriesMax = 262_144;

/** Which series got their row in the current hour. */
export class SeenSeries {
  private seen = new Set<bigint>();
  private hour = 0;

  /** True the first time in an hour. */
  isNew(low: number, high: number, nowMs: number): boolean {
    const hour = Math.floor(nowMs / 3_600_000);
    if (hour !== this.hour || this.seen.size >= seriesMax) {
      this.seen = new Set();
      this.hour = hour;
    }
    const id = (BigInt(high) << 32n) | BigInt(low);
    if (this.seen.has(id)) return false;
    this.seen.add(id);
    return true;
  }

  /** The series was refused, so it is asked about again. */
  remove(low: number, high: number): void {
    this.seen.delete((BigInt(high) << 32n) | BigInt(low));
  }

  /** After a request that was not stored: its series must be written again. */
  clear(): void {
    this.seen = new Set();
  }
}
