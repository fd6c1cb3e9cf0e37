import { counter, gauge, histogram } from '../lib/index.ts';

export const tickSeconds = histogram(
  'clew_detect_tick_seconds',
  'Time of one evaluation, stage read or judge.',
  ['stage'],
);
export const tickErrors = counter(
  'clew_detect_tick_errors_total',
  'Evaluations that failed and were skipped.',
);
export const signalsTotal = counter('clew_detect_signals_total', 'Signals raised.', ['indicator', 'kind']);
export const signalsActive = gauge('clew_detect_signals_active', 'Signals that are out of bounds now.', [
  'tenant',
]);
export const incidentsOpen = gauge('clew_detect_incidents_open', 'Incidents that are not over.', ['tenant']);
export const seriesDropped = gauge(
  'clew_detect_series_dropped',
  'Series left out of the live window because a bound was reached.',
  ['tenant'],
);

/** Its gauges would keep their last values for ever. */
export function forgetTenant(tenant: string): void {
  for (const each of [signalsActive, incidentsOpen, seriesDropped]) each.remove({ tenant });
}
