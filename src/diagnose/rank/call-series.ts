import type { EpochMs } from '../../model/index.ts';
import type { CallRow, Incident, Series } from '../incident.ts';
import { metricClass } from './words.ts';

/** Columns of a call that are values of who is called, by the names that they have in the file. */
const columns = {
  rps: ({ rps }: CallRow) => rps,
  err_rate: ({ errorRate }: CallRow) => errorRate,
  p50_ms: ({ p50Ms }: CallRow) => p50Ms,
  p95_ms: ({ p95Ms }: CallRow) => p95Ms,
} as const;
const summed = 'rps';

/**
 * Adds what callers saw of a resource as its series, where it measures nothing of that kind itself and no span tells of it.
 * Rates add up over the callers; shares and times are their mean by requests.
 */
export function withCallSeries(incident: Incident): Incident {
  if (incident.calls.length === 0) return incident;
  const traced = new Set(incident.spans.map(({ service }) => service));
  const measured = new Set(incident.series.map((one) => `${one.service} ${metricClass(one.metric)}`));
  const called = Map.groupBy(incident.calls, ({ dst }) => dst);
  const added = [...called].flatMap(([service, rows]): Series[] => {
    if (traced.has(service)) return [];
    const byTime = [...Map.groupBy(rows, ({ at }) => at)].sort(([a], [b]) => a - b);
    return Object.entries(columns).flatMap(([metric, read]) => {
      const series = { service, metric, ...valuesOf(byTime, metric, read), calls: true };
      return series.times.length === 0 || measured.has(`${service} ${metricClass(metric)}`) ? [] : [series];
    });
  });
  return { ...incident, series: [...incident.series, ...added] };
}

function valuesOf(
  byTime: readonly [EpochMs, readonly CallRow[]][],
  metric: string,
  read: (row: CallRow) => number | null,
): Pick<Series, 'times' | 'values'> {
  const times: number[] = [];
  const values: number[] = [];
  for (const [at, rows] of byTime) {
    let total = 0;
    let weights = 0;
    for (const row of rows) {
      const value = read(row);
      if (value === null) continue;
      const weight = metric === summed ? 1 : (row.rps ?? 1);
      total += weight * value;
      weights += weight;
    }
    if (weights === 0) continue;
    times.push(at);
    values.push(metric === summed ? total : total / weights);
  }
  return { times, values };
}
