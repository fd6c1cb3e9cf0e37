import { type EpochMs, floorTo, type TimeWindow } from '../model/index.ts';
import type { Job } from './job.ts';

type Timing = Pick<Job, 'alignMs' | 'delayMs' | 'initialLookbackMs'>;

/** End of the newest window that is ready: `floor(now − delay, align)`. */
export const upperBound = (now: EpochMs, job: Timing): EpochMs => floorTo(now - job.delayMs, job.alignMs);

/** When the next window becomes ready. */
export const nextDue = (now: EpochMs, job: Timing): EpochMs =>
  upperBound(now, job) + job.alignMs + job.delayMs;

export interface DueRange extends TimeWindow {
  /** Older time that is given up, because it lies further back than catching up may reach; 0 when none is. */
  skippedMs: number;
}

/**
 * The time for which windows must be added: from the end of the newest one there is, or from the initial lookback, up to
 * the upper bound. Both ends are aligned, and the range is empty when the clock went back.
 */
export function dueRange(now: EpochMs, job: Timing, plannedTo: EpochMs | null, catchUpMs: number): DueRange {
  const to = upperBound(now, job);
  if (plannedTo === null) return { from: floorTo(to - job.initialLookbackMs, job.alignMs), to, skippedMs: 0 };
  const next = floorTo(plannedTo, job.alignMs);
  if (next >= to) return { from: to, to, skippedMs: 0 };
  const oldest = floorTo(to - catchUpMs, job.alignMs);
  return { from: Math.max(next, oldest), to, skippedMs: Math.max(0, oldest - next) };
}

/** The aligned windows that touch `window`, the last one whole. */
export function splitWindows(window: TimeWindow, alignMs: number): TimeWindow[] {
  const windows: TimeWindow[] = [];
  for (let from = floorTo(window.from, alignMs); from < window.to; from += alignMs)
    windows.push({ from, to: from + alignMs });
  return windows;
}

/** How many aligned windows touch `window`, without making them. */
export const countWindows = (window: TimeWindow, alignMs: number): number =>
  Math.ceil((window.to - floorTo(window.from, alignMs)) / alignMs);
