import { digitsOf, fourDigits, mixed, sequenceOfSpanId, writeSpanId, writeTraceId } from '../identity.ts';
import { keyValue, ProtobufWriter } from '../protobuf.ts';
import {
  type BuildOptions,
  httpRequest,
  RecordTimes,
  type RequestTemplate,
  type SignalWorkload,
  viewOf,
} from './template.ts';

export const words = [
  'payment',
  'cart',
  'timeout',
  'retry',
  'accepted',
  'declined',
  'stock',
  'user',
  'session',
  'cache',
];
const services = ['checkout', 'cart', 'payment', 'catalogue', 'shipping', 'account', 'mail'];
/** Records that share a trace. */
const recordsPerTrace = 4;
/** Marks of a record, in the order in which they are written. */
const marksPerRecord = 7;

/**
 * OTLP log records of about 230 bytes: three resource attributes, four log attributes, trace and span id, a body from
 * some 50 templates whose numbers differ from record to record and from send to send.
 */
export const logs: SignalWorkload = {
  signal: 'logs',
  table: 'otel_logs',
  listener: 'otlp',
  recordsDefault: 2_000,
  requestsDefault: 24,
  build: (options) => Array.from({ length: options.count }, (_, number) => buildRequest(options, number)),
  sequence: sequenceOfSpanId('SpanId'),
  ofRun: (run) => `ScopeName = '${run}'`,
};

function buildRequest(options: BuildOptions, number: number): RequestTemplate {
  const scopeLogs = new ProtobufWriter();
  const scope = new ProtobufWriter();
  scope.text(1, options.run);
  scopeLogs.message(1, scope);
  for (let i = 0; i < options.records; i++) scopeLogs.message(2, logRecord(number * options.records + i));
  const resourceLogs = new ProtobufWriter();
  resourceLogs.message(1, resource(number));
  resourceLogs.message(2, scopeLogs);
  const request = new ProtobufWriter();
  request.message(1, resourceLogs);
  const headers = { ...options.headers, 'content-type': 'application/x-protobuf' };
  const { bytes, body } = httpRequest(options.path ?? '/v1/logs', options.host, headers, request.bytes);
  const marks = Uint32Array.from(request.marks);
  const times = new RecordTimes();
  const view = viewOf(body);
  return {
    bytes,
    body,
    records: options.records,
    patch: (first, nowMs) => patchLogs(view, marks, times, first, nowMs),
  };
}

export function resource(number: number): ProtobufWriter {
  const out = new ProtobufWriter();
  keyValue(out, 1, 'service.name', (any) => any.text(1, services[number % services.length] ?? ''));
  keyValue(out, 1, 'service.version', (any) => any.text(1, `1.${number % 3}.0`));
  keyValue(out, 1, 'host.name', (any) => any.text(1, `node-${(number * 5) % 7}`));
  return out;
}

function logRecord(n: number): ProtobufWriter {
  const failed = n % 20 === 0;
  const record = new ProtobufWriter();
  record.mark(1);
  record.fixed64(1);
  record.int(2, failed ? 17 : 9);
  record.text(3, failed ? 'ERROR' : 'INFO');
  const body = new ProtobufWriter();
  const start = `${words[n % 10]} ${words[(n >> 2) % 10]} for order `;
  body.mark(2 + start.length);
  body.mark(2 + start.length + '00000000 took '.length);
  body.text(1, `${start}00000000 took 0000 us at /api/v1/orders/${1000 + (n % 5000)}`);
  record.message(5, body);
  keyValue(record, 6, 'http.route', (any) => any.text(1, `/api/v1/${words[n % 7]}`));
  keyValue(record, 6, 'http.response.status_code', (any) => any.int(3, failed ? 500 : 200));
  keyValue(record, 6, 'user.id', (any) => {
    any.mark(2 + 'user-'.length);
    any.text(1, 'user-0000');
  });
  keyValue(record, 6, 'duration_ms', (any) => {
    any.mark(1);
    any.double(4, 0);
  });
  record.mark(2);
  record.raw(9, new Uint8Array(16));
  record.mark(2);
  record.raw(10, new Uint8Array(8));
  return record;
}

/** Durations of 0.0 to 97.6 milliseconds as halves of a double. */
const durations = new Uint32Array(Float64Array.from({ length: 977 }, (_, tenths) => tenths / 10).buffer);

function patchLogs(
  view: DataView,
  marks: Uint32Array,
  times: RecordTimes,
  first: number,
  nowMs: number,
): void {
  const records = marks.length / marksPerRecord;
  times.begin(nowMs, records);
  for (let i = 0, at = 0; i < records; i++, at += marksPerRecord) {
    const sequence = first + i;
    const noise = mixed(sequence);
    times.write(view, marks[at] ?? 0, i, noise);
    const order = marks[at + 1] ?? 0;
    view.setUint32(order, digitsOf(noise), true);
    view.setUint32(order + 4, fourDigits[(noise >>> 8) % 10_000] ?? 0, true);
    view.setUint32(marks[at + 2] ?? 0, digitsOf(noise >>> 4), true);
    view.setUint32(marks[at + 3] ?? 0, fourDigits[(noise >>> 13) % 10_000] ?? 0, true);
    const tenths = ((noise >>> 3) % 977) * 2;
    const duration = marks[at + 4] ?? 0;
    view.setUint32(duration, durations[tenths] ?? 0, true);
    view.setUint32(duration + 4, durations[tenths + 1] ?? 0, true);
    writeTraceId(view, marks[at + 5] ?? 0, Math.floor(sequence / recordsPerTrace));
    writeSpanId(view, marks[at + 6] ?? 0, sequence);
  }
}
