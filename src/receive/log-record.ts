export type Pair = readonly [key: string, value: string];

/** One log record as a receiver understood it; '' and 0n where the sender said nothing. */
export interface LogRecord {
  /** Nanoseconds since 1970; may lie outside of what can be stored, the time rule decides. */
  timeNs: bigint;
  /** As it was sent. Without it, the line itself is asked. */
  severity: string;
  traceId: string;
  spanId: string;
  body: string | Uint8Array;
  attributes: readonly Pair[];
  /** Identifies the class of an event; a plain log record has none. */
  eventName?: string;
}
