import type { LogRecord, Pair } from './log-record.ts';

/**
 * What happens to records between the wire and the columns. The types live here, `admit` makes the things, `main.ts` hands
 * them in. Receivers only decide where they are called.
 */

/**
 * Hides secrets and personal data before anything is stored. The cheap question comes first: nearly every text is
 * answered `false` by `suspects` without becoming a JavaScript string.
 */
export interface Masker {
  /** Whether the UTF-8 text in `bytes[start, end)` may hold something to hide. Never false for a text that `mask` changes. */
  suspects(bytes: Uint8Array, start: number, end: number): boolean;
  /** The text with everything hidden that a rule found; counts per rule and tenant. */
  mask(text: string, tenant: string): string;
  /** The same, but each hidden character becomes `*`: for a frame that counts its bytes. */
  blank(text: string, tenant: string): string;
  /** Whether the attribute key `bytes[start, end)` may name a secret; a few nanoseconds, seldom true in vain. */
  suspectsKey(bytes: Uint8Array, start: number, end: number): boolean;
  /** Whether the key names a secret, so that its whole value is replaced by `maskedValue`; counts when it does. */
  maskKey(key: string, tenant: string): boolean;
  readonly maskedValue: string;
}

/** A record as a pipeline left it. */
export interface RefinedRecord extends LogRecord {
  /** Whose record it is, when the pipeline changed that; null: as it was. */
  resource: { service: string; attributes: readonly Pair[] } | null;
}

/**
 * A pipeline at work on one stream of one request. Of each record it passes on none, one or, at the end of an event of many
 * lines, one for several. Nothing is held back beyond `end`, so that nothing is acknowledged which is not stored.
 */
export interface Refiner {
  take(record: LogRecord, out: (record: RefinedRecord) => void): void;
  /** No further record of this stream comes in this request. */
  end(out: (record: RefinedRecord) => void): void;
}

/** Everything that stands between a receiver and its columns. */
export interface Refinery {
  readonly masker: Masker | null;
  /** False when there is no pipeline at all: then nobody need ask. */
  readonly active: boolean;
  /**
   * Asked once for each resource of a request. `source` names the receiver as in dead letters (`loki/push`). Null when no
   * pipeline is for these records.
   */
  refiner(tenant: string, source: string, service: string, resource: readonly Pair[]): Refiner | null;
}
