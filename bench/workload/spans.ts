import { fourDigits, mixed, sequenceOfSpanId, writeSpanId, writeTraceId } from '../identity.ts';
import { keyValue, ProtobufWriter } from '../protobuf.ts';
import { resource, words } from './logs.ts';
import {
  type BuildOptions,
  httpRequest,
  RecordTimes,
  type RequestTemplate,
  type SignalWorkload,
  viewOf,
} from './template.ts';

/** Spans of one trace: a root and what it called. */
const spansPerTrace = 8;
/** Marks of a span: trace, span, parent, start, end, user. A root has no parent; both marks are its own id then. */
const marksPerSpan = 6;

/** OTLP spans of about 240 bytes: three resource attributes, five span attributes, traces of eight spans. */
export const spans: SignalWorkload = {
  signal: 'spans',
  table: 'otel_traces',
  listener: 'otlp',
  recordsDefault: 2_000,
  requestsDefault: 24,
  build: (options) => Array.from({ length: options.count }, (_, number) => buildRequest(options, number)),
  sequence: sequenceOfSpanId('SpanId'),
  ofRun: (run) => `ScopeName = '${run}'`,
};

function buildRequest(options: BuildOptions, number: number): RequestTemplate {
  const scopeSpans = new ProtobufWriter();
  const scope = new ProtobufWriter();
  scope.text(1, options.run);
  scopeSpans.message(1, scope);
  for (let i = 0; i < options.records; i++) scopeSpans.message(2, span(number * options.records + i, i));
  const resourceSpans = new ProtobufWriter();
  resourceSpans.message(1, resource(number));
  resourceSpans.message(2, scopeSpans);
  const request = new ProtobufWriter();
  request.message(1, resourceSpans);
  const headers = { ...options.headers, 'content-type': 'application/x-protobuf' };
  const { bytes, body } = httpRequest(options.path ?? '/v1/traces', options.host, headers, request.bytes);
  const marks = Uint32Array.from(request.marks);
  const times = new RecordTimes();
  const view = viewOf(body);
  return {
    bytes,
    body,
    records: options.records,
    patch: (first, nowMs) => patchSpans(view, marks, times, first, nowMs),
  };
}

function span(n: number, position: number): ProtobufWriter {
  // Rare enough that no service counts as failing while it is measured.
  const failed = n % 250 === 0;
  const root = position % spansPerTrace === 0;
  const out = new ProtobufWriter();
  out.mark(2);
  out.raw(1, new Uint8Array(16));
  if (root) out.mark(2);
  out.mark(2);
  out.raw(2, new Uint8Array(8));
  if (!root) {
    out.mark(2);
    out.raw(4, new Uint8Array(8));
  }
  out.text(5, `${root ? 'POST' : 'GET'} /api/v1/${words[n % 10]}`);
  out.int(6, root ? 2 : 3);
  out.mark(1);
  out.fixed64(7);
  out.mark(1);
  out.fixed64(8);
  keyValue(out, 9, 'http.request.method', (any) => any.text(1, root ? 'POST' : 'GET'));
  keyValue(out, 9, 'http.route', (any) => any.text(1, `/api/v1/${words[n % 10]}`));
  keyValue(out, 9, 'http.response.status_code', (any) => any.int(3, failed ? 500 : 200));
  keyValue(out, 9, 'server.address', (any) => any.text(1, `${words[(n >> 3) % 10]}.shop.svc`));
  keyValue(out, 9, 'user.id', (any) => {
    any.mark(2 + 'user-'.length);
    any.text(1, 'user-0000');
  });
  const status = new ProtobufWriter();
  if (failed) status.int(3, 2);
  out.message(15, status);
  return out;
}

function patchSpans(
  view: DataView,
  marks: Uint32Array,
  times: RecordTimes,
  first: number,
  nowMs: number,
): void {
  const records = marks.length / marksPerSpan;
  times.begin(nowMs, records);
  for (let i = 0, at = 0; i < records; i++, at += marksPerSpan) {
    const sequence = first + i;
    const root = sequence - (i % spansPerTrace);
    const noise = mixed(sequence);
    writeTraceId(view, marks[at] ?? 0, root);
    writeSpanId(view, marks[at + 1] ?? 0, sequence);
    writeSpanId(view, marks[at + 2] ?? 0, root);
    times.write(view, marks[at + 3] ?? 0, i, noise);
    times.write(view, marks[at + 4] ?? 0, i, noise, 50_000 + ((noise >>> 4) % 80_000_000));
    view.setUint32(marks[at + 5] ?? 0, fourDigits[(noise >>> 13) % 10_000] ?? 0, true);
  }
}
