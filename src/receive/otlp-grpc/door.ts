import { constants, type ServerHttp2Stream } from 'node:http2';
import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
  status as statusCodes,
} from '@grpc/grpc-js';
import { ClewError } from '../../lib/index.ts';
import { bearerOf } from '../http.ts';
import type { OtlpDeps } from '../otlp/server.ts';

/** gRPC announces no length: until a message was read, it is taken for this, or for the largest if that is less. */
const unannouncedBytes = 1_048_576;
/** Once answered, a call ends within this, or it is cut off: a peer that reads no answer would keep its room. */
const endMsMax = 10_000;

/** How a call ends that failed. */
export interface Failure {
  code: number;
  details: string;
  metadata: Metadata;
}

const encodings = new WeakMap<Buffer, string>();
/** How a message is compressed; '' when it is not. */
export const encodingOf = (message: Buffer): string => encodings.get(message) ?? '';
const knownEncodings = ['identity', 'gzip', 'deflate', 'zstd'];

/** The stream of a call; the library shows it nowhere else. */
type Stream = Pick<ServerHttp2Stream, 'destroyed' | 'close' | 'once' | 'rstCode'>;
interface OfStream {
  stream?: Stream;
}
const streamOf = (call: OfStream | object): Stream | undefined =>
  'stream' in call ? call.stream : undefined;
const streams = new WeakMap<Buffer, Stream>();

/**
 * Tells how the call of a message ends: whether the answer was sent whole. The library's own `cancelled` comes in either case.
 */
export function onEnd(message: Buffer, tell: (answered: boolean) => void): void {
  const stream = streams.get(message);
  if (stream?.destroyed === true) tell(false);
  else stream?.once('close', () => tell(stream.rstCode === constants.NGHTTP2_NO_ERROR));
}

export const bearerIn = (metadata: Metadata): string =>
  bearerOf(String(metadata.get('authorization')[0] ?? ''));

/**
 * Exports come in only past the door: credentials and room first, the message afterwards. Health checks need neither. No call
 * lasts: its message comes within `requestSMax` seconds, and once it is answered it ends.
 */
export function atTheDoor(
  deps: OtlpDeps,
  requestSMax: number,
  statusOf: (error: unknown) => Failure,
): ServerInterceptor {
  const announced = Math.min(unannouncedBytes, deps.config.bodyBytesMax);
  return (method, call) => {
    const read = new AbortController();
    // The library's own refusals (size, encoding) pass no interceptor on their way out, so its method is wrapped.
    const sendStatus = call.sendStatus.bind(call);
    const sendMessage = call.sendMessage.bind(call);
    let answered = false;
    const answer = () => {
      if (!answered) void cutOff(deps, call);
      answered = true;
    };
    call.sendStatus = (status) => {
      sendStatus(inOurWords(status, deps.config.bodyBytesMax, statusOf));
      answer();
    };
    // The status is sent after the message was: never, where the peer takes no message.
    call.sendMessage = (message, sent) => {
      sendMessage(message, sent);
      answer();
    };
    const giveUp = async () => {
      await deps.clock.sleep(requestSMax * 1_000, read.signal);
      if (!read.signal.aborted) call.sendStatus(statusOf(tooSlow(requestSMax)));
    };
    if (!method.path.endsWith('/Export')) {
      void giveUp();
      const untilRead = new ServerListenerBuilder()
        .withOnReceiveHalfClose((next) => {
          read.abort();
          next();
        })
        .withOnCancel(() => read.abort())
        .build();
      return new ServerInterceptingCall(call, { start: (next) => next(untilRead) });
    }
    Object.assign(call, { decompressMessage: asItCame });
    let tenant = '';
    let leave = () => {};
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        try {
          tenant = deps.door.tenantOf(bearerIn(metadata));
          leave = deps.door.enter(announced, tenant);
        } catch (error) {
          call.sendStatus(statusOf(error));
          return;
        }
        void giveUp();
        next(metadata);
      })
      .withOnReceiveMessage((message: Buffer, next) => {
        leave();
        try {
          leave = deps.door.enter(message.length, tenant);
        } catch (error) {
          call.sendStatus(statusOf(error));
          return;
        }
        const stream = streamOf(call);
        if (stream !== undefined) streams.set(message, stream);
        next(message);
      })
      .withOnReceiveHalfClose((next) => {
        read.abort();
        next();
      })
      .withOnCancel(() => {
        read.abort();
        leave();
      })
      .build();
    return new ServerInterceptingCall(call, { start: (next) => next(listener) });
  };
}

/**
 * In place of the library's own method, which unpacks any number of messages at once: 120 calls of 30 kB took 4.3 GB. The
 * bytes go on packed, and are unpacked where those of HTTP are. `framed` has a head of five bytes.
 */
async function asItCame(framed: Buffer, encoding: string): Promise<Buffer> {
  if (!knownEncodings.includes(encoding)) {
    const shown = JSON.stringify(encoding.slice(0, 40));
    const details = `grpc-encoding ${shown} is not understood; send gzip, deflate, zstd or none.`;
    throw Object.assign(new Error(details), { code: statusCodes.UNIMPLEMENTED, details });
  }
  const message = framed.subarray(5);
  if (encoding !== 'identity') encodings.set(message, encoding);
  return message;
}

const tooSlow = (requestSMax: number): ClewError =>
  new ClewError(
    'timeout',
    `The message did not come whole within ${requestSMax} s, the limit of connections.request_s_max.`,
  );

/** Ends the stream of a call that was answered, where its peer does not. */
async function cutOff({ clock }: OtlpDeps, call: object): Promise<void> {
  const stream = streamOf(call);
  if (stream === undefined || stream.destroyed) return;
  const closed = new AbortController();
  stream.once('close', () => closed.abort());
  await clock.sleep(endMsMax, closed.signal);
  if (!stream.destroyed) stream.close(constants.NGHTTP2_CANCEL);
}

type Sent = Parameters<ServerInterceptingCall['sendStatus']>[0];

/** What the library says of a message that is too large for it, as Clew says it over HTTP: final, with the setting that changes it. */
function inOurWords(status: Sent, bodyBytesMax: number, statusOf: (error: unknown) => Failure): Sent {
  if (status.code === statusCodes.RESOURCE_EXHAUSTED && status.details.startsWith('Received message')) {
    const message = `The message is larger than ${bodyBytesMax} bytes, the limit of ingest.body_bytes_max. Send smaller batches.`;
    return statusOf(new ClewError('too_large', message));
  }
  return status;
}
