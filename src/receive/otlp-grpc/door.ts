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
/** A call whose message has not come by then is given up, and its room with it. */
const messageMsMax = 60_000;

/** How a call ends that failed. */
export interface Failure {
  code: number;
  details: string;
  metadata: Metadata;
}

export const bearerIn = (metadata: Metadata): string =>
  bearerOf(String(metadata.get('authorization')[0] ?? ''));

/** Exports come in only past the door: credentials and room first, the message afterwards. Health checks need neither. */
export function atTheDoor(deps: OtlpDeps, statusOf: (error: unknown) => Failure): ServerInterceptor {
  const announced = Math.min(unannouncedBytes, deps.config.bodyBytesMax);
  return (method, call) => {
    if (!method.path.endsWith('/Export')) return new ServerInterceptingCall(call);
    // The library's own refusals (size, compression) pass no interceptor on their way out, so its method is wrapped.
    const send = call.sendStatus.bind(call);
    call.sendStatus = (status) => send(inOurWords(status, deps.config.bodyBytesMax, statusOf));
    let leave = () => {};
    const read = new AbortController();
    const giveUp = async () => {
      await deps.clock.sleep(messageMsMax, read.signal);
      if (!read.signal.aborted) call.sendStatus(statusOf(tooSlow()));
    };
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        try {
          deps.door.tenantOf(bearerIn(metadata));
          leave = deps.door.enter(announced);
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
          leave = deps.door.enter(message.length);
        } catch (error) {
          call.sendStatus(statusOf(error));
          return;
        }
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

const tooSlow = (): ClewError =>
  new ClewError('timeout', `The message did not come whole within ${messageMsMax / 1000} s.`);

type Sent = Parameters<ServerInterceptingCall['sendStatus']>[0];

/** What the library says of messages that it can't take, as Clew says it over HTTP: final, with the setting that changes it. */
function inOurWords(status: Sent, bodyBytesMax: number, statusOf: (error: unknown) => Failure): Sent {
  if (status.code === statusCodes.RESOURCE_EXHAUSTED && status.details.startsWith('Received message')) {
    const message = `The message is larger than ${bodyBytesMax} bytes, the limit of ingest.body_bytes_max. Send smaller batches.`;
    return statusOf(new ClewError('too_large', message));
  }
  if (status.code === statusCodes.INTERNAL && status.details.startsWith('Failed to decompress'))
    return statusOf(new ClewError('bad_request', 'The message is not what its grpc-encoding says.'));
  return status;
}
