export interface ZipkinTestSpan {
  traceId: string;
  id: string;
  parentId: string;
  name: string;
  timestamp: number;
  duration: number;
  localEndpoint: TestEndpoint;
  remoteEndpoint: TestEndpoint;
  annotations: { timestamp: number; value: string }[];
  tags: Record<string, string>;
}
interface TestEndpoint {
  serviceName?: string;
  ipv4?: string;
  port?: number;
}

const varint = (value: number): Buffer => {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    bytes.push(rest >= 0x80 ? (rest % 128) | 0x80 : rest);
    if (rest < 0x80) return Buffer.from(bytes);
  }
};
const part = (tag: number, content: Uint8Array | string): Buffer => {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from([tag]), varint(bytes.length), bytes]);
};
const number = (tag: number, value: number) => Buffer.concat([Buffer.from([tag]), varint(value)]);
const time = (tag: number, us: number) => {
  const bytes = Buffer.alloc(9);
  bytes[0] = tag;
  bytes.writeBigUInt64LE(BigInt(us), 1);
  return bytes;
};
const endpoint = ({ serviceName = '', ipv4 = '', port = 0 }: TestEndpoint) =>
  Buffer.concat([
    part(0x0a, serviceName),
    part(0x12, Buffer.from(ipv4.split('.').map(Number))),
    number(0x20, port),
  ]);

/** A ListOfSpans of zipkin.proto3 with one span of a client, written from zipkin.proto. */
export const zipkinProtobuf = (span: ZipkinTestSpan): Buffer =>
  part(
    0x0a,
    Buffer.concat([
      part(0x0a, Buffer.from(span.traceId, 'hex')),
      part(0x12, Buffer.from(span.parentId.padStart(16, '0'), 'hex')),
      part(0x1a, Buffer.from(span.id.padStart(16, '0'), 'hex')),
      number(0x20, 1),
      part(0x2a, span.name),
      time(0x31, span.timestamp),
      number(0x38, span.duration),
      part(0x42, endpoint(span.localEndpoint)),
      part(0x4a, endpoint(span.remoteEndpoint)),
      ...span.annotations.map(({ timestamp, value }) =>
        part(0x52, Buffer.concat([time(0x09, timestamp), part(0x12, value)])),
      ),
      ...Object.entries(span.tags).map(([key, value]) =>
        part(0x5a, Buffer.concat([part(0x0a, key), part(0x12, value)])),
      ),
      number(0x60, 1),
    ]),
  );
