/** Writes Jaeger's Batch in Thrift's binary protocol, as its clients do over HTTP; written from jaeger.thrift. */
export type TagValue = string | number | bigint | boolean | Uint8Array;

export interface ThriftSpan {
  traceIdLow: bigint;
  traceIdHigh?: bigint;
  spanId: bigint;
  parentSpanId?: bigint;
  operationName: string;
  references?: { refType: number; traceIdLow: bigint; traceIdHigh?: bigint; spanId: bigint }[];
  /** Microseconds. */
  startTime: bigint;
  duration: bigint;
  tags?: Record<string, TagValue>;
  logs?: { timestamp: bigint; fields: Record<string, TagValue> }[];
}

const sized = (bytes: number, write: (buffer: Buffer) => unknown): Buffer => {
  const buffer = Buffer.alloc(bytes);
  write(buffer);
  return buffer;
};
const i32 = (value: number) => sized(4, (buffer) => buffer.writeInt32BE(value));
const i64 = (value: bigint) => sized(8, (buffer) => buffer.writeBigInt64BE(BigInt.asIntN(64, value)));
const double = (value: number) => sized(8, (buffer) => buffer.writeDoubleBE(value));
const binary = (value: Uint8Array) => Buffer.concat([i32(value.length), value]);
const text = (value: string) => binary(Buffer.from(value));
export const field = (type: number, id: number, value: Uint8Array) =>
  Buffer.concat([sized(3, (buffer) => buffer.writeInt8(type) && buffer.writeInt16BE(id, 1)), value]);
export const struct = (...fields: Uint8Array[]) => Buffer.concat([...fields, Buffer.from([0])]);
export const list = (items: Uint8Array[]) => Buffer.concat([Buffer.from([12]), i32(items.length), ...items]);

function tagStruct([key, value]: [string, TagValue]): Buffer {
  const of = (vType: number, content: Buffer) =>
    struct(field(11, 1, text(key)), field(8, 2, i32(vType)), content);
  if (typeof value === 'string') return of(0, field(11, 3, text(value)));
  if (typeof value === 'number') return of(1, field(4, 4, double(value)));
  if (typeof value === 'boolean') return of(2, field(2, 5, Buffer.from([value ? 1 : 0])));
  if (typeof value === 'bigint') return of(3, field(10, 6, i64(value)));
  return of(4, field(11, 7, binary(value)));
}
const tagList = (tags: Record<string, TagValue>) => list(Object.entries(tags).map(tagStruct));

function spanStruct(span: ThriftSpan): Buffer {
  const references = (span.references ?? []).map((reference) =>
    struct(
      field(8, 1, i32(reference.refType)),
      field(10, 2, i64(reference.traceIdLow)),
      field(10, 3, i64(reference.traceIdHigh ?? 0n)),
      field(10, 4, i64(reference.spanId)),
    ),
  );
  const logs = (span.logs ?? []).map((log) =>
    struct(field(10, 1, i64(log.timestamp)), field(15, 2, tagList(log.fields))),
  );
  return struct(
    field(10, 1, i64(span.traceIdLow)),
    field(10, 2, i64(span.traceIdHigh ?? 0n)),
    field(10, 3, i64(span.spanId)),
    field(10, 4, i64(span.parentSpanId ?? 0n)),
    field(11, 5, text(span.operationName)),
    field(15, 6, list(references)),
    field(8, 7, i32(1)),
    field(10, 8, i64(span.startTime)),
    field(10, 9, i64(span.duration)),
    field(15, 10, tagList(span.tags ?? {})),
    field(15, 11, list(logs)),
    // A field that a later version of the format may bring: a map of lists.
    field(13, 99, Buffer.concat([Buffer.from([11, 15]), i32(1), text('k'), list([struct()])])),
  );
}

export const jaegerBatch = (
  process: { serviceName: string; tags?: Record<string, TagValue> },
  spans: ThriftSpan[],
): Buffer =>
  struct(
    field(12, 1, struct(field(11, 1, text(process.serviceName)), field(15, 2, tagList(process.tags ?? {})))),
    field(15, 2, list(spans.map(spanStruct))),
  );
