import type { FixedColumn } from '../../lib/index.ts';
import { PointNumbers } from '../otlp/histogram-points.ts';
import type { HistogramColumns } from '../otlp/metric-columns.ts';
import type { Wire } from '../otlp/wire.ts';

/** The schema that means: bounds stand in the message. */
const customSchema = -53;
const schemaMin = -4;
const schemaMax = 8;
/** Buckets of one side, empty ones included: 16 powers of two at the finest schema. Prometheus keeps at most some hundreds. */
export const bucketsMax = 4096;
/** Empty buckets that gaps between spans make in one request (8 MB): a few bytes must not become gigabytes. */
const gapsMax = 1_048_576;
const exactMax = Number.MAX_SAFE_INTEGER;

/** One side of a histogram as sent: spans of buckets, and per bucket a difference (integers) or a count (floats). */
class Side {
  readonly offsets: number[] = [];
  readonly lengths: number[] = [];
  readonly deltas: number[] = [];
  readonly counts: number[] = [];

  reset(): void {
    this.offsets.length = this.lengths.length = this.deltas.length = this.counts.length = 0;
  }

  get isEmpty(): boolean {
    return this.offsets.length === 0 && this.deltas.length === 0 && this.counts.length === 0;
  }

  /** Buckets from the first to the last one, or what is wrong with the spans. */
  width(): number | string {
    let filled = 0;
    let width = 0;
    for (let i = 0; i < this.offsets.length; i++) {
      const offset = this.offsets[i] ?? 0;
      const length = this.lengths[i] ?? 0;
      if (i > 0 && offset < 0) return 'a span of a histogram starts before the end of the one before';
      filled += length;
      width += length + (i > 0 ? offset : 0);
      if (width > bucketsMax) return `a histogram spans more than ${bucketsMax} buckets on one side`;
    }
    const values = this.deltas.length + this.counts.length;
    return filled === values ? width : `a histogram has ${values} bucket counts for spans of ${filled}`;
  }

  /** The sum of all counts, or what is wrong with one of them. */
  total(): number | string {
    let total = 0;
    let count = 0;
    for (const delta of this.deltas) {
      count += delta;
      if (count < 0) return 'a bucket count of a histogram is negative';
      total += count;
    }
    for (const value of this.counts) {
      if (!(value >= 0)) return 'a bucket count of a histogram is negative or not a number';
      total += value;
    }
    return total <= exactMax ? total : 'a bucket count of a histogram is out of range';
  }

  /** Every bucket from the first to the last, empty ones included. */
  expand(into: FixedColumn): void {
    let at = 0;
    let count = 0;
    for (let span = 0; span < this.offsets.length; span++) {
      if (span > 0) for (let gap = this.offsets[span] ?? 0; gap > 0; gap--) into.whole(0);
      for (let left = this.lengths[span] ?? 0; left > 0; left--, at++) {
        count = this.counts.length > 0 ? Math.round(this.counts[at] ?? 0) : count + (this.deltas[at] ?? 0);
        into.whole(count);
      }
    }
  }
}

/**
 * Histogram of both versions of the protocol. `read` takes the message, `fault` says why it can't be kept, `write` adds the
 * part of the row that is about values. One object serves all histograms.
 */
export class NativeHistogram {
  timestamp = 0;
  start = 0;
  isStale = false;
  private countLow = 0;
  private countHigh = 0;
  private floatCount = Number.NaN;
  private sum = 0;
  private schema = 0;
  private zeroThreshold = 0;
  private zeroLow = 0;
  private zeroHigh = 0;
  private floatZero = Number.NaN;
  private readonly positive = new Side();
  private readonly negative = new Side();
  private readonly bounds: number[] = [];
  private readonly point = new PointNumbers();
  private gaps = 0;

  /** Called once a request. */
  begin(): void {
    this.gaps = 0;
  }

  get isCustom(): boolean {
    return this.schema === customSchema;
  }

