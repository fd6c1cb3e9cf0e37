import type { Config } from '../config/index.ts';
import { ClewError, type Clock, type Logger } from '../lib/index.ts';
import type { Block, DetailTable } from '../model/index.ts';
import { type Delivery, type Door, deadLetterBlock, type Letter, type Masker } from '../receive/index.ts';
import { Commits } from './commits.ts';
import { Credentials } from './credentials.ts';
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
import { maskedLetter } from './masking/letter.ts';
import { PendingShare } from './pending.ts';
import { createRates, type RateLimits, type Rates } from './rate.ts';
import { Recent } from './recent.ts';
import { Share } from './share.ts';

export interface AdmissionOptions {
  config: Pick<Config, 'ingest' | 'tenant'> & { auth: { token: string }; limits?: RateLimits };
  /** Tokens and their tenants; without it `auth.token` alone. */
  credentials?: Pick<Credentials, 'callerOf'>;
  clock: Clock;
  log: Logger;
  /** Resolves when the block is durable; the detail store's `append`. */
  append: (block: Block) => Promise<void>;
  /** These blocks are durable but may come again; the detail store's `expectAgain`. */
  expectAgain?: (request: string, table?: DetailTable) => void;
  /** Bytes durable but not yet inserted; from the detail store's `health`. */
  pendingBytes: () => number;
  /** Free bytes of the disk of the write-ahead log; without it the disk is not looked at. */
  diskFreeBytes?: () => number;
  /** Hides in dead letters what it hides in records; null or absent: they are kept as they came. */
  masker?: Masker | null;
}

/** What the door sees of the store, for readiness and health. */
export interface DoorState {
  /** Longest write to the write-ahead log of the last seconds, hanging ones included, milliseconds. */
  commitMs: number;
  /** Infinite where it is not known. */
  diskFreeBytes: number;
}

export interface Admission extends Door {
  state(): DoorState;
}

/** Bodies in memory at once, in units of the largest body: four of the largest, or thousands of usual ones. */
const inFlightBodiesMax = 4;
/** A dead letter keeps the start of its payload; what made it unreadable is nearly always there. */
const letterBytesMax = 262_144;
/** Bytes of dead letters kept a minute: a sender that is broken for a day fills 23 GB less than it sends. */
const letterBytesPerMinuteMax = 16_777_216;

