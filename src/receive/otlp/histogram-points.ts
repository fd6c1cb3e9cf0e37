import type { ArrayColumn, FixedColumn } from '../../lib/index.ts';
import type { HistogramColumns } from './metric-columns.ts';
import type { Wire } from './wire.ts';

type Integers = ArrayColumn<FixedColumn>;

/** Values of a repeated double or fixed64, packed (one field) or not (a field each). */
function eights(wire: Wire, end: number, packed: boolean, into: FixedColumn): void {
  const stop = packed ? wire.length(end) : wire.position + 8;
  if ((stop - wire.position) % 8 !== 0) throw wire.malformed('a packed field is no multiple of 8 bytes');
  while (wire.position < stop) {
    wire.fixed64(end);
    into.uint64(wire.low, wire.high);
  }
}

/** Scalars of one point, written when all its fields were read. */
export class PointNumbers {
  countLow = 0;
  countHigh = 0;
  sum = 0;
  min = Number.NaN;
  max = Number.NaN;
  scale = 0;
  zeroLow = 0;
  zeroHigh = 0;
  zeroThreshold = 0;
  positiveOffset = 0;
  negativeOffset = 0;

  write(columns: HistogramColumns): void {
    columns.Count.uint64(this.countLow, this.countHigh);
    columns.Sum.float64(this.sum);
    columns.Min.float64(this.min);
    columns.Max.float64(this.max);
    columns.Scale.int32(this.scale);
    columns.ZeroCount.uint64(this.zeroLow, this.zeroHigh);
    columns.ZeroThreshold.float64(this.zeroThreshold);
    columns.PositiveOffset.int32(this.positiveOffset);
    columns.NegativeOffset.int32(this.negativeOffset);
    for (const name of arrays) columns[name].endRow();
  }
}

const arrays = [
  'BucketCounts',
  'ExplicitBounds',
  'PositiveBucketCounts',
  'NegativeBucketCounts',
  'Quantiles',
  'QuantileValues',
] as const;

/** HistogramDataPoint: count, sum, buckets, bounds, min, max. */
export function histogramPoint(wire: Wire, end: number, columns: HistogramColumns): void {
  const point = new PointNumbers();
  while (wire.position < end) {
    const tag = wire.tag(end);
    switch (tag) {
      case 0x21:
        wire.fixed64(end);
        point.countLow = wire.low;
        point.countHigh = wire.high;
        break;
      case 0x29:
        point.sum = wire.double(end);
        break;
      case 0x31:
      case 0x32:
        eights(wire, end, tag === 0x32, columns.BucketCounts.items);
        break;
      case 0x39:
      case 0x3a:
        eights(wire, end, tag === 0x3a, columns.ExplicitBounds.items);
        break;
      case 0x59:
        point.min = wire.double(end);
        break;
      case 0x61:
        point.max = wire.double(end);
        break;
      default:
        wire.skip(tag, end);
    }
  }
  point.write(columns);
}

/** Numbers of buckets and bounds of a HistogramDataPoint that don't fit together, as text; undefined when they do. */
export function histogramFault(wire: Wire, end: number): string | undefined {
  let counts = 0;
  let bounds = 0;
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag === 0x32 || tag === 0x3a) {
      const stop = wire.length(end);
      if (tag === 0x32) counts += (stop - wire.position) / 8;
      else bounds += (stop - wire.position) / 8;
      wire.position = stop;
      continue;
    }
    if (tag === 0x31) counts += 1;
    if (tag === 0x39) bounds += 1;
    wire.skip(tag, end);
  }
  if (counts === 0 && bounds === 0) return undefined;
  return counts === bounds + 1 ? undefined : `${counts} bucket_counts for ${bounds} explicit_bounds`;
}

/** ExponentialHistogramDataPoint. */
export function exponentialPoint(wire: Wire, end: number, columns: HistogramColumns): void {
  const point = new PointNumbers();
  while (wire.position < end) {
    const tag = wire.tag(end);
    switch (tag) {
      case 0x21:
        wire.fixed64(end);
        point.countLow = wire.low;
        point.countHigh = wire.high;
        break;
      case 0x29:
        point.sum = wire.double(end);
        break;
      case 0x30:
        wire.varint(end);
        point.scale = wire.zigzag();
        break;
      case 0x39:
        wire.fixed64(end);
        point.zeroLow = wire.low;
        point.zeroHigh = wire.high;
        break;
      case 0x42:
        point.positiveOffset = buckets(wire, wire.length(end), columns.PositiveBucketCounts);
        break;
      case 0x4a:
        point.negativeOffset = buckets(wire, wire.length(end), columns.NegativeBucketCounts);
        break;
      case 0x61:
        point.min = wire.double(end);
        break;
      case 0x69:
        point.max = wire.double(end);
        break;
      case 0x71:
        point.zeroThreshold = wire.double(end);
        break;
      default:
        wire.skip(tag, end);
    }
  }
  point.write(columns);
}

function buckets(wire: Wire, end: number, into: Integers): number {
  let offset = 0;
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag === 0x08) {
      wire.varint(end);
      offset = wire.zigzag();
    } else if (tag === 0x10 || tag === 0x12) {
      const stop = tag === 0x12 ? wire.length(end) : wire.position + 1;
      while (wire.position < stop) {
        wire.varint(end);
        into.items.uint64(wire.low, wire.high);
      }
    } else wire.skip(tag, end);
  }
  return offset;
}

/** SummaryDataPoint: count, sum, quantiles. */
export function summaryPoint(wire: Wire, end: number, columns: HistogramColumns): void {
  const point = new PointNumbers();
  while (wire.position < end) {
    const tag = wire.tag(end);
    switch (tag) {
      case 0x21:
        wire.fixed64(end);
        point.countLow = wire.low;
        point.countHigh = wire.high;
        break;
      case 0x29:
        point.sum = wire.double(end);
        break;
      case 0x32:
        quantile(wire, wire.length(end), columns);
        break;
      default:
        wire.skip(tag, end);
    }
  }
  point.write(columns);
}

function quantile(wire: Wire, end: number, columns: HistogramColumns): void {
  let quantileValue = 0;
  let value = 0;
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag === 0x09) quantileValue = wire.double(end);
    else if (tag === 0x11) value = wire.double(end);
    else wire.skip(tag, end);
  }
  columns.Quantiles.items.float64(quantileValue);
  columns.QuantileValues.items.float64(value);
}
