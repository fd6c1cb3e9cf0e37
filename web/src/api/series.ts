/** What was unusual, what it rests on, and the metrics per minute that show it. */
import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import type { MetricLook, MetricName, SeriesStat } from '../../../src/model/series-report.ts';
import { now } from '../model/clock.ts';
import { type FrameSearch, type Window, windowOf } from '../model/range.ts';
import { get } from './client.ts';
import { rangeKey, type Windowed, windowed } from './queries.ts';

export interface SignalRow {
  event_id: string;
  detected_at: number;
  severity: string;
  /** slo_violation, anomaly, alert, new_pattern, pattern_rate. */
  kind: string;
  title: string | null;
  summary: string | null;
  labels: Record<string, unknown>;
  urn: string | null;
}

/** As many as a window of a bad day has; more would be one event that shows everywhere. */
const signalsMax = 500;

/** What began before the window may last into it. */
const lastsMsMax = 21_600_000;

export const signalsQuery = (frame: FrameSearch, poll: number | false) =>
  queryOptions({
    queryKey: ['signals', ...rangeKey(frame)],
    queryFn: async ({ signal }): Promise<Windowed<SignalRow[]>> => {
      const window = windowOf(frame, now());
      const from = Math.max(0, Math.floor(window.from) - lastsMsMax);
      const asked = { from, to: Math.ceil(window.to), limit: signalsMax };
      return { window, data: (await get<SignalRow[]>('/signals', asked, signal)).data };
    },
    placeholderData: keepPreviousData,
    refetchInterval: poll,
  });

export interface EventDetail {
  event_id: string;
  title: string | null;
  summary: string | null;
  labels: Record<string, unknown>;
  kind: string;
  severity: string;
  detected_at: number;
  resource: string | null;
  evidence: { evidence_id: string; dim: string; note: string | null }[];
}

export const eventQuery = (id: string) =>
  queryOptions({
    queryKey: ['event', id],
    queryFn: async ({ signal }) =>
      (await get<EventDetail>(`/events/${encodeURIComponent(id)}/evidence`, {}, signal)).data,
    staleTime: 15_000,
  });

export const seriesNamesQuery = (frame: FrameSearch, service: string | undefined, poll: number | false) =>
  windowed<MetricName[]>('series-names', '/series/names', frame, { service }, poll);

export interface MetricAsked {
  metric: string;
  service?: string | undefined;
  stat?: SeriesStat | undefined;
}

export const seriesQuery = (frame: FrameSearch, asked: MetricAsked, poll: number | false) =>
  windowed<MetricLook>('series', '/series', frame, { ...asked }, poll);

/** The same for a fixed time, whatever the page shows. */
export const seriesAtQuery = (window: Window, asked: MetricAsked) => seriesQuery(window, asked, false);
