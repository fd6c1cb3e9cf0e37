import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';

/** What a call was answered: the bytes of the message, or code, words and details of the refusal. */
export interface GrpcAnswer {
  code: number;
  message: string;
  /** `grpc-status-details-bin`; empty when there is none. */
  details: Buffer;
  bytes: Buffer;
}

const asIs = (bytes: Buffer): Buffer => bytes;
export const exportPath = {
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
};

/** A client that sends any bytes as a message; `algorithm` 0 plain, 1 deflate, 2 gzip. */
export function grpcClient(address: string, algorithm = 0) {
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.default_compression_algorithm': algorithm,
  });
  return {
    close: () => client.close(),
    call: (path: string, bytes: Uint8Array, headers: Record<string, string> = {}): Promise<GrpcAnswer> =>
      new Promise((resolve) => {
        const metadata = new Metadata();
        for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
        const options = { deadline: Date.now() + 10_000 };
        client.makeUnaryRequest(path, asIs, asIs, Buffer.from(bytes), metadata, options, (error, answer) =>
          resolve(answerOf(error, answer)),
        );
      }),
  };
}

function answerOf(error: ServiceError | null, answer: Buffer | undefined): GrpcAnswer {
  const [details] = error?.metadata.get('grpc-status-details-bin') ?? [];
  return {
    code: error?.code ?? 0,
    message: error?.details ?? '',
    details: Buffer.isBuffer(details) ? details : Buffer.alloc(0),
    bytes: answer ?? Buffer.alloc(0),
  };
}