  read(wire: Wire, end: number): void {
    this.timestamp = this.start = this.sum = this.schema = this.zeroThreshold = 0;
    this.countLow = this.countHigh = this.zeroLow = this.zeroHigh = 0;
    this.floatCount = this.floatZero = Number.NaN;
    this.isStale = false;
    this.positive.reset();
    this.negative.reset();
    this.bounds.length = 0;
    while (wire.position < end) this.field(wire, wire.tag(end), end);
  }

  private field(wire: Wire, tag: number, end: number): void {
    const side = tag < 0x58 ? this.negative : this.positive;
    switch (tag) {
      case 0x42:
      case 0x5a:
        readSpan(wire, wire.length(end), side);
        return;
      case 0x48:
      case 0x4a:
      case 0x60:
      case 0x62:
        readDeltas(wire, end, tag, side.deltas);
        return;
      case 0x51:
      case 0x52:
      case 0x69:
      case 0x6a:
        readDoubles(wire, end, tag, side.counts);
        return;
      case 0x81:
      case 0x82:
        readDoubles(wire, end, tag, this.bounds);
        return;
      default:
        this.scalar(wire, tag, end);
    }
  }

  private scalar(wire: Wire, tag: number, end: number): void {
    switch (tag) {
      case 0x08:
        wire.varint(end);
        this.countLow = wire.low;
        this.countHigh = wire.high;
        return;
      case 0x11:
        this.floatCount = wire.double(end);
        return;
      case 0x19:
        wire.fixed64(end);
        this.isStale = isStaleMarker(wire.low, wire.high);
        wire.position -= 8;
        this.sum = wire.double(end);
        return;
      case 0x20:
        wire.varint(end);
        this.schema = wire.zigzag();
        return;
      case 0x29:
        this.zeroThreshold = wire.double(end);
        return;
      case 0x30:
        wire.varint(end);
        this.zeroLow = wire.low;
        this.zeroHigh = wire.high;
        return;
      case 0x39:
        this.floatZero = wire.double(end);
        return;
      case 0x78:
        wire.varint(end);
        this.timestamp = wire.signed();
        return;
      case 0x88:
        wire.varint(end);
        this.start = wire.signed();
        return;
      default:
        wire.skip(tag, end);
    }
  }

  fault(): string | undefined {
    if (this.isStale) return undefined;
    const { schema, positive, negative } = this;
    if (schema !== customSchema && (schema < schemaMin || schema > schemaMax))
      return `the histogram schema ${schema} is not known`;
    if (this.floatCount < 0 || this.floatZero < 0) return 'a count of a histogram is negative';
    let gaps = this.gaps;
    let filled = Number.isNaN(this.floatZero) ? whole(this.zeroLow, this.zeroHigh) : 0;
    for (const side of [positive, negative]) {
      if (side.deltas.length > 0 && side.counts.length > 0)
        return 'a histogram has integer and float counts on one side';
      const width = side.width();
      if (typeof width === 'string') return width;
      const total = side.total();
      if (typeof total === 'string') return total;
      filled += side.deltas.length > 0 ? total : 0;
      gaps += width - side.deltas.length - side.counts.length;
    }
    if (gaps > gapsMax)
      return `the histograms of one request have more than ${gapsMax} empty buckets between spans; send smaller batches`;
    if (Number.isNaN(this.floatCount) && filled > whole(this.countLow, this.countHigh))
      return `a histogram counts ${whole(this.countLow, this.countHigh)} observations and has ${filled} in its buckets`;
    this.gaps = gaps;
    return this.isCustom ? this.customFault() : undefined;
  }

  private customFault(): string | undefined {
    const { bounds, positive, negative } = this;
    if (!negative.isEmpty) return 'a histogram with custom buckets has negative ones';
    if (bounds.length >= bucketsMax) return `a histogram has more than ${bucketsMax} custom buckets`;
    for (let i = 0; i < bounds.length; i++)
      if (Number.isNaN(bounds[i]) || (i > 0 && !((bounds[i] ?? 0) > (bounds[i - 1] ?? 0))))
        return 'the custom bounds of a histogram do not ascend';
    const width = positive.width();
    const first = positive.offsets[0] ?? 0;
    if (first < 0 || (typeof width === 'number' && first + width > bounds.length + 1))
      return `a histogram has a bucket beyond its ${bounds.length} custom bounds`;
    return undefined;
  }

