import swagger from '@fastify/swagger';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import {
  type FastifyPluginAsyncZod,
  hasZodFastifySchemaValidationErrors,
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import type { Caller } from '../admit/index.ts';
import type { Config } from '../config/index.ts';
import { ClewError, type Logger, newTraceId, publicError } from '../lib/index.ts';
import { bearerOf, connectionOptions, limitConnections } from '../receive/index.ts';
import { answerAs } from './caller.ts';
import { isConsolePath } from './console-paths.ts';

/** A group of routes: a Fastify plugin whose schemas are zod, so that the API document writes itself. */
export type RouteGroup = FastifyPluginAsyncZod;

export interface ServerOptions {
  log: Logger;
  /** Who sends a request, by its header Authorization; throws `unauthenticated`. Without it everyone is the operator. */
  callerOf?: (authorization: string) => Caller;
  bodyBytesMax: number;
  /** Of the port; the default ones when left out. */
  connections?: Config['connections'];
  /** Added to the answer for a path that is not there. */
  elsewhere?: string;
}

function sendError(log: Logger, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const mapped = mapFrameworkError(error);
  const body = publicError(mapped);
  const status = mapped instanceof ClewError ? mapped.status : 500;
  if (status >= 500)
    log.error({ err: error, method: request.method, route: request.routeOptions.url }, 'request failed');
  if (status === 429 || status === 503) reply.header('retry-after', String(body.details.retry_after_s ?? 1));
  reply.status(status).send({ error: { ...body, trace_id: request.id } });
}

function mapFrameworkError(error: unknown): unknown {
  if (hasZodFastifySchemaValidationErrors(error)) {
    const parts = error.validation.map((issue) => `${issue.instancePath || '(body)'}: ${issue.message}`);
    return new ClewError('bad_request', `The request is not valid: ${parts.join('; ')}`, {
      details: { issues: parts },
    });
  }
  const status = (error as { statusCode?: number }).statusCode;
  const message = error instanceof Error ? error.message : String(error);
  if (status === 413) return new ClewError('too_large', `${message}. The limit is ingest.body_bytes_max.`);
  if (status === 415) return new ClewError('unsupported_media_type', message);
  if (status !== undefined && status >= 400 && status < 500) return new ClewError('bad_request', message);
  return error;
}

/** An HTTP server with our error form, credentials check and API document, without routes. */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: options.log.child(
      {},
      {
        level: options.log.level === 'trace' ? 'trace' : 'warn',
      },
    ) as FastifyBaseLogger,
    bodyLimit: options.bodyBytesMax,
    forceCloseConnections: 'idle',
    genReqId: (request) => traceIdOf(request.headers.traceparent),
    ...connectionOptions(options.connections),
  }).withTypeProvider<ZodTypeProvider>();
  limitConnections(app as unknown as FastifyInstance, options.connections);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler((error, request, reply) => sendError(options.log, error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    sendError(
      options.log,
      new ClewError(
        'not_found',
        [`No route ${request.method} ${request.url.split('?')[0]}.`, options.elsewhere]
          .filter(Boolean)
          .join(' '),
      ),
      request,
      reply,
    );
  });
  askForCredentials(app as unknown as FastifyInstance, options.callerOf ?? (() => anyone));
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Clew', version: '0.1.0', description: 'From a symptom to a verified fix.' },
    },
    transform: jsonSchemaTransform,
  });
  return app as unknown as FastifyInstance;
}

const anyone: Caller = { tenant: 'default', operator: true };

/** Whose request it is, before its body is read; what it asks is answered as that tenant. */
function askForCredentials(app: FastifyInstance, callerOf: (authorization: string) => Caller): void {
  app.decorateRequest('caller', null);
  app.addHook('onRequest', async (request) => {
    const { ownCredentials, operator } = request.routeOptions.config;
    if (isOpenRoute(request.url) || ownCredentials === true) return;
    request.caller = callerOf(bearerOf(request.headers.authorization ?? ''));
    if (operator === true && !request.caller.operator)
      throw new ClewError(
        'forbidden',
        'This speaks for the whole server, not for one tenant: send the token of auth.token.',
      );
  });
  // Not in onRequest: reading the body leaves that context.
  app.addHook('preHandler', (request, _reply, done) => {
    if (request.caller === null) done();
    else answerAs(request.caller, done);
  });
}

/** Probes answer without credentials; so do the console's files and the API document, which hold no data. */
const isOpenRoute = (url: string): boolean =>
  /^\/(livez|ready|readyz)(\?|$)/.test(url) ||
  /^\/(assets|api\/docs|api\/openapi\.json)/.test(url) ||
  isConsolePath(url);

/** The caller's W3C trace id, or a new one; it names the request in answers, logs and case timelines. */
function traceIdOf(traceparent: string | string[] | undefined): string {
  const match = /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(typeof traceparent === 'string' ? traceparent : '');
  return match?.[1] ?? newTraceId();
}
