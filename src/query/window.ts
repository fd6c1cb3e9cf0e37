import { ClewError } from '../lib/index.ts';
import { type EpochMs, floorTo, type TimeWindow } from '../model/index.ts';

/** A user's window, or a clear refusal. */
export function checkWindow(window: TimeWindow, windowMsMax: number): TimeWindow {
  const { from, to } = window;
  if (!(from < to)) {
    throw new ClewError(
      'bad_request',
      `from (${from}) must be before to (${to}); both are epoch milliseconds.`,
      {
        details: { from, to },
      },
    );
  }
  if (to - from > windowMsMax) {
    const days = (ms: number) => `${Math.round((ms / 86_400_000) * 10) / 10} days`;
    throw new ClewError(
      'bad_request',
      `The window from..to is ${days(to - from)} long; the limit is ${days(windowMsMax)} (query.window_s_max).`,
      { details: { from, to, window_ms_max: windowMsMax } },
    );
  }
  return window;
}

// The newest page of a busy service lies in seconds, that of a quiet one in hours. Five growing steps (30 s … 2 h)
// cost at most 5 short queries more than one scan of everything, and let the busy case read a few granules.
const firstStepMs = 30_000;
const stepGrowth = 4;
const stepsMax = 5;

/** Disjoint parts of the window, newest first, growing; the last one takes what is left. */
export function walkBack(window: TimeWindow): TimeWindow[] {
  const parts: TimeWindow[] = [];
  let to = window.to;
  let stepMs = firstStepMs;
  for (let step = 0; step < stepsMax && to > window.from; step++) {
    const from = Math.max(window.from, to - stepMs);
    parts.push({ from, to });
    to = from;
    stepMs *= stepGrowth;
  }
  if (to > window.from) parts.push({ from: window.from, to });
  return parts;
}

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
/** Bucket widths that a person can name; a width in between makes an axis nobody can read. */
const bucketSteps = [
  100,
  200,
  500,
  ...[1, 2, 5, 10, 15, 30].map((n) => n * second),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * minute),
  ...[1, 2, 3, 6, 12].map((n) => n * hour),
  ...[1, 2, 7, 30].map((n) => n * day),
];

export interface Buckets {
  stepMs: number;
  /** Start of the first bucket: a multiple of the step, at or before `from`. */
  origin: EpochMs;
  count: number;
}

/** Buckets aligned to the clock, so that a bucket keeps its rows while the window slides; about `wanted` of them. */
export function bucketsOf(window: TimeWindow, wanted: number): Buckets {
  const ideal = (window.to - window.from) / Math.max(1, wanted);
  const stepMs = bucketSteps.find((step) => step >= ideal) ?? Math.ceil(ideal / day) * day;
  const origin = floorTo(window.from, stepMs);
  return { stepMs, origin, count: Math.max(1, Math.ceil((window.to - origin) / stepMs)) };
}

export const bucketStarts = (buckets: Buckets): EpochMs[] =>
  Array.from({ length: buckets.count }, (_, i) => buckets.origin + i * buckets.stepMs);
