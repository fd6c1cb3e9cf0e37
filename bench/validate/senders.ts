/** One small, marked piece of telemetry by each protocol that Clew takes. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { Client, credentials } from '@grpc/grpc-js';
import { keyValue, ProtobufWriter } from '../protobuf.ts';
import { snappyCompress } from '../snappy.ts';
import type { Trial } from './trial.ts';

/** A time that no clock would give by chance, so that it is found again to the nanosecond. */
export interface Marked {
  service: string;
  nanoseconds: bigint;
  traceId: string;
  spanId: string;
}

export interface Sender {
  protocol: string;
  send(trial: Trial, mark: Marked): Promise<void>;
  /** Where the record belongs, and how it is found there. */
  table: string;
  where(mark: Marked): string;
  rows: number;
}

const json = { 'content-type': 'application/json' };

async function post(url: string, headers: Record<string, string>, body: string | Uint8Array): Promise<void> {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const answer = await fetch(url, { method: 'POST', headers, body: Buffer.from(bytes) });
  const text = await answer.text();
  if (answer.status >= 300) throw new Error(`${url} answered ${answer.status}: ${text.slice(0, 300)}`);
}

const resource = (mark: Marked) => ({
  attributes: [{ key: 'service.name', value: { stringValue: mark.service } }],
});
const byService = (mark: Marked): string => `ServiceName = '${mark.service}'`;
const milliseconds = (mark: Marked): number => Number(mark.nanoseconds / 1_000_000n);

export const logRequest = (mark: Marked, body: string) => ({
  resourceLogs: [
    {
      resource: resource(mark),
      scopeLogs: [
        {
          logRecords: [
            {
              timeUnixNano: String(mark.nanoseconds),
              severityNumber: 17,
              body: { stringValue: body },
              traceId: mark.traceId,
              spanId: mark.spanId,
            },
          ],
        },
      ],
    },
  ],
});

export const spanRequest = (mark: Marked) => ({
  resourceSpans: [
    {
      resource: resource(mark),
      scopeSpans: [
        {
          spans: [
            {
              traceId: mark.traceId,
              spanId: mark.spanId,
              name: 'GET /validate',
              kind: 2,
              startTimeUnixNano: String(mark.nanoseconds),
              endTimeUnixNano: String(mark.nanoseconds + 1_500_000n),
            },
          ],
        },
      ],
    },
  ],
});

const metricRequest = (mark: Marked) => {
  const timeUnixNano = String(mark.nanoseconds);
  const histogram = { timeUnixNano, count: '3', sum: 6, bucketCounts: ['1', '2'], explicitBounds: [1] };
  return {
    resourceMetrics: [
      {
        resource: resource(mark),
        scopeMetrics: [
          {
            metrics: [
              { name: 'validate.gauge', gauge: { dataPoints: [{ timeUnixNano, asDouble: 4.25 }] } },
              { name: 'validate.time', histogram: { aggregationTemporality: 2, dataPoints: [histogram] } },
            ],
          },
        ],
      },
    ],
  };
};

/** ExportLogsServiceRequest with one record. */
function logProtobuf(mark: Marked): Buffer {
  const record = new ProtobufWriter();
  record.fixed64(1, mark.nanoseconds);
  const scope = new ProtobufWriter();
  scope.message(2, record);
  const attributes = new ProtobufWriter();
  keyValue(attributes, 1, 'service.name', (any) => any.text(1, mark.service));
  const group = new ProtobufWriter();
  group.message(1, attributes);
  group.message(2, scope);
  const request = new ProtobufWriter();
  request.message(1, group);
  return request.bytes;
}

/** WriteRequest with one series; `labels` in the order given. */
export function remoteWriteBody(
  labels: readonly (readonly [string, string])[],
  value: number,
  atMs: number,
): Buffer {
  const series = new ProtobufWriter();
  for (const [name, text] of labels) {
    const label = new ProtobufWriter();
    label.text(1, name);
    label.text(2, text);
    series.message(1, label);
  }
  const sample = new ProtobufWriter();
  sample.double(1, value);
  sample.int(2, atMs);
  series.message(2, sample);
  const request = new ProtobufWriter();
  request.message(1, series);
  return snappyCompress(request.bytes, []).bytes;
}
export const remoteWriteHeaders = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' };

function grpc(trial: Trial, mark: Marked): Promise<void> {
  const client = new Client(`127.0.0.1:${trial.ports.otlpGrpc}`, credentials.createInsecure());
  const same = (bytes: Buffer) => bytes;
  const path = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, same, same, logProtobuf(mark), (error) => {
      client.close();
      if (error) reject(error);
      else resolve();
    });
  });
}

function syslog(trial: Trial, mark: Marked): Promise<void> {
  const time = new Date(milliseconds(mark)).toISOString();
  const line = `<11>1 ${time} host-1 ${mark.service} 77 - - validate by syslog\n`;
  return new Promise((resolve, reject) => {
    const socket = connect(trial.ports.syslog, '127.0.0.1', () => socket.end(line));
    socket.once('error', reject);
    socket.once('close', () => resolve());
  });
}

