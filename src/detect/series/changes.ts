import { type CleanSeries, clean } from './clean.ts';
import { flatLines, gaps, spikes } from './oddities.ts';
import { madScale, median, spread } from './robust.ts';
import { periodOf, profileOf } from './season.ts';
import { type Segment, segmentsOf, sigmaFloor, sigmasMax, significance } from './segments.ts';
import { bestSplit, levelSamplesMin } from './split.ts';
import type { SeriesChange, SeriesInput, SeriesReport } from './types.ts';

const changesMax = 200;

/**
 * What changed within a series, in order of onset: levels, trends, spikes, spread, flat lines and gaps. A period (day,
 * week, …) is found and taken out first. Deterministic; O(n log n) for a bounded number of segments.
 * @throws ClewError as `clean` does.
 */
export function changes(input: SeriesInput): SeriesReport {
  const series = clean(input);
  const { values, period } = deseasonalised(series);
  if (period > 0) series.caveats.add('seasonal');
  const level = values.length > 0 ? median(values) : 0;
  const sigma = values.length > 0 ? spread(values, level) : 0;
  const found: SeriesChange[] = [];
  if (!series.caveats.has('short')) {
    found.push(...gaps(series), ...flatLines(series));
    if (!series.caveats.has('constant')) {
      const segments = segmentsOf(values);
      found.push(...shifts(series, values, segments), ...spikes(series, values, segments));
      found.push(...spreadChanges(series, values, segments));
    }
  }
  const caveats = [...series.caveats].sort();
  const ordered = found.sort((a, b) => a.onset.at - b.onset.at).slice(0, changesMax);
  return { changes: ordered, caveats, stepMs: series.stepMs, period, level, sigma };
}

/** The series minus the profile of its period, on its own grid of time; the series itself where none is found. */
export function deseasonalised(series: CleanSeries): { values: Float64Array; period: number } {
  const { times, values, stepMs, caveats } = series;
  if (caveats.has('irregular') || caveats.has('constant') || stepMs <= 0 || values.length < 24)
    return { values, period: 0 };
  const slot = (i: number) => Math.round(((times[i] as number) - (times[0] as number)) / stepMs);
  const slots = slot(values.length - 1) + 1;
  if (slots > 4 * values.length) return { values, period: 0 };
  const grid = new Float64Array(slots).fill(Number.NaN);
  for (let i = 0; i < values.length; i++) grid[slot(i)] = values[i] as number;
  for (let i = 1; i < slots; i++) if (Number.isNaN(grid[i])) grid[i] = grid[i - 1] as number;
  const period = periodOf(grid, stepMs);
  if (period === 0) return { values, period };
  // A level shift in few cycles would show in the profile: it is taken out before the profile is taken.
  const first = profileOf(grid, period);
  const levels = new Float64Array(slots);
  for (const { from, to, level } of segmentsOf(grid.map((value, i) => value - (first[i % period] as number))))
    levels.fill(level, from, to);
  const profile = profileOf(
    grid.map((value, i) => value - (levels[i] as number)),
    period,
  );
  return { values: values.map((value, i) => value - (profile[slot(i) % period] as number)), period };
}

function shifts(
  { times, stepMs }: CleanSeries,
  values: Float64Array,
  segments: readonly Segment[],
): SeriesChange[] {
  const found: SeriesChange[] = [];
  const timeAt = (i: number) => times[Math.max(0, Math.min(times.length - 1, i))] as number;
  for (const [k, now] of segments.entries()) {
    const before = segments[k - 1];
    if (before && now.cut) {
      const start = before.level + (before.slope * (before.to - before.from)) / 2;
      const after = now.level - (now.slope * (now.to - now.from)) / 2;
      const sigmas = Math.min(sigmasMax, Math.abs(after - start) / sigmaFloor(before));
      const over = segments
        .slice(k + 1)
        .find((later) => Math.abs(later.level - before.level) <= 1.5 * sigmaFloor(before));
      found.push({
        kind: 'level_shift',
        direction: after >= start ? 'up' : 'down',
        onset: { at: timeAt(now.from), from: timeAt(now.cut.from - 1), to: timeAt(now.cut.to) },
        end: over ? timeAt(over.from) : null,
        before: start,
        after,
        sigmas,
        pValue: now.cut.pValue,
      });
    }
    if (now.slope === 0) continue;
    const perHour = (now.slope / Math.max(1, stepMs)) * 3_600_000;
    found.push({
      kind: 'trend',
      direction: now.slope > 0 ? 'up' : 'down',
      onset: { at: timeAt(now.from), from: timeAt(now.from - 1), to: timeAt(now.from + levelSamplesMin) },
      end: now.to >= values.length ? null : timeAt(now.to),
      before: 0,
      after: perHour,
      sigmas: Math.min(sigmasMax, (Math.abs(now.slope) * (now.to - now.from)) / sigmaFloor(now)),
      pValue: significance,
    });
  }
  return found;
}

/** Changes of spread: the same cut on the logarithm of what the levels leave. */
function spreadChanges(
  { times }: CleanSeries,
  values: Float64Array,
  segments: readonly Segment[],
): SeriesChange[] {
  const rest = new Float64Array(values.length);
  for (const { from, to, level, slope } of segments)
    for (let i = from; i < to; i++)
      rest[i] = Math.abs((values[i] as number) - level - slope * (i - (from + to - 1) / 2));
  const floor = 0.01 * median(rest.filter((value) => value > 0));
  if (!(floor > 0)) return [];
  const logs = rest.map((value) => Math.log(Math.max(value, floor)));
  const split = bestSplit(logs, 10);
  if (!split || split.pValue >= significance) return [];
  const before = madScale * median(rest.subarray(0, split.at));
  const after = madScale * median(rest.subarray(split.at));
  // Twice as wide or half as wide; less is seen by a test but by nobody else.
  if (!(Math.abs(Math.log(Math.max(after, floor) / Math.max(before, floor))) > Math.LN2)) return [];
  const timeAt = (i: number) => times[Math.max(0, i)] as number;
  return [
    {
      kind: 'variance',
      direction: after > before ? 'up' : 'down',
      onset: { at: timeAt(split.at), from: timeAt(split.from - 1), to: timeAt(split.to) },
      end: null,
      before,
      after,
      sigmas: Math.min(sigmasMax, Math.max(after, before) / Math.max(floor, Math.min(after, before))),
      pValue: split.pValue,
    },
  ];
}
