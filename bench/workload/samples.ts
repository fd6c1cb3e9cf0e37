import { ProtobufWriter } from '../protobuf.ts';
import { snappyCompress } from '../snappy.ts';
import {
  type BuildOptions,
  httpRequest,
  type RequestTemplate,
  type SignalWorkload,
  viewOf,
} from './template.ts';

/** Bytes of a millisecond time as a varint from 2004 (2^40 ms) to 2109 (2^42 ms). */
const timeBytes = 6;
const methods = ['GET', 'POST', 'PUT', 'DELETE'];
const statuses = ['200', '201', '404', '500'];

/**
 * Prometheus remote write 1.0: series of ten labels, one sample each, snappy. All requests together name each series
 * once, so a pass over the requests is a scrape. The value is the sequence number: a counter that grows with each pass.
 */
export const samples: SignalWorkload = {
  signal: 'samples',
  table: 'metric_samples',
  listener: 'api',
  recordsDefault: 2_000,
  requestsDefault: 50,
  build: (options) => Array.from({ length: options.count }, (_, number) => buildRequest(options, number)),
  sequence: 'toUInt32(Value)',
  ofRun: (run) => `ServiceName = '${run}'`,
};

function buildRequest(options: BuildOptions, number: number): RequestTemplate {
  const request = new ProtobufWriter();
  for (let i = 0; i < options.records; i++)
    request.message(1, timeSeries(number * options.records + i, options.run));
  const ranges = request.marks.map((mark, index): [number, number] => [
    mark,
    mark + (index % 2 === 0 ? 8 : timeBytes),
  ]);
  const compressed = snappyCompress(request.bytes, ranges);
  const headers = {
    ...options.headers,
    'content-type': 'application/x-protobuf',
    'content-encoding': 'snappy',
    'x-prometheus-remote-write-version': '0.1.0',
  };
  const { bytes, body } = httpRequest(
    options.path ?? '/api/v1/write',
    options.host,
    headers,
    compressed.bytes,
  );
  const offsets = Uint32Array.from(compressed.offsets);
  const view = viewOf(body);
  return {
    bytes,
    body,
    records: options.records,
    patch: (first, nowMs) => patchSamples(view, offsets, first, nowMs),
  };
}

function timeSeries(n: number, run: string): ProtobufWriter {
  const out = new ProtobufWriter();
  const label = (name: string, value: string) => {
    const pair = new ProtobufWriter();
    pair.text(1, name);
    pair.text(2, value);
    out.message(1, pair);
  };
  const pod = Math.floor(n / 160);
  label(
    '__name__',
    `http_${['requests', 'request_bytes', 'response_bytes', 'errors', 'retries'][n % 5]}_total`,
  );
  label('cluster', 'production-1');
  label('container', 'server');
  label('instance', `10.${pod >> 8}.${pod & 255}.7:8080`);
  label('job', run);
  label('method', methods[Math.floor(n / 5) % 4] ?? '');
  label('namespace', `shop-${pod % 12}`);
  label('pod', `server-${(pod * 2_654_435_761) % 4_294_967_296}-${pod}`);
  label('route', `/api/v1/route-${Math.floor(n / 80) % 2}`);
  label('status', statuses[Math.floor(n / 20) % 4] ?? '');
  const sample = new ProtobufWriter();
  sample.mark(1);
  sample.double(1, 0);
  sample.mark(1);
  sample.int(2, 2 ** 41);
  out.message(2, sample);
  return out;
}

const value = new Float64Array(1);
const halves = new Uint32Array(value.buffer);

function patchSamples(view: DataView, offsets: Uint32Array, first: number, nowMs: number): void {
  const records = offsets.length / 2;
  // The time is the same for all samples of a scrape: four groups of seven bits, then two.
  const low =
    (nowMs & 0x7f) |
    0x80 |
    ((((nowMs >>> 7) & 0x7f) | 0x80) << 8) |
    ((((nowMs >>> 14) & 0x7f) | 0x80) << 16) |
    ((((nowMs >>> 21) & 0x7f) | 0x80) << 24);
  const rest = Math.floor(nowMs / 2 ** 28);
  const high = (rest & 0x7f) | 0x80 | (((rest >>> 7) & 0x7f) << 8);
  for (let i = 0, at = 0; i < records; i++, at += 2) {
    value[0] = first + i;
    const valueAt = offsets[at] ?? 0;
    view.setUint32(valueAt, halves[0] ?? 0, true);
    view.setUint32(valueAt + 4, halves[1] ?? 0, true);
    const timeAt = offsets[at + 1] ?? 0;
    view.setUint32(timeAt, low, true);
    view.setUint16(timeAt + 4, high, true);
  }
}
