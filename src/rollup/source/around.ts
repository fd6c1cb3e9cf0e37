import { floorTo, type TimeWindow } from '../../model/index.ts';

/** Counters look five minutes back, calls a minute to either side; whole minutes, as stores name their objects. */
const beforeMs = 300_000;
const afterMs = 60_000;
const minuteMs = 60_000;

export const around = (window: TimeWindow): TimeWindow => ({
  from: floorTo(window.from - beforeMs, minuteMs),
  to: floorTo(window.to + afterMs + minuteMs - 1, minuteMs),
});

export function minutesOf(window: TimeWindow): number[] {
  const minutes: number[] = [];
  for (let at = window.from; at < window.to; at += minuteMs) minutes.push(at);
  return minutes;
}
