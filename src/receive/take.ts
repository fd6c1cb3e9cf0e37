import { type Clock, giveBuffer } from '../lib/index.ts';
import type { Door } from './door.ts';
import type { Transcoded } from './otlp/transcoder.ts';
import { MalformedError } from './otlp/wire.ts';
import { deliverOnce } from './receipt.ts';

export interface TakeDeps {
  door: Door;
  clock: Clock;
}

/** One request, and how its protocol reads it. */
export interface Taking {
  tenant: string;
  /** `logs`, `traces`, `metrics`. */
  signal: string;
  /** Name of the receiver in dead letters: `loki/push`. */
  source: string;
  contentType: string;
  /** Of a single refused record, where it is kept as a request of its own. */
  recordType?: string;
  /** The body as it came. */
  raw: Buffer;
  /** The body without its compression, bounded. */
  unpack: (raw: Buffer) => Promise<Uint8Array>;
  /** Synchronous; throws MalformedError. */
  transcode: (body: Uint8Array) => Transcoded;
  /** The blocks were made but not kept. */
  onLost?: () => void;
}

/**
 * Reads one request and resolves when all that could be kept is durable; the rest is in the dead letters. The memory of
 * `raw` is given back then.
 */
export async function takeRequest(deps: TakeDeps, taking: Taking): Promise<Transcoded> {
  try {
    return await take(deps, taking);
  } finally {
    giveBuffer(taking.raw);
  }
}

async function take(deps: TakeDeps, taking: Taking): Promise<Transcoded> {
  const { door, clock } = deps;
  const { tenant, signal, source, contentType } = taking;
  const startedAt = clock.monotonic();
  let body: Uint8Array = taking.raw;
  let result: Transcoded;
  try {
    body = await taking.unpack(taking.raw);
    result = taking.transcode(body);
    // Its records are in the blocks now, those that were refused are copies.
    if (body !== taking.raw) giveBuffer(body);
  } catch (error) {
    if (error instanceof MalformedError)
      await door.deadLetters([{ tenant, source, contentType, reason: error.message, payload: body }]);
    throw error;
  }
  const { blocks, records, rejected, rejections } = result;
  try {
    await deliverOnce(door, taking.raw, {
      tenant,
      signal,
      blocks,
      records,
      rejected,
      bytes: body.length,
      startedAt,
    });
  } catch (error) {
    taking.onLost?.();
    throw error;
  }
  if (rejected > 0) {
    const recordType = taking.recordType ?? `${contentType}; part=record`;
    await door.deadLetters(
      rejections
        .filter(({ payload }) => payload.length > 0)
        .map(({ reason, payload }) => ({
          tenant,
          source,
          reason,
          payload,
          contentType: recordType,
        })),
    );
  }
  return result;
}
