/** A logarithmic scale over some values, padded, with a tick at each power of ten inside. */
export interface LogScale {
  /** 0 at the bottom, 1 at the top. */
  place: (value: number) => number;
  ticks: number[];
}

/** Durations below a microsecond are noise of the clock. */
const least = 0.001;

export function logScale(values: readonly number[]): LogScale {
  const logs = values.map((value) => Math.log10(Math.max(least, value)));
  const low = logs.length === 0 ? 0 : Math.min(...logs) - 0.15;
  const high = logs.length === 0 ? 3 : Math.max(...logs) + 0.15;
  const span = Math.max(0.5, high - low);
  const ticks: number[] = [];
  for (let power = Math.ceil(low); power <= low + span; power++) ticks.push(10 ** power);
  return { place: (value) => (Math.log10(Math.max(least, value)) - low) / span, ticks };
}
