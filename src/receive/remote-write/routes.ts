import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../../config/index.ts';
import {
  ClewError,
  type Clock,
  giveBuffer,
  type Logger,
  publicError,
  SnappyError,
  snappyDecompress,
} from '../../lib/index.ts';
import type { Door, Letter } from '../door.ts';
import { announcedBytes, bearerOf, mapError, retryAfterOf } from '../http.ts';
import type { LabelGuard } from '../label-guard.ts';
import { decodeBody } from '../otlp/body.ts';
import { whereabouts } from '../otlp/transcoder.ts';
import { MalformedError } from '../otlp/wire.ts';
import { deliverOnce, expectCuts, watchAnswer } from '../receipt.ts';
import { parseBodies } from '../request-body.ts';
import { requestOfSeries } from './letter.ts';
import type { Version, Written } from './request.ts';
import { RemoteWriteTranscoder } from './transcoder.ts';

export interface RemoteWriteDeps {
  door: Door;
  /** Of the labels of series; none: only what a table can hold. */
  guard?: LabelGuard;
  config: Pick<Config['ingest'], 'bodyBytesMax' | 'attributeBytesMax' | 'clockSkewS'>;
  clock: Clock;
  log: Logger;
}

const source = 'prometheus/remote-write';
const messages = new Map<string, Version>([
  ['prometheus.writerequest', 1],
  ['io.prometheus.write.v2.request', 2],
]);

/** Prometheus remote write 1.0 and 2.0: POST /write. Register it under /api/v1, on a server of any other routes. */
export function remoteWrite(deps: RemoteWriteDeps): FastifyPluginAsync {
  const transcoder = new RemoteWriteTranscoder(deps.config, deps.guard);
  return async (app) => {
    parseBodies(app);
    app.addHook('preClose', async () => expectCuts(deps.door));
    app.setErrorHandler((error, request, reply) => sendError(deps, error, request, reply));
    app.addHook('onRequest', async (request, reply) => {
      const tenant = tenantOf(deps, request);
      // A sender of 2.0 learns from these headers that it was understood, whatever the answer is.
      if (versionOf(request) === 2) tellWritten(reply, { samples: 0, histograms: 0, exemplars: 0 });
      checkEncoding(request);
      reply.raw.once('close', deps.door.enter(announcedBytes(request), tenant));
      watchAnswer(deps.door, request, reply);
    });
    app.post(
      '/write',
      {
        config: { ownCredentials: true },
        schema: {
          tags: ['ingest'],
          summary: 'Prometheus remote write 1.0 and 2.0',
          description:
            'A snappy-compressed prometheus.WriteRequest or io.prometheus.write.v2.Request; vmagent sends zstd. Answered 204 after everything is on disk; 400 names what was not kept, the rest is.',
        },
      },
      async (request, reply) => {
        if (asksVersion(request)) return reply.type('text/plain').send('1');
        try {
          return await receive(deps, transcoder, request, reply);
        } finally {
          if (Buffer.isBuffer(request.body)) giveBuffer(request.body);
        }
      },
    );
  };
}

/** Prometheus sends the token as `authorization` or as the password of `basic_auth`. */
const tenantOf = ({ door }: RemoteWriteDeps, request: FastifyRequest): string =>
  door.tenantOf(bearerOf(request.headers.authorization ?? ''));

async function receive(
  deps: RemoteWriteDeps,
  transcoder: RemoteWriteTranscoder,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const startedAt = deps.clock.monotonic();
  const version = versionOf(request);
  const tenant = tenantOf(deps, request);
  const letter = (reason: string, payload: Uint8Array, part = ''): Letter => ({
    tenant,
    source,
    reason,
    contentType: `application/x-protobuf; version=${version}${part}`,
    payload,
  });
  const raw = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  let body: Uint8Array = raw;
  let written: Written;
  try {
    body = await unpack(request, raw, deps.config.bodyBytesMax);
    written = transcoder.transcode(tenant, body, version, deps.clock.now());
  } catch (error) {
    if (isMalformed(error)) await deps.door.deadLetters([letter(error.message, body)]);
    throw error;
  }
  const { blocks, samples, histograms, rejected, rejections } = written;
  // A request that is kept whole as a dead letter is still needed.
  if (rejected === 0) giveBuffer(body);
  const records = samples + histograms;
  try {
    await deliverOnce(deps.door, raw, {
      tenant,
      signal: 'metrics',
      blocks,
      records,
      rejected,
      bytes: body.length,
      startedAt,
    });
  } catch (error) {
    transcoder.forget();
    throw error;
  }
  if (version === 2) tellWritten(reply, written);
  if (rejected === 0) return reply.status(204).send();
  const message = `${rejected} of ${records + written.exemplars + rejected} samples, histograms and exemplars were not kept; first reason: ${rejections[0]?.reason ?? 'an invalid value'}.${whereabouts(rejections)}`;
  const kept = rejections.filter(({ payload }) => payload.length > 0);
  if (kept.length > 0) {
    const all = kept.map(({ payload }) => payload);
    await deps.door.deadLetters(
      version === 2
        ? [letter(message, requestOfSeries(body, all))]
        : kept.map(({ reason, payload }) => letter(reason, payload, '; part=timeseries')),
    );
  }
  return plain(reply, 400, message);
}

