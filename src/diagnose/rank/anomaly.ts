import { leastOf, mostOf } from '../../lib/index.ts';
import type { EpochMs } from '../../model/index.ts';
import type { Series } from '../incident.ts';
import { adjoining, departure, type Frame } from './frame.ts';
import { ascending, distance, mean, median, type Normal, normalOf, oddness } from './stats.ts';
import { type MetricClass, metricClass, worseDirection } from './words.ts';

/** One series that is not as usual. */
export interface Anomaly {
  series: Series;
  kind: MetricClass;
  /** Usual distances from the middle, positive above it. */
  z: number;
  /** 0–1 by `z`. */
  strength: number;
  normal: Normal;
  /** The odd half of the values of the incident, averaged. */
  now: number;
  onset: EpochMs;
}

/** What is usual for a series at the time of the incident, and its values of the incident. */
export interface Compared {
  series: Series;
  normal: Normal;
  times: number[];
  values: number[];
  /** Values inside the stated window but before the onset. */
  before: number[];
  /** Nothing was measured before the incident: whatever it measures began with it. */
  fresh: boolean;
}

/** A level right before the onset this far from the baseline is a new level, and no sign of this incident. */
const shiftDistance = 4;
const baselineMin = 3;
/** The baseline counts as this many values right before the onset. */
const nearness = 2;

/**
 * Compares a series' incident with what is usual. The baseline tells what is usual and how far values lie apart; where the
 * values right before the onset had already moved to another level than that of a baseline from another time, that level is usual.
 */
export function compare(series: Series, frame: Frame): Compared | null {
  const baseline: number[] = [];
  const before: number[] = [];
  const times: number[] = [];
  const values: number[] = [];
  for (let i = 0; i < series.times.length; i++) {
    const at = series.times[i] ?? 0;
    const value = series.values[i] ?? 0;
    const phase = frame.phaseOfValue(at);
    if (phase === 'baseline') baseline.push(value);
    else if (phase === 'before') before.push(value);
    else if (phase === 'during') {
      times.push(at);
      values.push(value);
    }
  }
  if (values.length === 0) return null;
  const floor = floorOf(series, [...baseline, ...before]);
  const usual = baseline.length >= baselineMin ? normalOf(baseline, floor) : null;
  if (usual === null) {
    const all = [...baseline, ...before];
    return { series, normal: normalOf(all, floor), times, values, before, fresh: all.length === 0 };
  }
  if (before.length > 0) {
    const level = median(before);
    if (Math.abs(distance(usual, level)) > shiftDistance) {
      // Noticed late, an incident that began in its window is no new level.
      const first = median(before.slice(0, Math.ceil(before.length / 2)));
      const began = adjoining(frame) || Math.abs(distance(usual, first)) <= shiftDistance;
      const normal = began ? usual : shifted(usual, before, level);
      return { series, normal, times, values, before, fresh: false };
    }
    // Within the usual range, the last values before the onset are the better guess of what would have followed.
    const near = (before.length * level + nearness * usual.level) / (before.length + nearness);
    return { series, normal: { ...usual, level: near }, times, values, before, fresh: false };
  }
  return { series, normal: usual, times, values, before, fresh: false };
}

/** A share of 0 or 100 % is steady to a fraction of a percent, a number of failures to one, not to two percent as a time is. */
function floorOf(series: Series, values: readonly number[]): number | undefined {
  const kind = metricClass(series.metric);
  if (kind === 'availability') return values.some((value) => value > 1.5) ? 0.1 : 0.001;
  if (kind !== 'errors') return undefined;
  if (!/ratio|rate|percent|pct|fraction|share/i.test(series.metric)) return 1;
  return /percent|pct/i.test(series.metric) || values.some((value) => value > 1.5) ? 0.3 : 0.003;
}

/** The same relative width around another level. */
function shifted(usual: Normal, before: readonly number[], level: number): Normal {
  const scale = Math.abs(usual.level) > 1e-9 ? Math.max(1, Math.abs(level / usual.level)) : 1;
  const spread = before.length > 1 ? mostOf(before) - leastOf(before) : 0.1 * Math.abs(level);
  return {
    count: before.length,
    level,
    up: Math.max(usual.up * scale, spread, 0.05 * Math.abs(level)),
    down: Math.max(usual.down * scale, spread, 0.05 * Math.abs(level)),
    low: Math.min(leastOf(before), level),
    high: Math.max(mostOf(before), level),
  };
}

export function anomalyOf(compared: Compared, frame: Frame): Anomaly | null {
  const { series, normal, values, times } = compared;
  if (compared.fresh || normal.count === 0) return null;
  const kind = metricClass(series.metric);
  const direction = worseDirection(kind);
  const ordered = ascending(values);
  const half = Math.max(1, Math.ceil(ordered.length / 2));
  const high = mean(ordered.slice(-half));
  const low = mean(ordered.slice(0, half));
  const up = distance(normal, high);
  const down = distance(normal, low);
  const now =
    direction === 'up' ? high : direction === 'down' ? low : Math.abs(down) > Math.abs(up) ? low : high;
  const z = distance(normal, now);
  const bad = direction === 'up' ? z : direction === 'down' ? -z : Math.abs(z);
  const strength = oddness(bad);
  if (strength <= 0) return null;
  const first = values.findIndex((value) => Math.abs(distance(normal, value)) > 3);
  const left = frame.onset > (times[0] ?? 0) ? null : departure(series, frame.onset, frame.baseline);
  return {
    series,
    kind,
    z,
    strength,
    normal,
    now,
    onset:
      left !== null && left.onset < frame.onset ? left.onset : (times[Math.max(0, first)] ?? frame.onset),
  };
}

/** All series that are not as usual, oddest first. */
export function anomaliesOf(compared: readonly Compared[], frame: Frame): Anomaly[] {
  return compared
    .flatMap((one) => anomalyOf(one, frame) ?? [])
    .sort(
      (a, b) =>
        b.strength - a.strength ||
        (`${a.series.service} ${a.series.metric}` < `${b.series.service} ${b.series.metric}` ? -1 : 1),
    );
}
