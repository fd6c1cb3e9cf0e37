import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { ClewError } from '../../lib/index.ts';
import { type FrontDeps, mapError, mediaTypeOf, retryAfterOf, takeLogs, useDoor } from '../http.ts';
import { LogSink } from '../log-sink.ts';
import { decodeBody } from '../otlp/body.ts';
import { type BulkResult, readBulk } from './bulk.ts';
import { failure, failureOf } from './failure.ts';
import { answer, handshakeRoutes, pipelineWarning, warn } from './handshake.ts';

export interface ElasticDeps extends FrontDeps {
  /** Names documents that came without an id, in the answer only. */
  newId: () => string;
}

const contentTypes = [
  'application/x-ndjson',
  'application/json',
  'application/vnd.elasticsearch+x-ndjson',
  'application/vnd.elasticsearch+json',
];

/**
 * The bulk API of Elasticsearch, for logs: an answer per item, given once everything is durable. Clients repeat a request
 * answered 429 or 5xx; an item is either kept (201) or refused for good (400), so that nothing is repeated in vain.
 */
export function elasticRoutes(deps: ElasticDeps): FastifyPluginAsync {
  return async (app) => {
    useDoor(app, deps);
    app.setErrorHandler((error, request, reply) => sendFailure(deps, error, request, reply));
    const sink = new LogSink(deps.config, 'elastic/bulk');
    const schema = { tags: ['ingest'], summary: 'Logs, as Elasticsearch takes them (NDJSON bulk requests)' };
    for (const url of ['/_bulk', '/:index/_bulk']) {
      app.route<{ Params: { index?: string } }>({
        method: ['POST', 'PUT'],
        url,
        schema,
        config: { ownCredentials: true },
        handler: (request, reply) => bulk(deps, sink, request.params.index ?? '', request, reply),
      });
    }
    handshakeRoutes(app, deps);
  };
}

async function bulk(
  deps: ElasticDeps,
  sink: LogSink,
  index: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const startedAt = deps.clock.monotonic();
  const type = mediaTypeOf(request);
  if (!contentTypes.includes(type)) {
    const reason = `Content-Type header [${type.slice(0, 80)}] is not supported; send application/x-ndjson`;
    return answer(request, reply, 406, failure(406, reason));
  }
  let result: BulkResult = { items: [], errors: false };
  await takeLogs(deps, request, {
    source: 'elastic/bulk',
    contentType: 'application/x-ndjson',
    unpack: (raw) => decodeBody(raw, request.headers['content-encoding'] ?? '', deps.config.bodyBytesMax),
    transcode: (tenant, body) =>
      sink.collect(tenant, deps.clock.now(), () => {
        result = readBulk(body, index, sink, deps.newId);
      }),
  });
  if (request.url.includes('pipeline=')) warn(reply, pipelineWarning);
  const took = Math.max(0, Math.round(deps.clock.monotonic() - startedAt));
  const body = `{"took":${took},"errors":${result.errors},"items":[${result.items.join(',')}]}`;
  return answer(request, reply, 200, body);
}

function sendFailure(deps: FrontDeps, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const mapped = mapError(error, deps.config.bodyBytesMax);
  const status = mapped instanceof ClewError ? mapped.status : 500;
  if (status >= 500)
    deps.log.error({ err: error, route: request.url, trace_id: request.id }, 'bulk request failed');
  if (status === 429 || status === 503) reply.header('retry-after', retryAfterOf(mapped));
  if (status === 401) reply.header('www-authenticate', 'Bearer, ApiKey, Basic realm="clew"');
  answer(request, reply, status, failureOf(error, mapped));
}
