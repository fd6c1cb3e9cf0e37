import { describe, expect, it } from 'vitest';
import { incidentWith } from '../../../test/support/incident.ts';
import type { Incident, LogRow, SpanRow } from '../incident.ts';
import { deviationsOf } from './behaviour.ts';
import { floodFacts } from './floods.ts';
import { frameOf } from './frame.ts';
import { judge } from './judge.ts';
import { templatesOf } from './templates.ts';
import { visitsOf } from './visits.ts';
import { metricClass } from './words.ts';

const notice = Date.UTC(2026, 2, 3, 10, 0, 0);
const minute = 60_000;

const incidentOf = (parts: Partial<Incident>): Incident =>
  incidentWith({
    at: notice,
    window: { from: notice - 2 * minute, to: notice + 3 * minute },
    baseline: { from: notice - 12 * minute, to: notice - 2 * minute },
    ...parts,
  });

const span = (trace: string, id: string, service: string, start: number): SpanRow => ({
  traceId: trace,
  spanId: id,
  parentId: '',
  service,
  name: `${service} handle`,
  start,
  durationMs: 5,
  status: 'OK',
  attributes: {},
});
const log = (trace: string, id: string, service: string, at: number, rest: Partial<LogRow>): LogRow => ({
  at,
  service,
  severity: 'INFO',
  body: '',
  traceId: trace,
  spanId: id,
  attributes: {},
  ...rest,
});

describe('a flood is more records for the same work', () => {
  /** Visits of `report` a minute before and after the notice, and the records of each. */
  const told = (before: number, after: number, perVisit: [number, number]): Incident => {
    const spans: SpanRow[] = [];
    const logs: LogRow[] = [];
    for (let m = -12; m < 3; m++)
      for (let i = 0; i < (m < 0 ? before : after); i++) {
        const [id, at] = [`r${m}.${i}`, notice + m * minute + i * 100];
        spans.push(span(id, id, 'report', at));
        for (let k = 0; k < perVisit[m < 0 ? 0 : 1]; k++)
          logs.push(log(id, id, 'report', at + k, { body: 'wrote page of the report' }));
      }
    return incidentOf({ spans, logs });
  };
  const floods = (incident: Incident): string[] =>
    floodFacts(
      incident,
      frameOf(incident),
      templatesOf(incident.logs),
      visitsOf(incident.spans, incident.logs),
    ).map(({ kind }) => kind);

  it('many times the records of each visit are one', () => {
    expect(floods(told(10, 10, [2, 40]))).toEqual(['log_storm']);
  });
  it('many times the visits, each with its usual records, are none', () => {
    expect(floods(told(2, 60, [3, 3]))).toEqual([]);
  });
  it('records of a service that nobody asked before are none', () => {
    expect(floods(told(0, 20, [0, 20]))).toEqual([]);
  });
});

describe('visits of one request share its luck', () => {
  /** Requests that call `seat` so many times, each taking branch b after the notice with the given chance before. */
  const weight = (visitsOfRequest: number): number => {
    const spans: SpanRow[] = [];
    const logs: LogRow[] = [];
    for (let i = 0; i < 48; i++) {
      const at = notice + (i - 40) * 15_000;
      for (let k = 0; k < visitsOfRequest; k++) {
        const id = `${i}.${k}`;
        spans.push(span(`t${i}`, id, 'seat', at + k * 20));
        const branch = i >= 40 || i % 5 === 0 ? 'took the other branch' : 'took the usual branch';
        logs.push(log(`t${i}`, id, 'seat', at + k * 20 + 1, { body: branch }));
      }
    }
    const incident = incidentOf({ spans, logs });
    const visits = visitsOf(spans, logs);
    const found = deviationsOf(visits, templatesOf(logs), frameOf(incident), notice);
    return Math.max(0, ...found.map((one) => one.weight));
  };
  it('twenty of each are hardly more evidence than one of each', () => {
    expect(weight(20)).toBeLessThan(2.5 * Math.max(2, weight(1)));
  });
});

describe('where a step of the metrics makes their time doubtful', () => {
  const times = Array.from({ length: 15 }, (_, i) => notice + (i - 12) * minute - 20_000);
  const incident = incidentOf({
    series: [{ service: 'cart', metric: 'cpu', times, values: times.map(() => 1) }],
  });
  const frame = frameOf(incident);
  it('a value of the step before the notice belongs to the incident', () => {
    expect(frame.phaseOfValue(notice - 20_000)).toBe('during');
  });
  it('a record of the second before the notice does not', () => {
    expect(frame.phase(notice - 1_000)).toBe('before');
    expect(frame.phase(notice)).toBe('during');
  });
});

describe('demand is counted in requests', () => {
  it.each([
    ['requests_per_sec', 'traffic'],
    ['orders per minute count', 'traffic'],
    ['db_query_count_per_request', 'other'],
    ['rows_per_query_total', 'other'],
    ['bytes_per_request', 'network'],
  ])('%s is %s', (metric, kind) => expect(metricClass(metric)).toBe(kind));

  it('more requests to one that others call, whose own demand nobody counted, are no surge', () => {
    const times = Array.from({ length: 60 }, (_, i) => notice + (i - 40) * 15_000);
    const hit = (usual: number, now: number): number[] =>
      times.map((at, i) => (at >= notice ? now : usual) * (1 + 0.02 * (i % 3)));
    const { verdict, causes } = judge(
      incidentOf({
        window: null,
        baseline: null,
        symptom: { service: 'checkout', metric: 'latency_ms', stat: '' },
        edges: [{ src: 'checkout', dst: 'catalog', relation: 'CALLS' }],
        series: [
          { service: 'checkout', metric: 'latency_ms', times, values: hit(200, 3_900) },
          { service: 'checkout', metric: 'db_query_count_per_request', times, values: hit(3, 48) },
          { service: 'catalog', metric: 'requests_per_sec', times, values: hit(900, 4_200) },
        ],
      }),
    );
    expect([verdict, causes[0]?.resource]).toEqual(['root_cause', 'checkout']);
  });
});

describe('an incident that is noticed late', () => {
  /** A minute's values: usual, and from so many minutes before the notice on five times as much. */
  const told = (minutesBefore: number, baseline: Incident['baseline']) => {
    const times = Array.from({ length: 60 }, (_, i) => notice + (i - 52) * minute);
    const values = times.map((at, i) => (at >= notice - minutesBefore * minute ? 50 : 10) + 0.2 * (i % 3));
    const incident = incidentOf({
      window: { from: notice - 4 * minute, to: notice + 8 * minute },
      baseline,
      series: [{ service: 'cart', metric: 'latency_ms', times, values }],
    });
    return judge(incident).causes[0]?.facts[0]?.kind;
  };
  const near = { from: notice - 44 * minute, to: notice - 5 * minute };
  const far = { from: notice - 52 * minute, to: notice - 32 * minute };

  it.each([
    ['since its window began, after a baseline right before', 4, near],
    ['since the middle of its window', 2, near],
    ['since the middle of its window, after a baseline of another time', 2, far],
  ])('%s', (_, minutesBefore, baseline) => expect(told(minutesBefore, baseline)).toBe('latency_regression'));
  it('but a level that was there all the window, unlike that of another time, is usual', () =>
    expect(told(20, far)).toBeUndefined());
});