export function createAdmission(options: AdmissionOptions): Admission {
  const { config, clock } = options;
  const { pendingBytesMax, bodyBytesMax } = config.ingest;
  const inFlightMax = inFlightBodiesMax * bodyBytesMax;
  const credentials = options.credentials ?? new Credentials(options);
  const budget = createBudget(clock);
  const share = new Share(inFlightMax, clock);
  const room = new PendingShare(pendingBytesMax, clock);
  const rates = createRates(config.limits ?? unlimited, clock);
  const commits = new Commits(clock);
  const recent = new Recent(clock);
  /** Requests under way whose senders have gone; as many at most as are in memory at once. */
  const abandoned = new Map<string, Promise<void>>();
  const diskFree = options.diskFreeBytes ?? (() => Number.POSITIVE_INFINITY);

  const refuse = (reason: string, message: string, details: Record<string, unknown>): ClewError => {
    ingestRefused.inc({ reason });
    return new ClewError('overloaded', message, { details });
  };

  return {
    tenantOf: (authorization) => credentials.callerOf(authorization).tenant,
    enter(bytes, tenant = config.tenant) {
      checkRate(rates, tenant);
      checkDisk(diskFree(), config.ingest.diskFreeBytesMin);
      checkPending({ tenant, bytes, pending: options.pendingBytes(), room, refuse });
      if (!share.take(tenant, bytes)) {
        const message = `Too many large requests at once: ${share.total} bytes are being taken and this one has ${bytes}; the limit is ${inFlightMax}, ${inFlightBodiesMax} times ingest.body_bytes_max (${bodyBytesMax}), shared among tenants. Try again in a moment.`;
        throw refuse('in_flight', message, { limit: inFlightMax, setting: 'ingest.body_bytes_max' });
      }
      inFlightBytes.set(share.total);
      let left = false;
      return () => {
        if (left) return;
        left = true;
        share.give(tenant, bytes);
        inFlightBytes.set(share.total);
      };
    },
    async deliver(delivery) {
      const { request } = delivery;
      const bytes = delivery.blocks.reduce((sum, block) => sum + block.bytes.byteLength, 0);
      checkPending({ tenant: delivery.tenant, bytes, pending: options.pendingBytes(), room, refuse });
      room.add(delivery.tenant, bytes);
      // All blocks get their place in this turn of the event loop, so either all find room or none.
      const stored = commits.run(() => appendAll(delivery, options));
      if (request !== undefined) recent.add(request, stored);
      await stored;
      rates.charge(delivery.tenant, delivery.bytes, delivery.records);
      tell(delivery, clock);
    },
    answerLost(request, underway) {
      const settled = underway
        .then(
          () => options.expectAgain?.(request),
          () => undefined,
        )
        .finally(() => {
          // The same bytes may be under way once more, for another sender that has gone.
          if (abandoned.get(request) === settled) abandoned.delete(request);
        });
      abandoned.set(request, settled);
    },
    storedLately: (request) => recent.find(request),
    repeated: (request) => abandoned.get(request),
    state: () => ({ commitMs: commits.worstMs(), diskFreeBytes: diskFree() }),
    async deadLetters(letters) {
      const kept = letters.filter((letter) => budget.take(letter)).map((letter) => asKept(letter, options));
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

/** Where one table's block could not be written, those of the others must not be stored again when the request is repeated. */
async function appendAll({ blocks, request }: Delivery, options: AdmissionOptions): Promise<void> {
  const parts = request === undefined ? blocks : blocks.map((block) => ({ ...block, request }));
  const results = await Promise.allSettled(parts.map((block) => options.append(block)));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed === undefined) return;
  for (const [i, { table }] of parts.entries())
    if (request !== undefined && results[i]?.status === 'fulfilled') options.expectAgain?.(request, table);
  throw failed.reason;
}

interface PendingCheck {
  tenant: string;
  bytes: number;
  pending: number;
  room: PendingShare;
  refuse: (reason: string, message: string, details: Record<string, unknown>) => ClewError;
}

function checkPending({ tenant, bytes, pending, room, refuse }: PendingCheck): void {
  const limit = room.limitOf(tenant);
  if (pending + bytes <= limit) return;
  room.add(tenant, bytes);
  const all = `ingest.pending_bytes_max (${room.max})`;
  const own =
    limit < room.max ? `${limit}, for this tenant sends most: the rest of ${all} is for others` : all;
  throw refuse(
    'pending',
    `${pending} bytes wait to be inserted and this request has ${bytes}; the limit is ${own}. Try again in a moment.`,
    { pending_bytes: pending, limit, setting: 'ingest.pending_bytes_max' },
  );
}

const unlimited: RateLimits = { bytesPerS: 0, bytesBurst: 0, recordsPerS: 0, recordsBurst: 0 };
/** A full disk is not free again in the next moment. */
const diskRetryS = 5;

function checkRate(rates: Rates, tenant: string): void {
  try {
    rates.check(tenant);
  } catch (error) {
    ingestRefused.inc({ reason: 'rate' });
    throw error;
  }
}

/** Before the disk is full: what was acknowledged still has to be inserted, and merged. */
function checkDisk(free: number, min: number): void {
  if (free >= min) return;
  ingestRefused.inc({ reason: 'disk' });
  throw new ClewError(
    'unavailable',
    `Only ${free} bytes are free on the disk; the limit is ingest.disk_free_bytes_min (${min}). Free some space, or move data_dir to a larger disk.`,
    {
      details: {
        free_bytes: free,
        limit: min,
        setting: 'ingest.disk_free_bytes_min',
        retry_after_s: diskRetryS,
      },
    },
  );
}

function tell(delivery: Delivery, clock: Clock): void {
  const { signal } = delivery;
  ingestRecords.inc({ signal }, delivery.records);
  ingestBytes.inc({ signal }, delivery.bytes);
  if (delivery.rejected > 0) ingestRejected.inc({ signal }, delivery.rejected);
  ackSeconds.observe({ signal }, (clock.monotonic() - delivery.startedAt) / 1000);
}

const asKept = (letter: Letter, { masker = null }: AdmissionOptions): Letter =>
  masker === null ? cut(letter) : maskedLetter(masker, cut(letter));

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
