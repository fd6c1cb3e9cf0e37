import { ByteBuffer } from '../../lib/index.ts';
import type { Range } from './resource.ts';

const headTag = 0x0a;
const recordTag = 0x12;

/**
 * A refused record as a request of its own, so that its dead letter can be sent again: the resource and the scope it came
 * with, and `record` (a span, a metric) alone in them.
 */
export function enclosed(bytes: Uint8Array, resource: Range, scope: Range, record: Uint8Array): Uint8Array {
  const inner = new ByteBuffer();
  put(inner, headTag, bytes, scope.start, scope.end);
  put(inner, recordTag, record, 0, record.length);
  const group = new ByteBuffer();
  put(group, headTag, bytes, resource.start, resource.end);
  put(group, recordTag, inner.bytes, 0, inner.length);
  const request = new ByteBuffer();
  put(request, headTag, group.bytes, 0, group.length);
  return request.bytes.slice(0, request.length);
}

interface MetricParts {
  name: Range;
  description: Range;
  unit: Range;
  temporality: number;
  monotonic: number;
}

/** A metric of `bytes` with one data point; `kindTag` is the field of its data. */
export function metricOf(
  bytes: Uint8Array,
  metric: MetricParts,
  kindTag: number,
  point: Uint8Array,
): Uint8Array {
  const data = new ByteBuffer();
  put(data, headTag, point, 0, point.length);
  if (metric.temporality > 0) flag(data, 0x10, metric.temporality);
  if (metric.monotonic > 0) flag(data, 0x18, metric.monotonic);
  const out = new ByteBuffer();
  put(out, 0x0a, bytes, metric.name.start, metric.name.end);
  put(out, 0x12, bytes, metric.description.start, metric.description.end);
  put(out, 0x1a, bytes, metric.unit.start, metric.unit.end);
  put(out, kindTag, data.bytes, 0, data.length);
  return out.bytes.slice(0, out.length);
}

function flag(out: ByteBuffer, tag: number, value: number): void {
  out.byte(tag);
  out.varint(value);
}

function put(out: ByteBuffer, tag: number, bytes: Uint8Array, start: number, end: number): void {
  out.byte(tag);
  out.varint(end - start);
  out.raw(bytes, start, end);
}
