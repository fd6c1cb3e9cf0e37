import { type Clock, isClewError, type Logger } from '../lib/index.ts';
import type { Door } from './door.ts';
import type { Transcoded } from './otlp/transcoder.ts';

/** Between two attempts: about as long as inserting a segment takes, so that room is found soon after it is there. */
const waitMs = 200;

export interface PatientDeps {
  door: Door;
  clock: Clock;
  log: Logger;
}

export interface PatientDelivery {
  tenant: string;
  /** Name of the receiver in dead letters. */
  source: string;
  contentType: string;
  taken: Transcoded;
  /** What it was made from; asked for only when it can't be kept. */
  payload: () => Uint8Array;
  bytes: number;
  startedAt: number;
  /** Once it is aborted, there is one more attempt. */
  giveUp: AbortSignal;
}

/**
 * Delivers for senders that can't be told to send again: while the door is full or not ready it waits. What the door
 * refuses for good becomes a dead letter. Answers false when it was given up. Never throws.
 */
export async function deliverPatiently(deps: PatientDeps, delivery: PatientDelivery): Promise<boolean> {
  const { door, clock, log } = deps;
  const { tenant, source, contentType, taken, bytes, startedAt, giveUp } = delivery;
  const { blocks, records, rejected, rejections } = taken;
  if (rejections.length > 0) {
    await door.deadLetters(
      rejections.map(({ reason, payload }) => ({ tenant, source, reason, payload, contentType })),
    );
  }
  for (;;) {
    const last = giveUp.aborted;
    try {
      const leave = door.enter(bytes, tenant);
      try {
        await door.deliver({ tenant, signal: 'logs', blocks, records, rejected, bytes, startedAt });
      } finally {
        leave();
      }
      return true;
    } catch (error) {
      if (isClewError(error) && !error.retryable) {
        log.error(
          { err: error, source, records },
          'records were refused for good; they are in the dead letters',
        );
        const reason = error.message;
        await door.deadLetters([{ tenant, source, reason, contentType, payload: delivery.payload() }]);
        return true;
      }
      if (last) {
        log.error(
          { err: error, source, records },
          'records were lost: they could not be stored before the end',
        );
        return false;
      }
    }
    await clock.sleep(waitMs, giveUp);
  }
}
