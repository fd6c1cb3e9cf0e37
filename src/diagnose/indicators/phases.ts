import type { EpochMs, TimeWindow } from '../../model/index.ts';
import type { Frame } from '../rank/frame.ts';

/** What is compared with what. */
export interface Compared {
  /** From the onset to the end. */
  during: TimeWindow;
  /** Null when nothing is known of before. */
  before: TimeWindow | null;
}

export const comparedOf = (frame: Frame): Compared => ({
  during: { from: frame.onset, to: frame.end },
  before: frame.baseline,
});

export type PhaseOf = (at: EpochMs) => 'during' | 'before' | null;

export const phaseOf =
  ({ during, before }: Compared): PhaseOf =>
  (at) =>
    at >= during.from && at <= during.to
      ? 'during'
      : before !== null && at >= before.from && at <= before.to
        ? 'before'
        : null;

/** Lengths in minutes; never zero. */
export const minutesOf = ({ from, to }: TimeWindow): number => Math.max(1_000, to - from) / 60_000;
