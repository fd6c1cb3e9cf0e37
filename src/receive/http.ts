import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Config } from '../config/index.ts';
import { ClewError, type Clock, type Logger } from '../lib/index.ts';
import type { Door } from './door.ts';
import type { LabelGuard } from './label-guard.ts';
import type { Transcoded } from './otlp/transcoder.ts';
import { MalformedError } from './otlp/wire.ts';
import { expectCuts, watchAnswer } from './receipt.ts';
import { bodyTooLarge, parseBodies } from './request-body.ts';
import { takeRequest } from './take.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route asks the door for credentials itself, in the forms that its clients can send. */
    ownCredentials?: boolean;
  }
}

/** What the receivers on the port of the API need. */
export interface FrontDeps {
  door: Door;
  config: Config['ingest'];
  clock: Clock;
  log: Logger;
  /** Of the labels of series and streams; none: only what a table can hold. */
  guard?: LabelGuard;
  /** Whether senders may send; for the handshakes of clients that ask first. */
  ready: () => { ready: boolean; reason: string };
}

/** A body whose length is not announced is taken for this until it was read. */
const unannouncedBytes = 1_048_576;
/** Seconds that a sender is asked to wait when too much is pending: about as long as inserting a segment takes. */
export const retryAfterS = 1;

/** The wait that the error names, or a moment. */
export function retryAfterOf(error: unknown): string {
  const named = error instanceof ClewError ? error.details.retry_after_s : undefined;
  return String(typeof named === 'number' ? named : retryAfterS);
}

export function announcedBytes(request: FastifyRequest): number {
  const announced = Number(request.headers['content-length'] ?? unannouncedBytes);
  return Number.isFinite(announced) ? announced : unannouncedBytes;
}

/** Framework errors as ours; a body that can't be read is the sender's mistake. */
export function mapError(error: unknown, bodyBytesMax: number): unknown {
  if (error instanceof MalformedError) return new ClewError('bad_request', error.message);
  if (error instanceof ClewError || !(error instanceof Error)) return error;
  const status = 'statusCode' in error ? error.statusCode : undefined;
  if (status === 413) return bodyTooLarge(bodyBytesMax);
  if (typeof status === 'number' && status >= 400 && status < 500)
    return new ClewError('bad_request', error.message);
  return error;
}

/**
 * Senders that know only a user and a password, or an API key, send the token as password or key: both become the
 * Bearer form that the door knows. What can't be read is left as it is, and the door refuses it.
 */
export function bearerOf(authorization: string): string {
  const match = /^(basic|apikey) +(\S+)$/i.exec(authorization);
  if (match === null) return authorization;
  const [, scheme = '', given = ''] = match;
  const text = Buffer.from(given, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon >= 0) return `Bearer ${text.slice(colon + 1)}`;
  return scheme.toLowerCase() === 'apikey' ? `Bearer ${given}` : authorization;
}

export const tenantOf = (deps: Pick<FrontDeps, 'door'>, request: FastifyRequest): string =>
  deps.door.tenantOf(bearerOf(request.headers.authorization ?? ''));

/** Bodies of this plugin's routes come as bytes, and only past the door. */
export function useDoor(app: FastifyInstance, deps: Pick<FrontDeps, 'door'>): void {
  parseBodies(app);
  app.addHook('preClose', async () => expectCuts(deps.door));
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.ownCredentials !== true) return;
    const tenant = tenantOf(deps, request);
    if (request.method === 'GET' || request.method === 'HEAD') return;
    reply.raw.once('close', deps.door.enter(announcedBytes(request), tenant));
    watchAnswer(deps.door, request, reply);
  });
}

/** How one protocol reads a request. */
export interface LogReader {
  /** Name of the receiver in dead letters: `loki/push`. */
  source: string;
  contentType: string;
  /** What it is counted as; `logs` when not said. */
  signal?: string;
  /** Of a single refused record, where it is kept in another form than it came in. */
  recordType?: string;
  unpack: (raw: Buffer) => Promise<Uint8Array>;
  transcode: (tenant: string, body: Uint8Array) => Transcoded;
}

/** Reads one request of logs and resolves when all that could be kept is durable; the rest is in the dead letters. */
export async function takeLogs(
  deps: FrontDeps,
  request: FastifyRequest,
  reader: LogReader,
): Promise<Transcoded> {
  const tenant = tenantOf(deps, request);
  return takeRequest(deps, {
    tenant,
    signal: reader.signal ?? 'logs',
    source: reader.source,
    contentType: reader.contentType,
    ...(reader.recordType === undefined ? {} : { recordType: reader.recordType }),
    raw: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
    unpack: reader.unpack,
    transcode: (body) => reader.transcode(tenant, body),
  });
}

/** The media type of the request without its parameters. */
export const mediaTypeOf = (request: FastifyRequest): string =>
  (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
