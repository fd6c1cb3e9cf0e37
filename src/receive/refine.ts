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
  /** Whether the attribute key `bytes[start, end)` may name a secret; a few nanoseconds, seldom true in vain. */
  suspectsKey(bytes: Uint8Array, start: number, end: number): boolean;
  /** Whether the key names a secret, so that its whole value is replaced by `maskedValue`; counts when it does. */
  maskKey(key: string, tenant: string): boolean;
  readonly maskedValue: string;
}

/** Everything that stands between a receiver and its columns; null where nothing is to be done. */
export interface Refinery {
  readonly masker: Masker | null;
}