/** A NetFlow 5 packet: 24 bytes of header, one flow of 48. */
function netflow(trial: Trial, mark: Marked): Promise<void> {
  const packet = Buffer.alloc(72);
  packet.writeUInt16BE(5, 0);
  packet.writeUInt16BE(1, 2);
  packet.writeUInt32BE(60_000, 4);
  packet.writeUInt32BE(Math.floor(milliseconds(mark) / 1000), 8);
  packet.set([198, 51, 100, 7, 203, 0, 113, 9], 24);
  packet.writeUInt32BE(12, 40);
  packet.writeUInt32BE(3_456, 44);
  packet.writeUInt32BE(58_000, 48);
  packet.writeUInt32BE(59_000, 52);
  packet.writeUInt16BE(40_000, 56);
  packet.writeUInt16BE(443, 58);
  packet[62] = 6;
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.send(packet, trial.ports.netflow, '127.0.0.1', (error) => {
      socket.close();
      if (error) reject(error);
      else resolve();
    });
  });
}

const toOtlp = (path: string, build: (mark: Marked) => unknown) => (trial: Trial, mark: Marked) =>
  post(`${trial.server.otlp}${path}`, json, JSON.stringify(build(mark)));
const toApi =
  (path: string, headers: Record<string, string>, build: (mark: Marked) => string | Uint8Array) =>
  (trial: Trial, mark: Marked) =>
    post(`${trial.server.api}${path}`, headers, build(mark));

const zipkinSpan = (mark: Marked) => ({
  traceId: mark.traceId,
  id: mark.spanId,
  kind: 'SERVER',
  name: 'validate',
  timestamp: Number(mark.nanoseconds / 1000n),
  duration: 1_500,
  localEndpoint: { serviceName: mark.service },
});
const bulk = (mark: Marked): string =>
  `{"create":{"_index":"validate"}}\n${JSON.stringify({
    '@timestamp': new Date(milliseconds(mark)).toISOString(),
    message: 'validate by bulk',
    service: { name: mark.service },
  })}\n`;
const stream = (mark: Marked) => ({
  stream: { service_name: mark.service },
  values: [[String(mark.nanoseconds), 'validate by loki']],
});

/** Exactly to the nanosecond, where the protocol carries it. */
const atTime = (mark: Marked): string =>
  `${byService(mark)} AND toUnixTimestamp64Nano(Timestamp) = ${mark.nanoseconds}`;
const logs = { table: 'otel_logs', where: byService, rows: 1 };

export const senders: readonly Sender[] = [
  {
    protocol: 'OTLP/HTTP logs, JSON',
    send: toOtlp('/v1/logs', (mark) => logRequest(mark, 'validate')),
    ...logs,
    where: atTime,
  },
  {
    protocol: 'OTLP/HTTP logs, protobuf',
    send: (trial, mark) =>
      post(`${trial.server.otlp}/v1/logs`, { 'content-type': 'application/x-protobuf' }, logProtobuf(mark)),
    ...logs,
    where: atTime,
  },
  { protocol: 'OTLP/gRPC logs', send: grpc, ...logs, where: atTime },
  {
    protocol: 'OTLP/HTTP traces',
    send: toOtlp('/v1/traces', spanRequest),
    table: 'otel_traces',
    where: atTime,
    rows: 1,
  },
  {
    protocol: 'OTLP/HTTP metrics: gauge',
    send: toOtlp('/v1/metrics', metricRequest),
    table: 'metric_samples',
    where: (mark) => `${byService(mark)} AND MetricName = 'validate.gauge' AND Value = 4.25`,
    rows: 1,
  },
  {
    protocol: 'OTLP/HTTP metrics: histogram',
    send: toOtlp('/v1/metrics', metricRequest),
    table: 'metric_histograms',
    where: (mark) => `${byService(mark)} AND Count = 3 AND Sum = 6`,
    rows: 1,
  },
  {
    protocol: 'Prometheus remote write',
    send: toApi('/api/v1/write', remoteWriteHeaders, (mark) =>
      remoteWriteBody(
        [
          ['__name__', 'validate_total'],
          ['job', mark.service],
        ],
        7,
        milliseconds(mark),
      ),
    ),
    table: 'metric_samples',
    where: (mark) =>
      `${byService(mark)} AND Value = 7 AND toUnixTimestamp64Milli(Timestamp) = ${milliseconds(mark)}`,
    rows: 1,
  },
  {
    protocol: 'Loki push',
    send: toApi('/loki/api/v1/push', json, (mark) => JSON.stringify({ streams: [stream(mark)] })),
    ...logs,
    where: atTime,
  },
  {
    protocol: 'Elasticsearch bulk',
    send: toApi('/_bulk', { 'content-type': 'application/x-ndjson' }, bulk),
    ...logs,
  },
  {
    protocol: 'JSON lines',
    send: toApi(
      '/api/v1/logs/ndjson',
      { 'content-type': 'application/x-ndjson' },
      (mark) =>
        `${JSON.stringify({ time: new Date(milliseconds(mark)).toISOString(), message: 'validate', 'service.name': mark.service })}\n`,
    ),
    ...logs,
  },
  { protocol: 'Syslog over TCP', send: syslog, ...logs },
  {
    protocol: 'Zipkin',
    send: toApi('/api/v2/spans', json, (mark) => JSON.stringify([zipkinSpan(mark)])),
    table: 'otel_traces',
    where: byService,
    rows: 1,
  },
  {
    protocol: 'NetFlow 5',
    send: netflow,
    table: 'network_flows',
    where: () => "SrcAddr = '198.51.100.7' AND DstAddr = '203.0.113.9' AND DstPort = 443 AND Bytes = 3456",
    rows: 1,
  },
  {
    protocol: 'Change event',
    send: toApi('/api/v1/changes', json, (mark) =>
      JSON.stringify({ kind: 'deploy', service: mark.service, title: 'validate 1.2.3' }),
    ),
    table: 'change_events',
    where: byService,
    rows: 1,
  },
];
