import type { Ledger, Queryable } from '../ledger/index.ts';
import {
  ClewError,
  type Clock,
  type ErrorCode,
  errorRegistry,
  isClewError,
  sha256Hex,
} from '../lib/index.ts';
import { iso } from '../model/index.ts';
import { canonicalJson } from './canonical.ts';
import { idempotentReplayTotal } from './events.ts';

/**
 * Idempotency. The scope of a key is tenant, method and path with its ids, so `a1` on another case is another request.
 * The first answer is kept, refusals too (409 illegal, 422 guard), unless the error invites a retry (412, 5xx): then a
 * second attempt under the same key may do better. The same key with another body is 422.
 */
export interface IdempotencyKey {
  tenant: string;
  route: string;
  key: string;
  requestHash: string;
}

export type Answer<T> = { ok: true; value: T } | { ok: false; error: Refusal };

export interface Refusal {
  code: ErrorCode;
  message: string;
  details: Record<string, unknown>;
}

/** A reservation older than this belongs to a process that died while it answered. */
const reservationMsMax = 120_000;

const sql = {
  lock: 'SELECT pg_advisory_xact_lock(hashtextextended($1, 0))',
  find: 'SELECT request_hash, response, created_at FROM idempotency WHERE tenant = $1 AND route = $2 AND key = $3',
  keep: `INSERT INTO idempotency (tenant, route, key, request_hash, response, created_at)
         VALUES ($1, $2, $3, $4, $5::jsonb, $6)
         ON CONFLICT (tenant, route, key) DO UPDATE SET response = excluded.response, created_at = excluded.created_at`,
  release: 'DELETE FROM idempotency WHERE tenant = $1 AND route = $2 AND key = $3 AND response IS NULL',
};

export const requestHash = (body: unknown): string => sha256Hex(canonicalJson(body ?? null));

export const refusal = (
  code: ErrorCode,
  message: string,
  details: Record<string, unknown> = {},
): Answer<never> => ({ ok: false, error: { code, message, details } });

export const errorOf = (error: Refusal): ClewError =>
  new ClewError(error.code, error.message, { details: error.details });

const names = (key: IdempotencyKey) => [key.tenant, key.route, key.key];

/** Serialises requests under one key, also across processes, until the transaction ends. */
export async function lockKey(tx: Queryable, key: IdempotencyKey): Promise<void> {
  await tx.query(sql.lock, [names(key).join('\n')]);
}

/** The first answer under this key; undefined when there is none. Throws when the request is another one. */
export async function recall<T>(
  tx: Queryable,
  key: IdempotencyKey,
  now: number,
): Promise<Answer<T> | undefined> {
  const [row] = await tx.query<{ request_hash: string; response: Answer<T> | null; created_at: Date }>(
    sql.find,
    names(key),
  );
  if (!row) return undefined;
  if (row.request_hash !== key.requestHash)
    throw new ClewError(
      'unprocessable',
      `Idempotency-Key ${key.key} was used before on ${key.route} with another body. Use a new key for a new request.`,
    );
  if (row.response) {
    idempotentReplayTotal.inc();
    return row.response;
  }
  if (now - row.created_at.getTime() < reservationMsMax)
    throw new ClewError('conflict', `The first request under Idempotency-Key ${key.key} is still running.`);
  return undefined;
}

export async function remember<T>(
  tx: Queryable,
  key: IdempotencyKey,
  answer: Answer<T>,
  now: number,
): Promise<void> {
  if (!answer.ok && errorRegistry[answer.error.code].retryable) return;
  await tx.query(sql.keep, [...names(key), key.requestHash, JSON.stringify(answer), iso(now)]);
}

/** For work that can't run inside one transaction: reserve the key, work, keep the answer. */
export async function answerOnce<T>(
  deps: { ledger: Ledger; clock: Clock },
  key: IdempotencyKey | null,
  work: () => Promise<T>,
): Promise<T> {
  if (!key) return work();
  const first = await deps.ledger.transaction(async (tx) => {
    await lockKey(tx, key);
    const known = await recall<T>(tx, key, deps.clock.now());
    if (!known) await tx.query(sql.keep, [...names(key), key.requestHash, null, iso(deps.clock.now())]);
    return known;
  });
  if (first) {
    if (first.ok) return first.value;
    throw errorOf(first.error);
  }
  try {
    const value = await work();
    await remember(deps.ledger, key, { ok: true, value }, deps.clock.now());
    return value;
  } catch (error) {
    if (isClewError(error) && !error.retryable) {
      const { code, message, details } = error;
      await remember(deps.ledger, key, { ok: false, error: { code, message, details } }, deps.clock.now());
    } else await deps.ledger.query(sql.release, names(key));
    throw error;
  }
}
