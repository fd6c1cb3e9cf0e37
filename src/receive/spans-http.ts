import type { FastifyReply, FastifyRequest } from 'fastify';
import { ClewError, publicError } from '../lib/index.ts';
import { type FrontDeps, mapError, mediaTypeOf, retryAfterOf, tenantOf } from './http.ts';
import { decodeBody } from './otlp/body.ts';
import type { Transcoded } from './otlp/transcoder.ts';
import { takeRequest } from './take.ts';

/** How one protocol of spans reads a request. */
export interface SpanReader {
  /** Name of the receiver in dead letters: `zipkin/spans`. */
  source: string;
  /** Media types that are understood, the first one being the usual one. */
  contentTypes: readonly string[];
  transcode: (tenant: string, body: Uint8Array, contentType: string) => Transcoded;
}

/**
 * Takes spans as Zipkin and Jaeger answer them: 202 once everything is durable. Their clients don't send again what was
 * answered 4xx, so 400 also answers a batch of which a part was refused: the rest of it is stored by then.
 */
export async function takeSpans(
  deps: FrontDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  reader: SpanReader,
): Promise<FastifyReply> {
  const contentType = mediaTypeOf(request);
  if (!reader.contentTypes.includes(contentType)) {
    throw new ClewError(
      'unsupported_media_type',
      `Content-Type ${JSON.stringify(contentType.slice(0, 80))} is not understood; send ${reader.contentTypes.join(' or ')}.`,
    );
  }
  const tenant = tenantOf(deps, request);
  const encoding = request.headers['content-encoding'] ?? '';
  const { records, rejected, rejections } = await takeRequest(deps, {
    tenant,
    signal: 'traces',
    source: reader.source,
    contentType,
    raw: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
    unpack: (raw) => decodeBody(raw, encoding, deps.config.bodyBytesMax),
    transcode: (body) => reader.transcode(tenant, body, contentType),
  });
  if (rejected === 0) return reply.status(202).send();
  const first = rejections[0]?.reason ?? 'it is invalid';
  const kept = `${rejected} of ${records + rejected} spans were not kept, they are in the dead letters`;
  return sendText(reply, 400, `${first}; ${kept}`);
}

/** A failure as one line of text. */
export function sendSpanFailure(
  deps: FrontDeps,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const mapped = mapError(error, deps.config.bodyBytesMax);
  const status = mapped instanceof ClewError ? mapped.status : 500;
  if (status >= 500)
    deps.log.error({ err: error, route: request.url, trace_id: request.id }, 'spans could not be taken');
  if (status === 429 || status === 503) reply.header('retry-after', retryAfterOf(mapped));
  sendText(reply, status, publicError(mapped).message);
}

const sendText = (reply: FastifyReply, status: number, text: string): FastifyReply =>
  reply.status(status).type('text/plain; charset=utf-8').send(`${text}\n`);
