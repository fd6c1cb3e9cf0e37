import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { type Config, configSchema } from '../config/index.ts';
import { ClewError, counter, publicError, systemClock } from '../lib/index.ts';

export type ConnectionLimits = Config['connections'];
type Limits = ConnectionLimits;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route stores its body while it comes, so it may take any time. */
    readsAsItComes?: boolean;
  }
}

export const refusedConnections = counter(
  'clew_connections_refused_total',
  'Connections to a port of HTTP or gRPC that were closed at once because connections.max were open.',
  [],
);

/** How often connections are looked over for those that are too slow: they are closed at most so much late. */
const lookedOverMs = 1_000;
/** A sender that was too slow may try again at once, with less. */
const retryAfterS = 1;

/** What goes wrong before there is a request. `body` writes the error in the port's own form. */
function answerBroken(limits: Limits, body: (error: ClewError) => string) {
  return (error: { code?: string }, socket: Socket): void => {
    if (error.code === 'ECONNRESET' || socket.destroyed) return;
    if (socket.writable) socket.write(brokenAnswer(error.code ?? '', limits, body));
    socket.destroy();
  };
}

function brokenAnswer(code: string, limits: Limits, body: (error: ClewError) => string): string {
  const [line, error] = brokenOf(code, limits);
  const text = body(error);
  const retry = error.retryable ? `retry-after: ${retryAfterS}\r\n` : '';
  const head = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}`;
  return `HTTP/1.1 ${line}\r\n${retry}connection: close\r\n${head}\r\n\r\n${text}`;
}

function brokenOf(code: string, limits: Limits): [string, ClewError] {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    const message = `The request did not come whole in time; the limits are connections.headers_s_max (${limits.headersSMax}) and connections.request_s_max (${limits.requestSMax}) seconds. Send smaller batches.`;
    // Not 408: senders of OTLP and of remote write take that for final and throw the request away.
    return ['503 Service Unavailable', new ClewError('unavailable', message)];
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    const message = 'The headers of the request are larger than 16384 bytes.';
    return ['431 Request Header Fields Too Large', new ClewError('too_large', message)];
  }
  return ['400 Bad Request', new ClewError('bad_request', 'The request is not valid HTTP/1.1.')];
}

/** The form of the API's errors. */
const apiForm = (error: ClewError): string => JSON.stringify({ error: publicError(error) });

/** Options of a server whose connections have limits. */
export function connectionOptions(limits: Limits = defaultConnections(), body = apiForm) {
  return {
    // While it stops, what comes on open connections is still served; the library's own 503 says nothing of when.
    return503OnClosing: false,
    // Node's own limit knows no exceptions; `limitConnections` does.
    requestTimeout: 0,
    keepAliveTimeout: limits.idleSMax * 1_000,
    http: {
      headersTimeout: limits.headersSMax * 1_000,
      requestTimeout: 0,
      connectionsCheckingInterval: lookedOverMs,
    },
    clientErrorHandler: answerBroken(limits, body),
  };
}

export const defaultConnections = (): Limits => configSchema.shape.connections.parse(undefined);

/** How many connections, and how long a body may take. Called before routes are registered. */
export function limitConnections(
  app: FastifyInstance,
  limits: Limits = defaultConnections(),
  body = apiForm,
): void {
  const { server } = app;
  server.maxConnections = limits.max;
  server.on('drop', () => refusedConnections.inc());
  const giveUp = answerBroken(limits, body);
  app.addHook('onRequest', async ({ raw, routeOptions }, reply) => {
    if (routeOptions.config.readsAsItComes === true || raw.complete) return;
    const whole = new AbortController();
    const come = () => whole.abort();
    void systemClock.sleep(limits.requestSMax * 1_000, whole.signal).then(() => {
      if (whole.signal.aborted || raw.complete) return;
      if (reply.raw.headersSent) raw.socket.destroy();
      else giveUp({ code: 'ERR_HTTP_REQUEST_TIMEOUT' }, raw.socket);
    });
    raw.once('end', come);
    raw.once('close', come);
  });
}
