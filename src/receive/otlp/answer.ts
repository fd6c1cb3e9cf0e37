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
  textField(partial, 0x12, message);
  const out = new ByteBuffer();
  out.byte(0x0a);
  out.varint(partial.length);
  out.raw(partial.bytes, 0, partial.length);
  return Buffer.from(out.bytes.subarray(0, out.length));
}

/** google.rpc.Status { code = 1, message = 2 }. */
export function statusAnswer(encoding: Encoding, code: number, message: string): Buffer {
  if (encoding === 'json') return Buffer.from(JSON.stringify({ code, message }));
  const out = new ByteBuffer();
  out.byte(0x08);
  out.varint(code);
  textField(out, 0x12, message);
  return Buffer.from(out.bytes.subarray(0, out.length));
}

function textField(out: ByteBuffer, tag: number, text: string): void {
  const bytes = Buffer.from(text);
  out.byte(tag);
  out.varint(bytes.length);
  out.raw(bytes, 0, bytes.length);
}

/** HTTP status to gRPC code, as google.rpc.Status wants it. */
export const rpcCodes = new Map<number, number>([
  [400, 3],
  [401, 16],
  [403, 7],
  [404, 12],
  [405, 12],
  [413, 3],
  [415, 3],
  [429, 8],
  [500, 13],
  [503, 14],
  [504, 4],
]);
