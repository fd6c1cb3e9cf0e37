import { ByteBuffer } from '../../lib/index.ts';
import type { Labels } from './labels.ts';

/** A request is cut here: small enough to be transcoded between two other requests, large enough to be worth it. */
const chunkBytes = 524_288;
const textBytesMax = 512;
/** Prometheus' own NaNs: an ordinary one, and the one that says that a series has ended. */
const nan = { low: 1, high: 0x7ff8_0000 };
const stale = { low: 2, high: 0x7ff0_0000 };

/** A part of what was scraped, as prometheus.WriteRequest. */
export interface Chunk {
  body: Uint8Array;
  samples: number;
}

export interface Exemplar {
  labels: Labels;
  value: number;
  timestamp: number;
}

const varintBytes = (value: number): number => {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
};

/** Labels as the fields of a TimeSeries, in order of their names; they are encoded once and copied for each sample. */
export function encodeLabels(labels: Labels): Uint8Array {
  const out = new ByteBuffer(256);
  const sorted = [...labels].filter(([, value]) => value !== '');
  sorted.sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, value] of sorted) writePair(out, name, value);
  return Buffer.from(out.bytes.subarray(0, out.length));
}

function writePair(out: ByteBuffer, name: string, value: string): void {
  const nameBytes = Buffer.byteLength(name);
  const valueBytes = Buffer.byteLength(value);
  out.byte(0x0a);
  out.varint(2 + varintBytes(nameBytes) + varintBytes(valueBytes) + nameBytes + valueBytes);
  writeText(out, 0x0a, name, nameBytes);
  writeText(out, 0x12, value, valueBytes);
}

function writeText(out: ByteBuffer, tag: number, text: string, bytes: number): void {
  out.byte(tag);
  out.varint(bytes);
  out.text(text);
}

/** Builds requests of remote write 1.0 from what is scraped, so that both ways end in the same rows. */
export class WriteRequest {
  private readonly out = new ByteBuffer(65_536);
  private readonly inner = new ByteBuffer(256);
  private samples = 0;
  private chunks: Chunk[] = [];

  /** MetricMetadata { type = 1, metric_family_name = 2, help = 4, unit = 5 } */
  family(name: string, type: number, help: string, unit: string): void {
    const { inner } = this;
    inner.length = 0;
    inner.byte(0x08);
    inner.varint(type);
    for (const [tag, text] of [
      [0x12, name],
      [0x22, help.slice(0, textBytesMax).toWellFormed()],
      [0x2a, unit.slice(0, textBytesMax).toWellFormed()],
    ] as const)
      writeText(inner, tag, text, Buffer.byteLength(text));
    this.message(0x1a, inner);
    this.cut();
  }

  /** A series with one sample. `created` is 0 when it is not known when the series began. */
  sample(labels: Uint8Array, value: number, timestamp: number, created: number, exemplar?: Exemplar): void {
    if (Number.isNaN(value)) this.series(labels, nan.low, nan.high, undefined, timestamp, created, exemplar);
    else this.series(labels, 0, 0, value, timestamp, created, exemplar);
  }

  /** The end of a series. */
  stale(labels: Uint8Array, timestamp: number): void {
    this.series(labels, stale.low, stale.high, undefined, timestamp, 0, undefined);
  }

  take(): Chunk[] {
    this.close();
    const { chunks } = this;
    this.chunks = [];
    return chunks;
  }

  /** Forgets what was not taken. */
  reset(): void {
    this.out.reset();
    this.samples = 0;
    this.chunks = [];
  }

  private series(
    labels: Uint8Array,
    low: number,
    high: number,
    value: number | undefined,
    timestamp: number,
    created: number,
    exemplar: Exemplar | undefined,
  ): void {
    const { out, inner } = this;
    const sampleBytes = 10 + varintBytes(timestamp) + (created > 0 ? 1 + varintBytes(created) : 0);
    inner.length = 0;
    if (exemplar !== undefined) writeExemplar(inner, exemplar);
    const exemplarBytes = inner.length === 0 ? 0 : 1 + varintBytes(inner.length) + inner.length;
    out.byte(0x0a);
    out.varint(labels.length + 2 + sampleBytes + exemplarBytes);
    out.raw(labels, 0, labels.length);
    out.byte(0x12);
    out.byte(sampleBytes);
    out.byte(0x09);
    if (value === undefined) out.uint64(low, high);
    else out.float64(value);
    out.byte(0x10);
    out.varint(timestamp);
    if (created > 0) {
      out.byte(0x18);
      out.varint(created);
    }
    if (inner.length > 0) this.message(0x1a, inner);
    this.samples += 1;
    this.cut();
  }

  private message(tag: number, content: ByteBuffer): void {
    this.out.byte(tag);
    this.out.varint(content.length);
    this.out.raw(content.bytes, 0, content.length);
  }

  private cut(): void {
    if (this.out.length >= chunkBytes) this.close();
  }

  private close(): void {
    const { out } = this;
    if (out.length === 0) return;
    this.chunks.push({ body: Buffer.from(out.bytes.subarray(0, out.length)), samples: this.samples });
    out.reset();
    this.samples = 0;
  }
}

/** Exemplar { labels = 1, value = 2, timestamp = 3 } */
function writeExemplar(out: ByteBuffer, exemplar: Exemplar): void {
  for (const [name, value] of exemplar.labels) writePair(out, name, value);
  out.byte(0x11);
  out.float64(exemplar.value);
  out.byte(0x18);
  out.varint(exemplar.timestamp);
}
