import { ByteBuffer } from '../../lib/index.ts';
import { Wire } from '../otlp/wire.ts';

/** Tags of what a series holds beside its labels and metadata. */
export interface RecordTags {
  samples: number;
  histograms: number;
  exemplars: number;
}

/**
 * A series with one of its records: what its dead letter holds, for the other records were stored. `from` and `to` bound
 * the record's content.
 */
export function seriesAlone(
  series: Uint8Array,
  tags: RecordTags,
  tag: number,
  from: number,
  to: number,
): Uint8Array {
  const wire = new Wire(series);
  const out = new ByteBuffer();
  while (wire.position < series.length) {
    const start = wire.position;
    const found = wire.tag(series.length);
    wire.skip(found, series.length);
    const isRecord = found === tags.samples || found === tags.histograms || found === tags.exemplars;
    if (!isRecord) out.raw(series, start, wire.position);
  }
  put(out, tag, series, from, to);
  return out.bytes.slice(0, out.length);
}

const symbolsTag = 0x22;
const seriesTag = 0x2a;

/** Refused series of version 2 as a request of their own: they mean nothing without the request's string table. */
export function requestOfSeries(body: Uint8Array, all: readonly Uint8Array[]): Uint8Array {
  const wire = new Wire(body);
  const out = new ByteBuffer();
  while (wire.position < body.length) {
    const start = wire.position;
    const tag = wire.tag(body.length);
    wire.skip(tag, body.length);
    if (tag === symbolsTag) out.raw(body, start, wire.position);
  }
  for (const series of all) put(out, seriesTag, series, 0, series.length);
  return out.bytes.slice(0, out.length);
}

function put(out: ByteBuffer, tag: number, bytes: Uint8Array, start: number, end: number): void {
  out.byte(tag);
  out.varint(end - start);
  out.raw(bytes, start, end);
}