  write(columns: HistogramColumns): void {
    const { point } = this;
    point.sum = this.isStale ? 0 : this.sum;
    setCount(point, 'count', this.floatCount, this.countLow, this.countHigh);
    setCount(point, 'zero', this.floatZero, this.zeroLow, this.zeroHigh);
    point.scale = point.positiveOffset = point.negativeOffset = 0;
    point.zeroThreshold = this.zeroThreshold;
    if (this.isStale) {
      setCount(point, 'count', 0, 0, 0);
      setCount(point, 'zero', 0, 0, 0);
    } else if (this.isCustom) this.writeCustom(columns);
    else {
      point.scale = this.schema;
      // Bucket i of Prometheus ends at base^i, bucket i of OpenTelemetry begins there.
      point.positiveOffset = this.positive.offsets.length > 0 ? (this.positive.offsets[0] ?? 0) - 1 : 0;
      point.negativeOffset = this.negative.offsets.length > 0 ? (this.negative.offsets[0] ?? 0) - 1 : 0;
      this.positive.expand(columns.PositiveBucketCounts.items);
      this.negative.expand(columns.NegativeBucketCounts.items);
    }
    point.write(columns);
  }

  private writeCustom(columns: HistogramColumns): void {
    const counts = columns.BucketCounts.items;
    const { bounds, positive } = this;
    const from = counts.rows;
    for (let empty = positive.offsets[0] ?? 0; empty > 0; empty--) counts.whole(0);
    positive.expand(counts);
    while (counts.rows < from + bounds.length + 1) counts.whole(0);
    for (const bound of bounds) columns.ExplicitBounds.items.float64(bound);
  }
}

/** Prometheus' mark that a series ended: one certain NaN. */
export const isStaleMarker = (low: number, high: number): boolean => high === 0x7ff00000 && low === 2;

const whole = (low: number, high: number): number => high * 0x1_0000_0000 + low;

function setCount(
  point: PointNumbers,
  name: 'count' | 'zero',
  float: number,
  low: number,
  high: number,
): void {
  const rounded = Number.isNaN(float) ? -1 : Math.min(Math.round(float), exactMax);
  const isFloat = rounded >= 0;
  const lowPart = isFloat ? rounded % 0x1_0000_0000 : low;
  const highPart = isFloat ? Math.floor(rounded / 0x1_0000_0000) : high;
  if (name === 'count') {
    point.countLow = lowPart;
    point.countHigh = highPart;
  } else {
    point.zeroLow = lowPart;
    point.zeroHigh = highPart;
  }
}

function readSpan(wire: Wire, end: number, side: Side): void {
  let offset = 0;
  let length = 0;
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag !== 0x08 && tag !== 0x10) {
      wire.skip(tag, end);
      continue;
    }
    wire.varint(end);
    if (tag === 0x08) offset = wire.zigzag();
    else length = wire.unsigned();
  }
  side.offsets.push(offset);
  side.lengths.push(length);
}

/** sint64, packed or one at a time. Beyond 2^53 the count is refused afterwards, so the rounding here does not matter. */
function readDeltas(wire: Wire, end: number, tag: number, into: number[]): void {
  const packed = (tag & 7) === 2;
  const stop = packed ? wire.length(end) : end;
  do {
    if (packed && wire.position >= stop) return;
    wire.varint(stop);
    const value = wire.unsigned();
    into.push(wire.low & 1 ? -(value + 1) / 2 : value / 2);
  } while (packed);
}

function readDoubles(wire: Wire, end: number, tag: number, into: number[]): void {
  const packed = (tag & 7) === 2;
  const stop = packed ? wire.length(end) : wire.position + 8;
  if ((stop - wire.position) % 8 !== 0) throw wire.malformed('a packed field is no multiple of 8 bytes');
  while (wire.position < stop) into.push(wire.double(end));
}
