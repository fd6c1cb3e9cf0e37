/** The same incident a little otherwise: what a right answer must not depend on. */
import type { Incident, Series } from '../../src/diagnose/incident.ts';
import type { Random } from './system.ts';

export type Change = (incident: Incident, random: Random, culprits: readonly string[]) => Incident;

const lose =
  <Row>(share: number, random: Random) =>
  (rows: readonly Row[]): Row[] =>
    rows.filter(() => random() >= share);

const eachSeries = (incident: Incident, change: (series: Series) => Series): Incident => ({
  ...incident,
  series: incident.series.map(change).filter((series) => series.times.length > 0),
});

/** Roughly normal, of mean 0 and spread 1. */
const wobble = (random: Random): number => 2 * (random() + random() + random() - 1.5);

function without(series: Series, drop: (at: number) => boolean): Series {
  const kept = series.times.flatMap((at, i) => (drop(at) ? [] : [i]));
  return {
    ...series,
    times: kept.map((i) => series.times[i] ?? 0),
    values: kept.map((i) => series.values[i] ?? 0),
  };
}

function stepOf({ series }: Incident): number {
  const gaps = series.slice(0, 100).flatMap(({ times }) => {
    const [a, b] = times;
    return a === undefined || b === undefined ? [] : [b - a];
  });
  return gaps.sort((a, b) => a - b)[gaps.length >> 1] ?? 60_000;
}

const namesOf = ({ series, spans, logs, edges }: Incident): string[] =>
  [
    ...new Set([
      ...series.map((one) => one.service),
      ...spans.map((one) => one.service),
      ...logs.map((one) => one.service),
      ...edges.flatMap(({ src, dst }) => [src, dst]),
    ]),
  ].sort();

const bystander = (incident: Incident, random: Random, culprits: readonly string[]): string => {
  const symptom = incident.symptom?.service ?? '';
  const others = namesOf(incident).filter((name) => name !== symptom && !culprits.includes(name));
  return others[Math.floor(random() * others.length)] ?? '';
};

export const changes: Record<string, Change> = {
  'as it is': (incident) => incident,
  '30 % of the traces lost': (incident, random) => {
    const lost = new Set(lose<string>(0.7, random)([...new Set(incident.spans.map((one) => one.traceId))]));
    return { ...incident, spans: incident.spans.filter((one) => !lost.has(one.traceId)) };
  },
  '10 % of the spans lost': (incident, random) => ({
    ...incident,
    spans: lose<Incident['spans'][number]>(0.1, random)(incident.spans),
  }),
  '10 % of the records lost': (incident, random) => ({
    ...incident,
    logs: lose<Incident['logs'][number]>(0.1, random)(incident.logs),
  }),
  '30 % of the values lost': (incident, random) =>
    eachSeries(incident, (series) => without(series, () => random() < 0.3)),
  'half of the baseline': (incident) => {
    const { baseline } = incident;
    if (baseline === null) return incident;
    const from = (baseline.from + baseline.to) / 2;
    const early = (at: number): boolean => at >= baseline.from && at < from;
    return {
      ...eachSeries(incident, (series) => without(series, early)),
      baseline: { ...baseline, from },
      spans: incident.spans.filter(({ start }) => !early(start)),
      logs: incident.logs.filter(({ at }) => !early(at)),
    };
  },
  'values ±20 %': (incident, random) => ({
    ...eachSeries(incident, (series) => ({
      ...series,
      values: series.values.map((value) =>
        /avail|success/i.test(series.metric) ? value : value * Math.max(0.05, 1 + 0.2 * wobble(random)),
      ),
    })),
    spans: incident.spans.map((one) => ({
      ...one,
      durationMs: one.durationMs * Math.max(0.05, 1 + 0.2 * wobble(random)),
    })),
  }),
  'eight harmless changes before the notice': (incident, random, culprits) => ({
    ...incident,
    events: [
      ...incident.events,
      ...Array.from({ length: 8 }, (_, i) => ({
        at: incident.at - 60_000 - Math.floor(random() * 600_000),
        kind: ['deploy', 'config', 'flag', 'scale'][i % 4] ?? 'deploy',
        id: `harmless-${i}`,
        service: bystander(incident, random, culprits),
        title:
          ['Release 4.2.1', 'Update wording of a message', 'Turn on the new layout', 'Two to three'][i % 4] ??
          '',
        actor: '',
        labels: {},
      })),
    ].sort((a, b) => a.at - b.at),
  }),
  'a bystander busier': (incident, random, culprits) => {
    const times = incident.series.toSorted((a, b) => b.times.length - a.times.length)[0]?.times ?? [];
    const until = incident.window?.to ?? Number.POSITIVE_INFINITY;
    const values = times.map(
      (at) => (at >= incident.at && at <= until ? 0.6 : 0.2) * (1 + 0.05 * wobble(random)),
    );
    const service = bystander(incident, random, culprits);
    const series = { service, metric: 'cpu_utilization', times, values };
    return service === '' ? incident : { ...incident, series: [...incident.series, series] };
  },
  'noticed a step later': (incident) => ({ ...incident, at: incident.at + stepOf(incident) }),
  'symptom unknown': (incident) => ({ ...incident, symptom: null, alert: null }),
  'nobody says who calls whom': (incident) => ({ ...incident, edges: [], calls: [] }),
  'clocks ±200 ms': (incident, random) => {
    const skews = new Map(namesOf(incident).map((name) => [name, Math.round((2 * random() - 1) * 200)]));
    const of = (service: string): number => skews.get(service) ?? 0;
    return {
      ...incident,
      spans: incident.spans
        .map((one) => ({ ...one, start: one.start + of(one.service) }))
        .sort((a, b) => a.start - b.start),
      logs: incident.logs
        .map((one) => ({ ...one, at: one.at + of(one.service) }))
        .sort((a, b) => a.at - b.at),
    };
  },
};
