import type { EpochMs, TimeWindow } from '../../model/index.ts';

/** Samples of one series; any order, holes, repeats and values that are no numbers are allowed. */
export interface SeriesInput {
  /** Milliseconds since 1970. Same length as `values`. */
  timestamps: ArrayLike<EpochMs>;
  /** NaN and infinities count as missing. */
  values: ArrayLike<number>;
  /**
   * `counter`: only ever grows but for resets; its rate per second is judged. `auto` (default) takes a series for a
   * counter when it grows for most of its steps and falls only to near nothing.
   */
  kind?: 'auto' | 'gauge' | 'counter';
}

export type ChangeKind = 'level_shift' | 'trend' | 'spike' | 'variance' | 'flat_line' | 'gap';

/** When it began: not before `from` (the last sample that was still normal), not after `to`; most likely `at`. */
export interface Onset {
  at: EpochMs;
  from: EpochMs;
  to: EpochMs;
}

export interface SeriesChange {
  kind: ChangeKind;
  direction: 'up' | 'down';
  onset: Onset;
  /** When it was over; null when it lasts to the end of the series. */
  end: EpochMs | null;
  /** Level before and during it, in the unit of the series (of a counter: per second). Slope per hour for a trend. */
  before: number;
  after: number;
  /** |after − before| in robust standard deviations of what was before. */
  sigmas: number;
  /** Chance of a change this large anywhere in a series without any, autocorrelation considered. */
  pValue: number;
}

/** What a reader of a result must know about the data it came from. */
export type Caveat =
  | 'misordered' // rows were sorted by time
  | 'duplicates' // of several values for one time the last was taken
  | 'not_numbers' // NaN or infinite values were left out
  | 'irregular' // samples don't come at an even rhythm
  | 'gaps' // stretches without samples
  | 'counter' // the rate per second was judged
  | 'resets' // a counter fell; the fall was taken for a restart
  | 'constant' // never another value
  | 'short' // fewer samples than a judgement needs
  | 'seasonal'; // the profile of a period was taken out first

export interface SeriesReport {
  changes: SeriesChange[];
  caveats: Caveat[];
  /** Usual distance of two samples. */
  stepMs: number;
  /** Period that was taken out, in samples; 0 = none found. */
  period: number;
  /** Robust middle and spread of the whole series after the period was taken out. */
  level: number;
  sigma: number;
}

/** One window of a comparison. */
export interface WindowSummary {
  samples: number;
  median: number;
  /** Robust standard deviation. */
  sigma: number;
  mean: number;
  min: number;
  max: number;
}

export interface WindowComparison {
  baseline: WindowSummary;
  incident: WindowSummary;
  direction: 'up' | 'down' | 'none';
  /** (incident − baseline) in robust standard deviations of the baseline, signed; the largest of level and extremes. */
  sigmas: number;
  /** incident median / baseline median; null where the baseline is zero. */
  ratio: number | null;
  /** Chance of a difference this large when nothing changed; 1 when there is no data on one side. */
  pValue: number;
  /** When it began within the incident's window (or shortly before it); null when nothing changed. */
  onset: Onset | null;
  caveats: Caveat[];
}

export interface CompareOptions {
  baseline: TimeWindow;
  incident: TimeWindow;
  /** Differences below this share of the baseline's level are noise, whatever the spread. Default 0.01. */
  relativeFloor?: number;
}
