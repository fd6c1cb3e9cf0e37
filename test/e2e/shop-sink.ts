import { createServer, type Server } from 'node:http';

/** A receiver of OTLP/HTTP protobuf that reads just what the shop's tests ask about. */

type Value = string | number | boolean;
type Attributes = Record<string, Value>;

export interface SinkSpan {
  service: string;
  resource: Attributes;
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  kind: number;
  startMs: number;
  durationMs: number;
  error: boolean;
  attributes: Attributes;
  events: string[];
}

export interface SinkLog {
  service: string;
  resource: Attributes;
  at: number;
  severity: string;
  body: string;
  traceId: string;
  attributes: Attributes;
}

export interface SinkPoint {
  service: string;
  resource: Attributes;
  at: number;
  name: string;
  value: number;
  count: number;
  attributes: Attributes;
}

interface Field {
  number: number;
  bytes: Buffer;
  integer: bigint;
  double: number;
}

const empty = Buffer.alloc(0);

function varint(bytes: Buffer, at: number): [bigint, number] {
  let value = 0n;
  for (let shift = 0n, index = at; ; shift += 7n, index++) {
    const byte = bytes[index] ?? 0;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return [value, index + 1];
  }
}

/** The fields of one protobuf message. */
function* fields(bytes: Buffer): Generator<Field> {
  for (let at = 0; at < bytes.length; ) {
    const [tag, next] = varint(bytes, at);
    const field: Field = { number: Number(tag >> 3n), bytes: empty, integer: 0n, double: 0 };
    const wire = Number(tag & 7n);
    if (wire === 0) [field.integer, at] = varint(bytes, next);
    else if (wire === 1) {
      field.integer = bytes.readBigUInt64LE(next);
      field.double = bytes.readDoubleLE(next);
      at = next + 8;
    } else if (wire === 2) {
      const [length, start] = varint(bytes, next);
      field.bytes = bytes.subarray(start, start + Number(length));
      at = start + Number(length);
    } else at = next + 4;
    yield field;
  }
}

const all = (bytes: Buffer, number: number): Buffer[] =>
  [...fields(bytes)].filter((field) => field.number === number).map((field) => field.bytes);

function anyValue(bytes: Buffer): Value {
  for (const field of fields(bytes)) {
    if (field.number === 1) return field.bytes.toString('utf8');
    if (field.number === 2) return field.integer !== 0n;
    if (field.number === 3) return Number(BigInt.asIntN(64, field.integer));
    if (field.number === 4) return field.double;
  }
  return '';
}

function attributes(pairs: Buffer[]): Attributes {
  return Object.fromEntries(
    pairs.map((pair) => [all(pair, 1)[0]?.toString('utf8') ?? '', anyValue(all(pair, 2)[0] ?? empty)]),
  );
}

const ms = (ns: bigint): number => Number(ns / 1_000n) / 1_000;

function readSpan(bytes: Buffer, resource: Attributes): SinkSpan {
  const of = new Map([...fields(bytes)].map((field) => [field.number, field]));
  const startMs = ms(of.get(7)?.integer ?? 0n);
  const status = of.get(15)?.bytes ?? empty;
  return {
    service: String(resource['service.name']),
    resource,
    traceId: of.get(1)?.bytes.toString('hex') ?? '',
    spanId: of.get(2)?.bytes.toString('hex') ?? '',
    parentSpanId: of.get(4)?.bytes.toString('hex') ?? '',
    name: of.get(5)?.bytes.toString('utf8') ?? '',
    kind: Number(of.get(6)?.integer ?? 0n),
    startMs,
    durationMs: ms(of.get(8)?.integer ?? 0n) - startMs,
    error: [...fields(status)].some((field) => field.number === 3 && field.integer === 2n),
    attributes: attributes(all(bytes, 9)),
    events: all(bytes, 11).map((event) => all(event, 2)[0]?.toString('utf8') ?? ''),
  };
}

function readLog(bytes: Buffer, resource: Attributes): SinkLog {
  const of = new Map([...fields(bytes)].map((field) => [field.number, field]));
  return {
    service: String(resource['service.name']),
    resource,
    at: ms(of.get(1)?.integer ?? 0n),
    severity: of.get(3)?.bytes.toString('utf8') ?? '',
    body: String(anyValue(of.get(5)?.bytes ?? empty)),
    traceId: of.get(9)?.bytes.toString('hex') ?? '',
    attributes: attributes(all(bytes, 6)),
  };
}

/** Gauges (5), sums (7) and histograms (9); a histogram's value is its sum. */
function* readMetric(bytes: Buffer, resource: Attributes): Generator<SinkPoint> {
  const name = all(bytes, 1)[0]?.toString('utf8') ?? '';
  for (const kind of [5, 7, 9])
    for (const data of all(bytes, kind))
      for (const point of all(data, 1)) {
        const of = new Map([...fields(point)].map((field) => [field.number, field]));
        const histogram = kind === 9;
        const whole = Number(BigInt.asIntN(64, of.get(6)?.integer ?? 0n));
        yield {
          service: String(resource['service.name']),
          resource,
          at: ms(of.get(3)?.integer ?? 0n),
          name,
          value: histogram ? (of.get(5)?.double ?? 0) : (of.get(4)?.double ?? whole),
          count: histogram ? Number(of.get(4)?.integer ?? 0n) : 1,
          attributes: attributes(all(point, histogram ? 9 : 7)),
        };
      }
}

export class Sink {
  spans: SinkSpan[] = [];
  logs: SinkLog[] = [];
  points: SinkPoint[] = [];
  changes: Record<string, unknown>[] = [];
  url = '';
  #server: Server | undefined;

  async start(): Promise<void> {
    const server = createServer(async (request, response) => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part);
      this.#take(request.url ?? '', Buffer.concat(parts));
      response.writeHead(200, { 'content-type': 'application/x-protobuf' });
      response.end();
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (typeof address === 'object' && address !== null) this.url = `http://127.0.0.1:${address.port}`;
  }

  clear(): void {
    this.spans = [];
    this.logs = [];
    this.points = [];
  }

  stop(): void {
    this.#server?.close();
    this.#server?.closeAllConnections();
  }

  #take(path: string, body: Buffer): void {
    if (path.endsWith('/changes')) this.changes.push(JSON.parse(body.toString('utf8')));
    for (const group of path.startsWith('/v1/') ? all(body, 1) : []) {
      const resource = attributes(all(all(group, 1)[0] ?? empty, 1));
      for (const record of all(group, 2).flatMap((scope) => all(scope, 2))) {
        if (path === '/v1/traces') this.spans.push(readSpan(record, resource));
        if (path === '/v1/logs') this.logs.push(readLog(record, resource));
        if (path === '/v1/metrics') this.points.push(...readMetric(record, resource));
      }
    }
  }
}
