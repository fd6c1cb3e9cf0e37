/** An encoder of Prometheus remote write for tests, written from the definitions and independent of the code under test. */

/** Protobuf fields as nested arrays of bytes. */
export type Bytes = number[];

export function varint(value: number | bigint): Bytes {
  const out: Bytes = [];
  for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
    const part = Number(rest & 0x7fn);
    if (rest < 0x80n) return [...out, part];
    out.push(part | 0x80);
  }
}

export const zigzag = (value: number): Bytes => varint(value >= 0 ? value * 2 : -value * 2 - 1);
const tag = (field: number, type: number): Bytes => varint(field * 8 + type);
export const int = (field: number, value: number | bigint): Bytes => [...tag(field, 0), ...varint(value)];
export const sint = (field: number, value: number): Bytes => [...tag(field, 0), ...zigzag(value)];
export const bytes = (field: number, value: Bytes): Bytes => [
  ...tag(field, 2),
  ...varint(value.length),
  ...value,
];
export const string = (field: number, value: string): Bytes => bytes(field, [...Buffer.from(value)]);
const doubleBytes = (value: number): Bytes => {
  const buffer = Buffer.alloc(8);
  buffer.writeDoubleLE(value);
  return [...buffer];
};
export const double = (field: number, value: number): Bytes => [...tag(field, 1), ...doubleBytes(value)];
/** The bits of a double, for NaNs of a certain kind. */
export const doubleBits = (field: number, bits: bigint): Bytes => {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(bits);
  return [...tag(field, 1), ...buffer];
};
const packed = (field: number, values: Bytes[]): Bytes => bytes(field, values.flat());

export const staleBits = 0x7ff0000000000002n;

export interface Sample {
  value?: number;
  stale?: boolean;
  at: number | bigint;
  start?: number;
}

export interface Histogram {
  at: number;
  sum?: number;
  stale?: boolean;
  count?: number;
  floatCount?: number;
  schema?: number;
  zeroThreshold?: number;
  zero?: number;
  floatZero?: number;
  /** [offset, length] */
  positiveSpans?: [number, number][];
  positiveDeltas?: number[];
  positiveCounts?: number[];
  negativeSpans?: [number, number][];
  negativeDeltas?: number[];
  negativeCounts?: number[];
  bounds?: number[];
  resetHint?: number;
}

export interface Series {
  labels: [string, string][];
  samples?: Sample[];
  histograms?: Histogram[];
  exemplars?: { labels: [string, string][]; value: number; at: number }[];
  metadata?: { type: number; help?: string; unit?: string };
  created?: number;
}

const sampleBytes = (sample: Sample): Bytes => [
  ...(sample.stale ? doubleBits(1, staleBits) : double(1, sample.value ?? 0)),
  ...int(2, sample.at),
  ...(sample.start === undefined ? [] : int(3, sample.start)),
];

const span = ([offset, length]: [number, number]): Bytes => [...sint(1, offset), ...int(2, length)];
const optional = <T>(value: T | undefined, encode: (value: T) => Bytes): Bytes =>
  value === undefined ? [] : encode(value);

export const histogramBytes = (h: Histogram): Bytes => [
  ...optional(h.count, (value) => int(1, value)),
  ...optional(h.floatCount, (value) => double(2, value)),
  ...(h.stale ? doubleBits(3, staleBits) : double(3, h.sum ?? 0)),
  ...optional(h.schema, (value) => sint(4, value)),
  ...optional(h.zeroThreshold, (value) => double(5, value)),
  ...optional(h.zero, (value) => int(6, value)),
  ...optional(h.floatZero, (value) => double(7, value)),
  ...(h.negativeSpans ?? []).flatMap((value) => bytes(8, span(value))),
  ...optional(h.negativeDeltas, (values) => packed(9, values.map(zigzag))),
  ...optional(h.negativeCounts, (values) => packed(10, values.map(doubleBytes))),
  ...(h.positiveSpans ?? []).flatMap((value) => bytes(11, span(value))),
  ...optional(h.positiveDeltas, (values) => packed(12, values.map(zigzag))),
  ...optional(h.positiveCounts, (values) => packed(13, values.map(doubleBytes))),
  ...optional(h.resetHint, (value) => int(14, value)),
  ...int(15, h.at),
  ...optional(h.bounds, (values) => packed(16, values.map(doubleBytes))),
];

export interface FamilyMetadata {
  name: string;
  type: number;
  help?: string;
  unit?: string;
}

/** prometheus.WriteRequest. */
export function encodeFirst(series: Series[], metadata: FamilyMetadata[] = []): Uint8Array {
  const label = ([name, value]: [string, string]): Bytes =>
    bytes(1, [...string(1, name), ...string(2, value)]);
  return Uint8Array.from([
    ...series.flatMap((one) =>
      bytes(1, [
        ...one.labels.flatMap(label),
        ...(one.samples ?? []).flatMap((sample) => bytes(2, sampleBytes(sample))),
        ...(one.exemplars ?? []).flatMap((exemplar) =>
          bytes(3, [...exemplar.labels.flatMap(label), ...double(2, exemplar.value), ...int(3, exemplar.at)]),
        ),
        ...(one.histograms ?? []).flatMap((histogram) => bytes(4, histogramBytes(histogram))),
      ]),
    ),
    ...metadata.flatMap((family) =>
      bytes(3, [
        ...int(1, family.type),
        ...string(2, family.name),
        ...string(4, family.help ?? ''),
        ...string(5, family.unit ?? ''),
      ]),
    ),
  ]);
}

/** io.prometheus.write.v2.Request. */
export function encodeSecond(series: Series[]): Uint8Array {
  const symbols = [''];
  const numbers = new Map([['', 0]]);
  const symbol = (text: string): Bytes => {
    const known = numbers.get(text) ?? symbols.push(text) - 1;
    numbers.set(text, known);
    return varint(known);
  };
  const refs = (labels: [string, string][]): Bytes => packed(1, labels.flat().map(symbol));
  const body = series.flatMap((one) =>
    bytes(5, [
      ...refs(one.labels),
      ...(one.samples ?? []).flatMap((sample) => bytes(2, sampleBytes(sample))),
      ...(one.histograms ?? []).flatMap((histogram) => bytes(3, histogramBytes(histogram))),
      ...(one.exemplars ?? []).flatMap((exemplar) =>
        bytes(4, [...refs(exemplar.labels), ...double(2, exemplar.value), ...int(3, exemplar.at)]),
      ),
      ...optional(one.metadata, (metadata) =>
        bytes(5, [
          ...int(1, metadata.type),
          ...tag(3, 0),
          ...symbol(metadata.help ?? ''),
          ...tag(4, 0),
          ...symbol(metadata.unit ?? ''),
        ]),
      ),
      ...optional(one.created, (value) => int(6, value)),
    ]),
  );
  return Uint8Array.from([...symbols.flatMap((text) => string(4, text)), ...body]);
}

/** A snappy block of literals only: what every decompressor must read. */
export function snappyOf(plain: Uint8Array): Buffer {
  const parts = [Buffer.from(varint(plain.length))];
  const chunk = 60_000;
  for (let at = 0; at < plain.length; at += chunk) {
    const piece = plain.subarray(at, at + chunk);
    const last = piece.length - 1;
    parts.push(Buffer.from([61 << 2, last & 255, last >> 8]), Buffer.from(piece));
  }
  return Buffer.concat(parts);
}
