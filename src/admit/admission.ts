import { createHash, timingSafeEqual } from 'node:crypto';
import type { Config } from '../config/index.ts';
import { ClewError, type Clock, type Logger } from '../lib/index.ts';
import type { Block } from '../model/index.ts';
import { type Delivery, type Door, deadLetterBlock, type Letter } from '../receive/index.ts';
import {
  ackSeconds,
  deadLettered,
  deadLettersDropped,
  inFlightBytes,
  ingestBytes,
  ingestRecords,
  ingestRefused,
  ingestRejected,
} from './events.ts';

export interface AdmissionOptions {
  config: Pick<Config, 'ingest' | 'tenant' | 'auth'>;
  clock: Clock;
  log: Logger;
  /** Resolves when the block is durable; the detail store's `append`. */
  append: (block: Block) => Promise<void>;
  /** Bytes durable but not yet inserted; from the detail store's `health`. */
  pendingBytes: () => number;
}

/** Bodies in memory at once, in units of the largest body: four of the largest, or thousands of usual ones. */
const inFlightBodiesMax = 4;
/** A dead letter keeps the start of its payload; what made it unreadable is nearly always there. */
const letterBytesMax = 262_144;
/** Bytes of dead letters kept a minute: a sender that is broken for a day fills 23 GB less than it sends. */
const letterBytesPerMinuteMax = 16_777_216;

export function createAdmission(options: AdmissionOptions): Door {
  const { config, clock } = options;
  const { pendingBytesMax, bodyBytesMax } = config.ingest;
  const inFlightMax = inFlightBodiesMax * bodyBytesMax;
  const expected = digest(`Bearer ${config.auth.token}`);
  const budget = createBudget(clock);
  let inFlight = 0;

  const refuse = (reason: string, message: string, details: Record<string, unknown>): ClewError => {
    ingestRefused.inc({ reason });
    return new ClewError('overloaded', message, { details });
  };

  return {
    tenantOf(authorization) {
      if (config.auth.token !== '' && !timingSafeEqual(digest(authorization), expected)) {
        throw new ClewError(
          'unauthenticated',
          'Send the header "Authorization: Bearer <token>" with the token of auth.token.',
        );
      }
      return config.tenant;
    },
    enter(bytes) {
      const pending = options.pendingBytes();
      if (pending + bytes > pendingBytesMax) {
        throw refuse(
          'pending',
          `${pending} bytes wait to be inserted; the limit is ingest.pending_bytes_max (${pendingBytesMax}). Try again in a moment.`,
          { pending_bytes: pending, limit: pendingBytesMax },
        );
      }
      // One request is always let in, whatever its size: the body limit bounds it.
      if (inFlight > 0 && inFlight + bytes > inFlightMax) {
        throw refuse('in_flight', 'Too many large requests at once; try again in a moment.', {
          limit: inFlightMax,
        });
      }
      inFlight += bytes;
      inFlightBytes.set(inFlight);
      let left = false;
      return () => {
        if (left) return;
        left = true;
        inFlight -= bytes;
        inFlightBytes.set(inFlight);
      };
    },
    async deliver(delivery) {
      checkRoom(delivery, options.pendingBytes(), pendingBytesMax, refuse);
      // All blocks get their place in this turn of the event loop, so either all find room or none.
      await Promise.all(delivery.blocks.map((block) => options.append(block)));
      tell(delivery, clock);
    },
    async deadLetters(letters) {
      const kept = letters.filter((letter) => budget.take(letter)).map(cut);
      if (kept.length === 0) return;
      try {
        await options.append(deadLetterBlock(kept, clock.now()));
        for (const letter of kept) deadLettered.inc({ source: letter.source });
      } catch (error) {
        for (const letter of kept) deadLettersDropped.inc({ source: letter.source });
        options.log.error({ err: error, letters: kept.length }, 'dead letters could not be stored');
      }
    },
  };
}

function tell(delivery: Delivery, clock: Clock): void {
  const { signal } = delivery;
  ingestRecords.inc({ signal }, delivery.records);
  ingestBytes.inc({ signal }, delivery.bytes);
  if (delivery.rejected > 0) ingestRejected.inc({ signal }, delivery.rejected);
  ackSeconds.observe({ signal }, (clock.monotonic() - delivery.startedAt) / 1000);
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

function checkRoom(
  delivery: Delivery,
  pending: number,
  pendingMax: number,
  refuse: (reason: string, message: string, details: Record<string, unknown>) => ClewError,
): void {
  const bytes = delivery.blocks.reduce((sum, block) => sum + block.bytes.byteLength, 0);
  if (pending + bytes <= pendingMax) return;
  throw refuse(
    'pending',
    `${pending} bytes wait to be inserted and this request is ${bytes}; the limit is ingest.pending_bytes_max (${pendingMax}).`,
    { pending_bytes: pending, limit: pendingMax },
  );
}

function cut(letter: Letter): Letter {
  if (letter.payload.length <= letterBytesMax) return letter;
  const reason = `${letter.reason} (first ${letterBytesMax} of ${letter.payload.length} bytes kept)`;
  return { ...letter, reason, payload: letter.payload.subarray(0, letterBytesMax) };
}

/** A minute's worth of dead letters; what goes beyond is counted only. */
function createBudget(clock: Clock): { take(letter: Letter): boolean } {
  let minute = 0;
  let used = 0;
  return {
    take(letter) {
      const now = Math.floor(clock.monotonic() / 60_000);
      if (now !== minute) {
        minute = now;
        used = 0;
      }
      const bytes = Math.min(letter.payload.length, letterBytesMax);
      if (used + bytes > letterBytesPerMinuteMax) {
        deadLettersDropped.inc({ source: letter.source });
        return false;
      }
      used += bytes;
      return true;
    },
  };
}
