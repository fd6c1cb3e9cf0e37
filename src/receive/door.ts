import type { Block } from '../model/index.ts';

/** One accepted request: its blocks, and what could not be kept. */
export interface Delivery {
  tenant: string;
  /** `logs`, `traces`, `metrics`, `events`, `alerts`, `changes`. */
  signal: string;
  blocks: Block[];
  records: number;
  rejected: number;
  /** Size of the request body after decompression. */
  bytes: number;
  /** Clock's monotonic time when the request came. */
  startedAt: number;
  /** Fingerprint of the request, by which a repetition is known. */
  request?: string;
}

/** Something that could not be read, with its bytes. */
export interface Letter {
  tenant: string;
  /** Which receiver: `otlp/logs`. */
  source: string;
  reason: string;
  contentType: string;
  payload: Uint8Array;
}

/** What receivers need from the room behind them; `admit` makes one. */
export interface Door {
  /** Whose telemetry this is. Throws `unauthenticated`. */
  tenantOf(authorization: string): string;
  /**
   * Asks for room for a request of about so many bytes; throws `overloaded` or `unavailable`, with `retry_after_s` in its
   * details where the wait is known. The function answered gives the room back. Without a tenant it is the usual one.
   */
  enter(bytes: number, tenant?: string): () => void;
  /** Resolves when every block is durable. */
  deliver(delivery: Delivery): Promise<void>;
  /** The sender did not get the answer to a request that is (or will be) durable when `underway` resolves: it may come again. */
  answerLost(request: string, underway: Promise<unknown>): void;
  /** Where the same bytes began to be stored in the last minute: settles as that does. */
  storedLately(request: string): Promise<void> | undefined;
  /** While a request whose sender has gone is still under way, its repetition waits for it. Never rejects. */
  repeated(request: string): Promise<void> | undefined;
  /** Keeps what could not be read. Never throws. */
  deadLetters(letters: readonly Letter[]): Promise<void>;
}
