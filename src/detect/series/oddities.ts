import type { CleanSeries } from './clean.ts';
import { normalTail, quantile } from './robust.ts';
import { type Segment, sigmaFloor, sigmasMax, significance } from './segments.ts';
import type { SeriesChange } from './types.ts';

const spikeSamplesMax = 3;
const flatSamplesMin = 6;
const gapStepsMin = 3.5;

/**
 * Single samples (or up to `spikeSamplesMax` neighbours) that the tail of the series does not explain: the tail beyond its
 * 95 % quantile is taken as exponential, so series that always spike have to spike harder.
 */
export function spikes(
  { times }: CleanSeries,
  values: Float64Array,
  segments: readonly Segment[],
): SeriesChange[] {
  const n = values.length;
  const away = new Float64Array(n);
  for (const segment of segments) {
    const middle = (segment.from + segment.to - 1) / 2;
    for (let i = segment.from; i < segment.to; i++)
      away[i] = ((values[i] as number) - segment.level - segment.slope * (i - middle)) / sigmaFloor(segment);
  }
  const size = Float64Array.from(away, Math.abs);
  const sorted = size.slice().sort();
  const edge = Math.max(1.96, quantile(sorted, 0.95));
  const scale = Math.max(0.3, (quantile(sorted, 0.99) - edge) / Math.log(5), 0);
  const chance = (z: number) =>
    z <= edge ? 1 : Math.max(0.05 * Math.exp(-(z - edge) / scale), normalTail(z));
  const found: SeriesChange[] = [];
  for (let i = 0; i < n; i++) {
    const pValue = Math.min(1, n * chance(size[i] as number));
    if (pValue >= significance || (size[i] as number) < 4) continue;
    let end = i + 1;
    let peak = i;
    while (end < n && n * chance(size[end] as number) < 0.05) {
      if ((size[end] as number) > (size[peak] as number)) peak = end;
      end++;
    }
    const segment = segments.find(({ from, to }) => i >= from && i < to);
    if (segment && end - i <= spikeSamplesMax)
      found.push({
        kind: 'spike',
        direction: (away[i] as number) > 0 ? 'up' : 'down',
        onset: at(times, i),
        end: end < n ? (times[end] as number) : null,
        before: segment.level,
        after: segment.level + (away[peak] as number) * sigmaFloor(segment),
        sigmas: Math.min(sigmasMax, size[peak] as number),
        pValue,
      });
    i = end - 1;
  }
  return found;
}

const at = (times: Float64Array, i: number) => ({
  at: times[i] as number,
  from: times[Math.max(0, i - 1)] as number,
  to: times[i] as number,
});

/** Stretches of one and the same value in a series that otherwise moves. */
export function flatLines({ times, values }: CleanSeries): SeriesChange[] {
  const n = values.length;
  let repeats = 0;
  let longest = 0;
  let run = 1;
  for (let i = 1; i < n; i++) {
    run = values[i] === values[i - 1] ? run + 1 : 1;
    if (run > 1) repeats++;
    longest = Math.max(longest, run);
  }
  if (longest < flatSamplesMin || repeats >= n - 2) return [];
  // Repeats outside the longest run: what this series does anyway.
  const usual = Math.max(1, repeats - (longest - 1)) / Math.max(1, n - longest);
  const found: SeriesChange[] = [];
  for (let from = 0; from < n; ) {
    let to = from + 1;
    while (to < n && values[to] === values[from]) to++;
    const pValue = Math.min(1, n * Math.min(1, usual) ** (to - from - 1));
    if (to - from >= flatSamplesMin && pValue < significance && from > 0)
      found.push({
        kind: 'flat_line',
        direction: 'down',
        onset: at(times, from),
        end: to < n ? (times[to] as number) : null,
        before: values[from - 1] as number,
        after: values[from] as number,
        sigmas: 0,
        pValue,
      });
    from = to;
  }
  return found;
}

/** Stretches without samples in a series that comes at a rhythm. */
export function gaps({ times, values, stepMs, caveats }: CleanSeries): SeriesChange[] {
  if (caveats.has('irregular') || stepMs <= 0) return [];
  const found: SeriesChange[] = [];
  for (let i = 1; i < times.length; i++) {
    const steps = ((times[i] as number) - (times[i - 1] as number)) / stepMs;
    if (steps < gapStepsMin) continue;
    const from = times[i - 1] as number;
    found.push({
      kind: 'gap',
      direction: 'down',
      onset: { at: from + stepMs, from, to: from + 2 * stepMs },
      end: times[i] as number,
      before: values[i - 1] as number,
      after: values[i] as number,
      sigmas: 0,
      pValue: Math.min(1, times.length * Math.exp(-steps)),
    });
  }
  return found;
}
