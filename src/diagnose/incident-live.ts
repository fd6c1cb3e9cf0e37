import type { Signal } from '../model/index.ts';
import type { Incident, Series, Symptom } from './incident.ts';
import type { IncidentPicture, ServicePicture } from './picture.ts';
import { seriesName } from './series-name.ts';

/** What an indicator of detection is called among the series. */
const metricOf: Partial<Record<Signal['indicator'], string>> = {
  availability: 'error_ratio',
  error_rate: 'error_ratio',
  latency_p95: 'latency_p95_ms',
  throughput: 'request_rate',
};

/**
 * A live incident as rows: its series come from the live window, which counted them already, its spans and records from
 * a sample of the stores.
 */
export function incidentOf(picture: IncidentPicture): Incident {
  const { tenant, since, window, baseline } = picture;
  return {
    name: `${tenant} ${new Date(since).toISOString()}`,
    at: since,
    symptom: symptomOf(picture),
    alert: null,
    window,
    baseline,
    series: picture.services.flatMap((service) => [...requestSeries(service), ...metricSeries(service)]),
    calls: [],
    edges: picture.edges.flatMap(({ src, callee }) =>
      callee === null ? [] : [{ src, dst: callee, relation: 'CALLS' }],
    ),
    events: picture.changes.map((change) => ({ ...change, kind: change.kind.toLowerCase() })),
    files: {},
    ...picture.samples,
  };
}

/** What was noticed nearest to the users: what is wrong further down reaches it. */
function symptomOf({ signals, edges }: IncidentPicture): Symptom | null {
  const called = new Set(
    edges.flatMap(({ src, callee }) => (callee === null || callee === src ? [] : [callee])),
  );
  const told = signals.filter((signal) => metricOf[signal.indicator] !== undefined);
  const signal = told.find(({ service }) => !called.has(service)) ?? told[0];
  return signal === undefined
    ? null
    : { service: signal.service, metric: metricOf[signal.indicator] ?? '', stat: '' };
}

function requestSeries({ service, series }: ServicePicture): Series[] {
  const of = (metric: string, values: readonly (number | null)[]): Series => {
    const kept = values.flatMap((value, i) => (value === null ? [] : [[series.at[i] ?? 0, value] as const]));
    return { service, metric, times: kept.map(([at]) => at), values: kept.map(([, value]) => value) };
  };
  const first = series.requests.findIndex((rate) => rate > 0);
  if (first < 0) return [];
  return [
    of(
      'request_rate',
      series.requests.map((rate, i) => (i < first ? null : rate)),
    ),
    of(
      'error_ratio',
      series.requests.map((rate, i) => (rate > 0 ? (series.errors[i] ?? 0) / rate : null)),
    ),
    of('latency_mean_ms', series.meanMs),
    of('latency_p95_ms', series.p95Ms),
  ];
}

const metricSeries = ({ service, metrics }: ServicePicture): Series[] =>
  chained(
    metrics.map(({ metric, attributes, points }) => ({
      service,
      metric: seriesName(metric, attributes),
      times: points.map((point) => point.at),
      values: points.map((point) => point.value),
    })),
  );

/** An instance that comes when another has gone continues its series: only then a restart or a release can be seen in it. */
export function chained(series: readonly Series[]): Series[] {
  const chains = new Map<string, Series[]>();
  for (const one of [...series].sort((a, b) => (a.times[0] ?? 0) - (b.times[0] ?? 0))) {
    const key = `${one.service}\u0000${one.metric}`;
    const known = chains.get(key) ?? [];
    chains.set(key, known);
    const before = known.find((chain) => (chain.times.at(-1) ?? 0) < (one.times[0] ?? 0));
    if (before === undefined) known.push({ ...one, times: [...one.times], values: [...one.values] });
    else {
      for (const time of one.times) before.times.push(time);
      for (const value of one.values) before.values.push(value);
    }
  }
  return [...chains.values()].flat();
}
