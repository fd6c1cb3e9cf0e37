/** Milliseconds since the Unix epoch. */
export type EpochMs = number;

/** A half-open span of time: `from` belongs to it, `to` does not. Milliseconds since the epoch. */
export interface TimeWindow {
  from: EpochMs;
  to: EpochMs;
}

/** The largest multiple of `stepMs` that is not after `at`. */
export const floorTo = (at: EpochMs, stepMs: number): EpochMs => Math.floor(at / stepMs) * stepMs;

export const iso = (at: EpochMs): string => new Date(at).toISOString();
