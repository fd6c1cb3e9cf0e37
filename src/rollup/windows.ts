import { type EpochMs, floorTo, type TimeWindow } from '../model/index.ts';
import type { Job } from './job.ts';

type Timing = Pick<Job, 'alignMs' | 'delayMs' | 'initialLookbackMs'>;

/** End of the newest window that is ready: `floor(now − delay, align)`. */
export const upperBound = (now: EpochMs, job: Timing): EpochMs => floorTo(now - job.delayMs, job.alignMs);

/**
 * Windows that should exist by now: from the end of the last success, or from the initial lookback, up to the upper
 * bound; the oldest first and at most `max` of them, so that catching up after a pause is spread over ticks.
 */
export function dueWindows(
  now: EpochMs,
  job: Timing,
  lastSuccessTo: EpochMs | null,
  max: number,
): TimeWindow[] {
  const upper = upperBound(now, job);
  const from =
    lastSuccessTo === null
      ? floorTo(upper - job.initialLookbackMs, job.alignMs)
      : floorTo(lastSuccessTo, job.alignMs);
  return splitWindows({ from, to: upper }, job.alignMs).slice(0, max);
}

/** The aligned windows that touch `window`, the last one whole. */
export function splitWindows(window: TimeWindow, alignMs: number): TimeWindow[] {
  const windows: TimeWindow[] = [];
  for (let from = floorTo(window.from, alignMs); from < window.to; from += alignMs)
    windows.push({ from, to: from + alignMs });
  return windows;
}
