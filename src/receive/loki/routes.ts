import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { ClewError, publicError, SnappyError, snappyDecompress } from '../../lib/index.ts';
import { type FrontDeps, mapError, mediaTypeOf, retryAfterOf, takeLogs, useDoor } from '../http.ts';
import { LogSink } from '../log-sink.ts';
import { decodeBody } from '../otlp/body.ts';
import { whereabouts } from '../otlp/transcoder.ts';
import { MalformedError } from '../otlp/wire.ts';
import { readPushJson } from './json.ts';
import { readPushProtobuf } from './protobuf.ts';
import { StreamWriter } from './streams.ts';

const jsonType = 'application/json';
const protobufType = 'application/x-protobuf';

/**
 * The push API of Loki: 204 once everything is durable, errors as plain text. Clients repeat 429 and 5xx and drop the
 * batch at any other 4xx, so 400 also answers a batch of which a part was refused: the rest of it is stored by then.
 */
export function lokiRoutes(deps: FrontDeps): FastifyPluginAsync {
  return async (app) => {
    useDoor(app, deps);
    app.setErrorHandler((error, request, reply) => sendFailure(deps, error, request, reply));
    const sink = new LogSink(deps.config, 'loki/push');
    const out = new StreamWriter(sink, deps.guard);
    const schema = { tags: ['ingest'], summary: 'Logs, as Loki takes them (JSON or snappy protobuf)' };
    for (const path of ['/loki/api/v1/push', '/api/prom/push']) {
      app.post(path, { schema, config: { ownCredentials: true } }, (request, reply) =>
        push(deps, sink, out, request, reply),
      );
    }
    // Vector and Grafana ask here whether they may send; it is open like /readyz.
    app.get('/ready', { schema: { hide: true } }, async (_, reply) => {
      const { ready, reason } = deps.ready();
      return sendText(reply, ready ? 200 : 503, ready ? 'ready' : reason);
    });
  };
}

async function push(
  deps: FrontDeps,
  sink: LogSink,
  out: StreamWriter,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { bodyBytesMax } = deps.config;
  const contentType = contentTypeOf(request);
  const isJson = contentType === jsonType;
  const encoding = (request.headers['content-encoding'] ?? '').trim().toLowerCase();
  if (!isJson && !['', 'identity', 'snappy'].includes(encoding)) {
    throw new ClewError(
      'unsupported_media_type',
      `Content-Encoding ${JSON.stringify(encoding.slice(0, 40))} is not understood with ${protobufType}; send the body as a snappy block.`,
    );
  }
  const { records, rejected, rejections } = await takeLogs(deps, request, {
    source: 'loki/push',
    contentType,
    unpack: async (raw) => (isJson ? decodeBody(raw, encoding, bodyBytesMax) : unsnappy(raw, bodyBytesMax)),
    transcode: (tenant, body) =>
      sink.collect(tenant, deps.clock.now(), () => {
        out.begin(tenant, deps.clock.now());
        if (isJson) readPushJson(new TextDecoder().decode(body), out);
        else readPushProtobuf(body, out);
      }),
  });
  if (rejected === 0) return reply.status(204).send();
  const first = rejections[0]?.reason ?? 'it is invalid';
  return sendText(
    reply,
    400,
    `${first}; ${rejected} of ${records + rejected} entries were not kept${whereabouts(rejections) === '' ? '' : ', they are in the dead letters'}`,
  );
}

function unsnappy(raw: Buffer, bytesMax: number): Uint8Array {
  try {
    return snappyDecompress(raw, bytesMax);
  } catch (error) {
    if (!(error instanceof SnappyError)) throw error;
    if (error.reason === 'malformed') throw new MalformedError(error.message);
    const message = `${error.message} The limit is ingest.body_bytes_max; send smaller batches.`;
    throw new ClewError('too_large', message);
  }
}

/**
 * A type must be named, though Loki itself takes a body without one for protobuf: every client names it, and a web page
 * of anybody may send a body without one to an address of this machine.
 */
function contentTypeOf(request: FastifyRequest): string {
  const type = mediaTypeOf(request);
  if (type === jsonType) return jsonType;
  if (type === protobufType || type === 'application/protobuf') return protobufType;
  throw new ClewError(
    'unsupported_media_type',
    `Content-Type ${JSON.stringify(type.slice(0, 80))} is not understood; send ${jsonType} or ${protobufType}.`,
  );
}

function sendFailure(deps: FrontDeps, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const mapped = mapError(error, deps.config.bodyBytesMax);
  const status = mapped instanceof ClewError ? mapped.status : 500;
  if (status >= 500)
    deps.log.error({ err: error, route: request.url, trace_id: request.id }, 'Loki push failed');
  if (status === 429 || status === 503) reply.header('retry-after', retryAfterOf(mapped));
  sendText(reply, status, publicError(mapped).message);
}

const sendText = (reply: FastifyReply, status: number, text: string): FastifyReply =>
  reply.status(status).type('text/plain; charset=utf-8').send(`${text}\n`);
