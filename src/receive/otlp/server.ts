import Fastify, {
  type FastifyInstance,
  type FastifyPluginAsync,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { Config } from '../../config/index.ts';
import { ClewError, type Logger, newTraceId, publicError } from '../../lib/index.ts';
import { connectionOptions, limitConnections } from '../connections.ts';
import { mapError, mediaTypeOf, retryAfterOf, tenantOf, useDoor } from '../http.ts';
import { contentTypes, type Encoding, rpcCodes, type Signal, statusAnswer } from './answer.ts';
import { acceptedEncodings } from './body.ts';
import { createOtlpIntake, type IntakeDeps, type OtlpIntake } from './intake.ts';

export interface OtlpDeps extends IntakeDeps {
  log: Logger;
  /** Of the port; the default ones when left out. */
  connections?: Config['connections'];
}

/** The OTLP/HTTP receiver as a server of its own: POST /v1/logs, /v1/traces, /v1/metrics. The caller listens and closes. */
export function createOtlpServer(deps: OtlpDeps, intake = createOtlpIntake(deps)): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: deps.config.bodyBytesMax,
    forceCloseConnections: 'idle',
    genReqId: () => newTraceId(),
    exposeHeadRoutes: false,
    ...connectionOptions(deps.connections, statusForm),
  });
  limitConnections(app, deps.connections, statusForm);
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0];
    const message = `No route ${request.method} ${path}; POST to /v1/logs, /v1/traces or /v1/metrics.`;
    sendStatus(deps, new ClewError('not_found', message), request, reply);
  });
  app.register(otlpRoutes(deps, intake));
  return app;
}

const statusForm = (error: ClewError): string =>
  statusAnswer('json', rpcCodes.get(error.status) ?? 2, error.message).toString();

/** The three paths of OTLP/HTTP, below the prefix under which the plugin is registered. */
export function otlpRoutes(deps: OtlpDeps, intake: OtlpIntake): FastifyPluginAsync {
  return async (app) => {
    useDoor(app, deps);
    app.setErrorHandler((error, request, reply) => sendStatus(deps, error, request, reply));
    // A body in a form that nobody reads is refused before it is sent.
    app.addHook('onRequest', async (request) => {
      encodingOf(request);
    });
    for (const signal of ['logs', 'traces', 'metrics'] as const satisfies Signal[]) {
      const schema = { tags: ['ingest'], summary: `OpenTelemetry ${signal} (OTLP, protobuf or JSON)` };
      app.post(`/v1/${signal}`, { schema, config: { ownCredentials: true } }, async (request, reply) => {
        const encoding = encodingOf(request);
        const answer = await intake({
          tenant: tenantOf(deps, request),
          signal,
          encoding,
          contentEncoding: request.headers['content-encoding'] ?? '',
          raw: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
        });
        return reply.header('content-type', contentTypes[encoding]).send(answer);
      });
    }
  };
}

function encodingOf(request: FastifyRequest): Encoding {
  const type = mediaTypeOf(request);
  if (type === 'application/x-protobuf' || type === 'application/protobuf') return 'protobuf';
  if (type === 'application/json') return 'json';
  throw new ClewError(
    'unsupported_media_type',
    `Content-Type ${JSON.stringify(type.slice(0, 80))} is not understood; send application/x-protobuf or application/json.`,
  );
}

/** A failure as google.rpc.Status in the encoding of the request; JSON where that is not known. */
function sendStatus(deps: OtlpDeps, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const mapped = mapError(error, deps.config.bodyBytesMax);
  const status = mapped instanceof ClewError ? mapped.status : 500;
  if (status >= 500)
    deps.log.error({ err: error, route: request.url, trace_id: request.id }, 'OTLP request failed');
  if (status === 429 || status === 503) reply.header('retry-after', retryAfterOf(mapped));
  if (status === 415) reply.header('accept-encoding', acceptedEncodings);
  const encoding: Encoding = (request.headers['content-type'] ?? '').includes('protobuf')
    ? 'protobuf'
    : 'json';
  reply
    .status(status)
    .header('content-type', contentTypes[encoding])
    .send(statusAnswer(encoding, rpcCodes.get(status) ?? 2, publicError(mapped).message));
}