function tellWritten(
  reply: FastifyReply,
  written: Pick<Written, 'samples' | 'histograms' | 'exemplars'>,
): void {
  reply.header('x-prometheus-remote-write-samples-written', String(written.samples));
  reply.header('x-prometheus-remote-write-histograms-written', String(written.histograms));
  reply.header('x-prometheus-remote-write-exemplars-written', String(written.exemplars));
}

/** By Content-Type: without `proto` it is version 1. */
function versionOf(request: FastifyRequest): Version {
  const given = request.headers['content-type'] ?? '';
  const [type = '', ...parameters] = given.split(';').map((part) => part.trim().toLowerCase());
  const proto = parameters.find((part) => part.startsWith('proto='))?.slice('proto='.length);
  const name = proto?.replace(/^"(.*)"$/, '$1') ?? 'prometheus.writerequest';
  const version = type === 'application/x-protobuf' ? messages.get(name) : undefined;
  if (version !== undefined) return version;
  throw new ClewError(
    'unsupported_media_type',
    `Content-Type ${JSON.stringify(given.slice(0, 120))} is not understood; send application/x-protobuf with proto=prometheus.WriteRequest (or without proto) or proto=io.prometheus.write.v2.Request.`,
  );
}

const encodingOf = (request: FastifyRequest): string =>
  (request.headers['content-encoding'] ?? '').trim().toLowerCase();

/** Senders of the first days leave the header out; the body is snappy all the same. vmagent prefers zstd. */
function checkEncoding(request: FastifyRequest): void {
  const encoding = encodingOf(request);
  if (['', 'snappy', 'zstd'].includes(encoding)) return;
  throw new ClewError(
    'unsupported_media_type',
    `Content-Encoding ${JSON.stringify(encoding.slice(0, 40))} is not understood; send snappy or zstd.`,
  );
}

/** vmagent up to 1.11x asks, with an empty body, whether it may send zstd; 1 is the version of that agreement. */
const asksVersion = ({ query, headers }: FastifyRequest): boolean =>
  headers['content-length'] === '0' &&
  typeof query === 'object' &&
  query !== null &&
  'get_vm_proto_version' in query;

async function unpack(request: FastifyRequest, raw: Buffer, bytesMax: number): Promise<Uint8Array> {
  return encodingOf(request) === 'zstd' ? decodeBody(raw, 'zstd', bytesMax) : snappyDecompress(raw, bytesMax);
}

/** What the decompressor says, in the words of the other receivers. */
function asOurs(error: unknown, bodyBytesMax: number): unknown {
  if (!(error instanceof SnappyError)) return error;
  if (error.reason === 'malformed') return new MalformedError(error.message);
  return new ClewError(
    'too_large',
    `The decompressed body is larger than ${bodyBytesMax} bytes, the limit of ingest.body_bytes_max. Send smaller batches.`,
    { details: { limit: bodyBytesMax, setting: 'ingest.body_bytes_max' } },
  );
}

const isMalformed = (error: unknown): error is Error =>
  error instanceof MalformedError || (error instanceof SnappyError && error.reason === 'malformed');

/**
 * One line of text: what Prometheus writes into its log. Never 429: the specification lets senders drop what was answered
 * so, and Prometheus does unless `retry_on_http_429` is set; 5xx they must repeat.
 */
function sendError(
  deps: RemoteWriteDeps,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const mapped = mapError(asOurs(error, deps.config.bodyBytesMax), deps.config.bodyBytesMax);
  const status = mapped instanceof ClewError ? mapped.status : 500;
  if (status >= 500) deps.log.error({ err: error, trace_id: request.id }, 'remote write failed');
  if (status === 429 || status === 503) reply.header('retry-after', retryAfterOf(mapped));
  plain(reply, status === 429 ? 503 : status, publicError(mapped).message);
}

const plain = (reply: FastifyReply, status: number, text: string): FastifyReply =>
  reply.status(status).header('content-type', 'text/plain; charset=utf-8').send(`${text}\n`);
