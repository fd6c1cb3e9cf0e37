import { createServer, type Server as NetServer, type Socket } from 'node:net';
import {
  type handleUnaryCall,
  logVerbosity,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  setLogVerbosity,
  status as statusCodes,
} from '@grpc/grpc-js';
import { ClewError, publicError } from '../../lib/index.ts';
import { type ConnectionLimits, defaultConnections, refusedConnections } from '../connections.ts';
import { mapError, retryAfterOf } from '../http.ts';
import { retryStatus, rpcCodes, type Signal } from '../otlp/answer.ts';
import type { OtlpIntake } from '../otlp/intake.ts';
import type { OtlpDeps } from '../otlp/server.ts';
import { expectCuts, loseAnswer, noteAnswered, watchConnection, writeReceipt } from '../receipt.ts';
import { atTheDoor, bearerIn, encodingOf, type Failure, onEnd } from './door.ts';

export interface OtlpGrpcDeps extends OtlpDeps {
  /** Whether senders may send; what the health service says. */
  ready: () => boolean;
}

export interface GrpcServer {
  /** Resolves with `host:port`. Throws an error with the code EADDRINUSE where the port is taken. */
  listen(address: { host: string; port: number }): Promise<string>;
  /** Takes no more, finishes what is under way for at most `stopMsMax`. */
  close(): Promise<void>;
}

/** The bytes of a message are what the transcoders read: nothing is decoded on the way. */
const asIs = (bytes: Buffer): Buffer => bytes;
const unary = (path: string) => ({
  path,
  requestStream: false,
  responseStream: false,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
});
type Unary = handleUnaryCall<Buffer, Buffer>;

const exportPaths: readonly (readonly [Signal, string])[] = [
  ['logs', '/opentelemetry.proto.collector.logs.v1.LogsService/Export'],
  ['traces', '/opentelemetry.proto.collector.trace.v1.TraceService/Export'],
  ['metrics', '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export'],
];

/** Calls at once on one connection; SDKs have one or two under way, a Collector ten. */
const callsPerConnectionMax = 100;
/** An idle connection whose peer is gone without a word is found out after these. */
const keepalive = { 'grpc.keepalive_time_ms': 60_000, 'grpc.keepalive_timeout_ms': 20_000 };
/** Time that calls under way get when the program stops. */
const stopMsMax = 5_000;

/**
 * The OTLP/gRPC receiver: the Export methods of logs, traces and metrics, and grpc.health.v1 Check. Messages may come
 * plain, gzip, deflate or zstd; an answer is given once everything that could be kept is durable.
 */
export function createOtlpGrpcServer(deps: OtlpGrpcDeps, intake: OtlpIntake): GrpcServer {
  const { bodyBytesMax } = deps.config;
  const connections = deps.connections ?? defaultConnections();
  // What goes wrong is answered or thrown; the library would write it to stderr once more.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server({
    'grpc.max_receive_message_length': bodyBytesMax,
    'grpc.max_concurrent_streams': callsPerConnectionMax,
    // Bookkeeping of every call that nothing here reads.
    'grpc.enable_channelz': 0,
    // Clients open another connection for the next call; one that never makes a call is idle too.
    'grpc.max_connection_idle_ms': connections.idleSMax * 1_000,
    ...keepalive,
    interceptors: [atTheDoor(deps, connections.requestSMax, (error) => statusOf(deps, error))],
  });
  const peers: Peers = new Map();
  const port = portOf(server, connections, (socket) => {
    watchConnection(deps.door, socket);
    notePeer(peers, socket);
  });
  for (const [signal, path] of exportPaths) serveUnary(server, path, exportCall(deps, intake, signal, peers));
  serveUnary(server, '/grpc.health.v1.Health/Check', (_call, answer) => answer(null, health(deps.ready())));
  return {
    listen: (address) => bind(port, address),
    close: async () => {
      port.close();
      expectCuts(deps.door);
      const late = new AbortController();
      const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      await Promise.race([closed, deps.clock.sleep(stopMsMax, late.signal)]);
      late.abort();
      server.forceShutdown();
    },
  };
}

function serveUnary(server: Server, path: string, handler: Unary): void {
  const definition: ServiceDefinition = { call: unary(path) };
  server.addService(definition, { call: handler });
}

/** Open connections by the library's name for their peer: it does not show a call's socket. */
type Peers = Map<string, Socket>;

function notePeer(peers: Peers, socket: Socket): void {
  const name = `${socket.remoteAddress}:${socket.remotePort}`;
  peers.set(name, socket);
  socket.once('close', () => {
    if (peers.get(name) === socket) peers.delete(name);
  });
}

function exportCall(deps: OtlpGrpcDeps, intake: OtlpIntake, signal: Signal, peers: Peers): Unary {
  return (call, answer) => {
    const about = `${signal}\n${bearerIn(call.metadata)}`;
    const receipt = writeReceipt(call.request, about, peers.get(call.getPeer()));
    onEnd(call.request, (answered) => {
      if (answered) noteAnswered(deps.door, receipt, deps.clock.monotonic());
      else loseAnswer(deps.door, receipt);
    });
    const take = async (): Promise<Buffer> =>
      intake({
        tenant: deps.door.tenantOf(bearerIn(call.metadata)),
        signal,
        encoding: 'protobuf',
        contentEncoding: encodingOf(call.request),
        raw: call.request,
      });
    take().then(
      (bytes) => answer(null, bytes),
      (error: unknown) => answer(statusOf(deps, error)),
    );
  };
}

/** A failure as OTLP/gRPC wants it: what can be sent again says so, and when. */
function statusOf(deps: OtlpGrpcDeps, error: unknown): Failure {
  const mapped = mapError(error, deps.config.bodyBytesMax);
  const status = mapped instanceof ClewError ? mapped.status : 500;
  if (status === 500 || status === 503) deps.log.error({ err: error }, 'OTLP/gRPC call failed');
  const code = rpcCodes.get(status) ?? statusCodes.UNKNOWN;
  // The status travels in a header, which half of a character would break.
  const details = publicError(mapped).message.toWellFormed();
  const metadata = new Metadata();
  if (status === 429 || status === 503)
    metadata.set('grpc-status-details-bin', retryStatus(code, details, Number(retryAfterOf(mapped))));
  return { code, details, metadata };
}

/** HealthCheckResponse { status = 1 }: SERVING = 1, NOT_SERVING = 2. */
const health = (ready: boolean): Buffer => Buffer.from([0x08, ready ? 1 : 2]);

/** The library's own port takes any number of connections, so they are taken here and handed to it. */
function portOf(
  server: Server,
  { max }: ConnectionLimits,
  onConnection: (socket: Socket) => void,
): NetServer {
  const { injectConnection } = server.createConnectionInjector(ServerCredentials.createInsecure());
  const port = createServer({ noDelay: true }, (socket) => {
    onConnection(socket);
    injectConnection(socket);
  });
  port.maxConnections = max;
  port.on('drop', () => refusedConnections.inc());
  return port;
}

function bind(port: NetServer, { host, port: wanted }: { host: string; port: number }): Promise<string> {
  return new Promise((resolve, reject) => {
    port.once('error', reject);
    port.listen(wanted, host, () => {
      port.off('error', reject);
      const address = port.address();
      const bound = typeof address === 'object' && address !== null ? address.port : wanted;
      resolve(`${host.includes(':') ? `[${host}]` : host}:${bound}`);
    });
  });
}
