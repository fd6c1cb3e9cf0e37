import type { EpochMs } from '../../model/index.ts';
import { type AnomalyDetail, alarmScore, changes, type Onset, SeriesDetector } from '../series/index.ts';
import type { StoredSample, StoredSeries } from './series.ts';

/** Series of one tenant that are watched, by table; about 45 kB each. */
export const seriesMax = { service_call_5m: 150, log_pattern_5m: 100, metric_1m: 200 } as const;
/** Samples kept to date an alarm's onset. */
const recentSamples = 96;
/** A series without a row for so long is forgotten and makes room. */
const idleMs = 86_400_000;

export interface StoredAlarm {
  series: StoredSeries;
  bucket: EpochMs;
  value: number;
  score: number;
  detail: AnomalyDetail;
  onset: Onset;
}

interface Watched {
  series: StoredSeries;
  detector: SeriesDetector;
  times: number[];
  values: number[];
  rowAt: EpochMs;
}

/** The detectors of one tenant's stored series. Samples come bucket by bucket, each series in order of time. */
export class SeriesWatch {
  readonly #watched = new Map<string, Watched>();
  readonly #counts = { service_call_5m: 0, log_pattern_5m: 0, metric_1m: 0 };
  /** Samples of series beyond `seriesMax`, since the last time it was asked. */
  #leftOut = new Set<string>();

  get size(): number {
    return this.#watched.size;
  }

  takeLeftOut(): number {
    const count = this.#leftOut.size;
    this.#leftOut = new Set();
    return count;
  }

  /**
   * Takes all samples of one bucket of one table. Series of the table whose missing row means zero get a zero. Answers what is
   * an alarm.
   */
  bucket(table: StoredSeries['table'], at: EpochMs, samples: readonly StoredSample[]): StoredAlarm[] {
    const alarms: StoredAlarm[] = [];
    const seen = new Set<string>();
    for (const { series, value } of samples) {
      seen.add(series.key);
      const watched = this.#of(series, at);
      if (!watched) continue;
      watched.rowAt = at;
      this.#push(watched, at, value, alarms);
    }
    for (const [key, watched] of this.#watched) {
      if (watched.series.table !== table || seen.has(key)) continue;
      if (at - watched.rowAt > idleMs) {
        this.#watched.delete(key);
        this.#counts[table]--;
      } else if (watched.series.zeroFilled) this.#push(watched, at, 0, alarms);
    }
    return alarms;
  }

  #of(series: StoredSeries, at: EpochMs): Watched | null {
    const known = this.#watched.get(series.key);
    if (known) return known;
    if (this.#counts[series.table] >= seriesMax[series.table]) {
      this.#leftOut.add(series.key);
      return null;
    }
    const watched = { series, detector: new SeriesDetector(), times: [], values: [], rowAt: at };
    this.#watched.set(series.key, watched);
    this.#counts[series.table]++;
    return watched;
  }

  #push(watched: Watched, at: EpochMs, value: number, alarms: StoredAlarm[]): void {
    const { detector, times, values } = watched;
    const score = detector.push(at, value);
    times.push(at);
    values.push(value);
    if (times.length > recentSamples) {
      times.shift();
      values.shift();
    }
    if (score < alarmScore) return;
    const { series } = watched;
    alarms.push({
      series,
      bucket: at,
      value,
      score,
      detail: detector.detail(),
      onset: onsetOf(times, values),
    });
  }
}

/** The newest change among the last samples that lasts to the end; where none shows, it began with the newest sample. */
function onsetOf(timestamps: readonly number[], values: readonly number[]): Onset {
  const at = timestamps[timestamps.length - 1] as number;
  const before = timestamps[timestamps.length - 2] ?? at;
  const lasting = changes({ timestamps, values, kind: 'gauge' }).changes.filter(
    ({ kind, end }) => kind !== 'gap' && end === null,
  );
  return lasting.at(-1)?.onset ?? { at, from: before, to: at };
}
