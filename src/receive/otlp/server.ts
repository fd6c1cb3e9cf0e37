import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Config } from '../../config/index.ts';
import { ClewError, type Clock, type Logger, newTraceId, publicError } from '../../lib/index.ts';
import type { Door, Letter } from '../door.ts';
import { announcedBytes, mapError, retryAfterS } from '../http.ts';
import { contentTypes, type Encoding, exportAnswer, rpcCodes, type Signal, statusAnswer } from './answer.ts';
import { acceptedEncodings, decodeBody } from './body.ts';
import { jsonToWire } from './json.ts';
import { LogsTranscoder } from './logs.ts';
import { MetricsTranscoder } from './metrics.ts';
import { TracesTranscoder } from './traces.ts';
import type { Transcoded, Transcoder } from './transcoder.ts';
import { MalformedError } from './wire.ts';

export interface OtlpDeps {
  door: Door;
  config: Config['ingest'];
  clock: Clock;
  log: Logger;
}

/** The OTLP/HTTP receiver as a server of its own: POST /v1/logs, /v1/traces, /v1/metrics. The caller listens and closes. */
export function createOtlpServer(deps: OtlpDeps): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: deps.config.bodyBytesMax,
    forceCloseConnections: 'idle',
    genReqId: () => newTraceId(),
    exposeHeadRoutes: false,
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error, request, reply) => sendStatus(deps, error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    sendStatus(
      deps,
      new ClewError(
        'not_found',
        `No route ${request.method} ${request.url.split('?')[0]}; POST to /v1/logs, /v1/traces or /v1/metrics.`,
      ),
      request,
      reply,
    ),
  );
  app.addHook('onRequest', async (request, reply) => {
    if (request.is404) return;
    deps.door.tenantOf(request.headers.authorization ?? '');
    encodingOf(request);
    reply.raw.once('close', deps.door.enter(announcedBytes(request)));
  });
  const metrics = new MetricsTranscoder(deps.config);
  const signals: [Signal, Transcoder, () => void][] = [
    ['logs', new LogsTranscoder(deps.config), () => undefined],
    ['traces', new TracesTranscoder(deps.config), () => undefined],
    ['metrics', metrics, () => metrics.forget()],
  ];
  for (const [signal, transcoder, onLost] of signals) {
    app.post(`/v1/${signal}`, (request, reply) => receive(deps, signal, transcoder, onLost, request, reply));
  }
  return app;
}

async function receive(
  deps: OtlpDeps,
  signal: Signal,
  transcoder: Transcoder,
  onLost: () => void,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const startedAt = deps.clock.monotonic();
  const encoding = encodingOf(request);
  const tenant = deps.door.tenantOf(request.headers.authorization ?? '');
  const letter = (reason: string, payload: Uint8Array): Letter => ({
    tenant,
    source: `otlp/${signal}`,
    reason,
    contentType: contentTypes[encoding],
    payload,
  });
  const raw = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  let body: Uint8Array = raw;
  let result: Transcoded;
  try {
    body = await decodeBody(raw, request.headers['content-encoding'] ?? '', deps.config.bodyBytesMax);
    const wire = encoding === 'json' ? jsonToWire(signal, new TextDecoder().decode(body)) : body;
    result = transcoder.transcode(tenant, wire, deps.clock.now());
  } catch (error) {
    if (error instanceof MalformedError) await deps.door.deadLetters([letter(error.message, body)]);
    throw error;
  }
  const { blocks, records, rejected, rejections } = result;
  try {
    await deps.door.deliver({ tenant, signal, blocks, records, rejected, bytes: body.length, startedAt });
  } catch (error) {
    onLost();
    throw error;
  }
  let message = '';
  if (rejected > 0) {
    // Rejected records are protobuf whatever the request was: a JSON request was turned into it.
    await deps.door.deadLetters(
      rejections.map((rejection) => ({
        ...letter(rejection.reason, rejection.payload),
        contentType: `${contentTypes.protobuf}; part=record`,
      })),
    );
    const [first] = rejections;
    message = `${rejected} of ${records + rejected} records were not kept, the first because ${first?.reason ?? 'it is invalid'}. They are in the dead letters.`;
  }
  return reply
    .header('content-type', contentTypes[encoding])
    .send(exportAnswer(encoding, signal, rejected, message));
}

function encodingOf(request: FastifyRequest): Encoding {
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
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
  if (status === 429 || status === 503) reply.header('retry-after', String(retryAfterS));
  if (status === 415) reply.header('accept-encoding', acceptedEncodings);
  const encoding: Encoding = (request.headers['content-type'] ?? '').includes('protobuf')
    ? 'protobuf'
    : 'json';
  reply
    .status(status)
    .header('content-type', contentTypes[encoding])
    .send(statusAnswer(encoding, rpcCodes.get(status) ?? 2, publicError(mapped).message));
}
