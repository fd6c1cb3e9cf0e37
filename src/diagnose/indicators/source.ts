import type { EpochMs } from '../../model/index.ts';
import type { EventReading, LogReading, MeasureReading } from './schema.ts';

export interface Point {
  at: EpochMs;
  value: number;
}

/** One metric of one resource, before the incident and during it. Points are in order of time. */
export interface IndicatorSeries {
  /** Service, host or device as its sender names it. */
  resource: string;
  metric: string;
  labels: Readonly<Record<string, string>>;
  baseline: readonly Point[];
  incident: readonly Point[];
  /** Leads to the rows. */
  ref: string;
}

/** A quantity that was counted already. `baseline` is null when nothing is known of before. */
export interface Quantity {
  resource: string;
  baseline: number | null;
  incident: number;
  /** Requests, calls, records that `incident` rests on. */
  samples: number;
  ref: string;
  /** Of other rows that the figure is made of: what it is divided by, what it was added up from. */
  also?: readonly string[];
  /** A line or an event that shows it. */
  example?: string;
  /** Of the figures, where it is another than the check's: a sender that does not say its unit. */
  unit?: '';
}

/** What is known about an incident, whoever collected it. Every list is bounded by whoever makes it. */
export interface IndicatorSource {
  /** Every series whose name one of the expressions matches. */
  series(matches: (metric: string) => boolean): readonly IndicatorSeries[];
  /** Empty where the quantity is not known at all. */
  measure(reading: MeasureReading): readonly Quantity[];
  /** Records per minute that match, by resource; null when there are no logs at all. */
  logs(reading: LogReading): readonly Quantity[] | null;
  /** Events since shortly before the incident that match; null when none are known at all. */
  events(reading: EventReading): readonly Quantity[] | null;
}
