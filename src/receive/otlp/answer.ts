import { ByteBuffer } from '../../lib/index.ts';

export type Encoding = 'protobuf' | 'json';
export type Signal = 'logs' | 'traces' | 'metrics';

export const contentTypes: Record<Encoding, string> = {
  protobuf: 'application/x-protobuf',
  json: 'application/json',
};

const rejectedNames: Record<Signal, string> = {
  logs: 'rejectedLogRecords',
  traces: 'rejectedSpans',
  metrics: 'rejectedDataPoints',
};

/** ExportXServiceResponse; all three have the same numbers: partial_success = 1 { rejected = 1, error_message = 2 }. */
export function exportAnswer(encoding: Encoding, signal: Signal, rejected: number, message: string): Buffer {
  if (encoding === 'json') {
    const partialSuccess = { [rejectedNames[signal]]: String(rejected), errorMessage: message };
    return Buffer.from(JSON.stringify(rejected === 0 && message === '' ? {} : { partialSuccess }));
  }
  if (rejected === 0 && message === '') return Buffer.alloc(0);
  const partial = new ByteBuffer();
  if (rejected > 0) {
    partial.byte(0x08);
    partial.varint(rejected);
  }
  bytesField(partial, 0x12, Buffer.from(message));
  const out = new ByteBuffer();
  bytesField(out, 0x0a, finished(partial));
  return finished(out);
}

/** google.rpc.Status { code = 1, message = 2 }. */
export function statusAnswer(encoding: Encoding, code: number, message: string): Buffer {
  if (encoding === 'json') return Buffer.from(JSON.stringify({ code, message }));
  return finished(statusOf(code, message));
}

/**
 * The same with details = 3, one Any { type_url = 1, value = 2 } that holds RetryInfo { retry_delay = 1 { seconds = 1 } }:
 * without it an OTLP/gRPC exporter takes RESOURCE_EXHAUSTED for final.
 */
export function retryStatus(code: number, message: string, retryAfterS: number): Buffer {
  const duration = new ByteBuffer();
  duration.byte(0x08);
  duration.varint(retryAfterS);
  const info = new ByteBuffer();
  bytesField(info, 0x0a, finished(duration));
  const any = new ByteBuffer();
  bytesField(any, 0x0a, Buffer.from('type.googleapis.com/google.rpc.RetryInfo'));
  bytesField(any, 0x12, finished(info));
  const out = statusOf(code, message);
  bytesField(out, 0x1a, finished(any));
  return finished(out);
}

function statusOf(code: number, message: string): ByteBuffer {
  const out = new ByteBuffer();
  out.byte(0x08);
  out.varint(code);
  bytesField(out, 0x12, Buffer.from(message));
  return out;
}

function bytesField(out: ByteBuffer, tag: number, bytes: Uint8Array): void {
  out.byte(tag);
  out.varint(bytes.length);
  out.raw(bytes, 0, bytes.length);
}

const finished = (out: ByteBuffer): Buffer => Buffer.from(out.bytes.subarray(0, out.length));

/** HTTP status to gRPC code, as google.rpc.Status wants it. */
export const rpcCodes = new Map<number, number>([
  [400, 3],
  [401, 16],
  [403, 7],
  [404, 12],
  [405, 12],
  [413, 3],
  [415, 3],
  [422, 3],
  [429, 8],
  [500, 13],
  [503, 14],
  [504, 4],
]);
