/** What the API answers about metrics per minute; the console draws it. */

/** A metric that has points, and who tells it. */
export interface MetricName {
  metric: string;
  services: string[];
  series: number;
}

export const seriesStats = ['avg', 'p95', 'max'] as const;
export type SeriesStat = (typeof seriesStats)[number];

/** A time in which a series was unusual, milliseconds. */
export interface UnusualTime {
  event_id: string;
  kind: string;
  severity: string;
  title: string;
  /** Code and values of the title, where the event has them. */
  labels: Record<string, unknown>;
  from: number;
  to: number;
}

export interface MetricLine {
  key: string;
  service: string;
  urn: string;
  labels: Record<string, string>;
  points: { at: number; value: number | null }[];
  /** What is usual: of the time before the window, or of the window before the first unusual value. */
  usual: { median: number; low: number; high: number; points: number } | null;
  unusual: UnusualTime[];
}

export interface MetricLook {
  /** As it is kept: a counter's rate has the name of its own. */
  metric: string;
  unit: string;
  stat: SeriesStat;
  step_ms: number;
  /** There are more lines than are answered. */
  truncated: boolean;
  series: MetricLine[];
}
