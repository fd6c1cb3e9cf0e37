/** Requests and calls of an incident as the figures that checks ask for: from metrics that say so, else from the requests. */
import type { Incident, Series } from '../incident.ts';
import { databaseSystem } from '../rank/peers.ts';
import { reference } from '../rank/reference.ts';
import { mean } from '../rank/stats.ts';
import type { Visit } from '../rank/visits.ts';
import { millisecondsPerUnit, wordsOf } from '../rank/words.ts';
import { type Compared, minutesOf, type PhaseOf, phaseOf } from './phases.ts';
import type { Measure, MeasureReading } from './schema.ts';
import type { Measured } from './series.ts';
import type { Point, Quantity } from './source.ts';

/** Fewer requests than these have no ratio; fewer than a hundred no 99th percentile. */
const requestsMin = 10;
const samplesFor: Partial<Record<Measure, number>> = {
  'request.duration_p95_ms': 20,
  'request.duration_p99_ms': 100,
  'call.duration_p95_ms': 20,
};
const slowMs = 2_000;

/** Words that say no more than that requests to a service are meant. */
const plainWords =
  /^(http|grpc|rpc|requests?|req|server|service|pod|app|the|of|in|total|per|all|percent|pct|ratio|rate|share|average|avg|mean|p\d+|ms|millis|milliseconds?|us|s|sec|secs|seconds?)$/;
const durationWords = /^(latency|duration|elapsed|response|time)$/;
const errorWords = /^(err|errors?|fail|failed|failures?|faults?|[45]xx)$/;
const successWords = /^(success|successful|availability|available)$/;
const rateWords = /^(rps|qps|tps|throughput|workload|ops)$/;
const shareWords = /^(ratio|rate|percent|pct|share|availability|available)$/;

/** What of a service's requests a metric measures, by the words of its name; null where it says something else or more. */
export function measureOfMetric(metric: string): Measure | null {
  const words = wordsOf(metric.replace(/\{.*\}$/s, ''));
  const special = words.filter((word) => !plainWords.test(word));
  const every = (test: RegExp) => special.length > 0 && special.every((word) => test.test(word));
  if (every(durationWords)) {
    if (words.some((word) => /^(avg|average|mean)$/.test(word))) return 'request.duration_mean_ms';
    const [percentile] = words.filter((word) => /^p(50|95|99)$/.test(word));
    return percentile === undefined ? null : (`request.duration_${percentile}_ms` as Measure);
  }
  const share = words.some((word) => shareWords.test(word));
  if (every(errorWords) && share)
    return special.includes('5xx')
      ? 'request.server_error_ratio'
      : special.includes('4xx')
        ? 'request.client_error_ratio'
        : 'request.error_ratio';
  if (every(successWords) && share) return 'request.success_ratio';
  const perSecond = words.includes('rate') || (words.includes('per') && /second|sec/.test(words.join(' ')));
  if (every(rateWords) || (special.length === 0 && perSecond && words.some((word) => /^req/.test(word))))
    return 'request.rate';
  return null;
}

interface Phases<Value> {
  before: Value[];
  during: Value[];
}

/** One request, or one call as its caller saw it. */
interface Asked {
  ms: number;
  failed: boolean;
  status: string;
}

export class RequestMeasures {
  readonly #incident: Incident;
  readonly #compared: Compared;
  readonly #phase: PhaseOf;
  readonly #bySeries = new Map<Measure, Series[]>();
  readonly #served = new Map<string, Phases<Asked>>();
  /** By `caller → callee` and by statement. */
  readonly #called = new Map<string, Phases<Asked> & { of: MeasureReading['of']; caller: string }>();
  readonly #statements = new Map<string, Phases<Asked> & { caller: string; name: string }>();

  constructor(incident: Incident, visits: readonly Visit[], compared: Compared) {
    this.#incident = incident;
    this.#compared = compared;
    this.#phase = phaseOf(compared);
    for (const series of incident.series) {
      const measure = measureOfMetric(series.metric);
      if (measure === null) continue;
      const alike = this.#bySeries.get(measure);
      if (alike === undefined) this.#bySeries.set(measure, [series]);
      else alike.push(series);
    }
    for (const visit of visits) this.#take(visit);
  }

  measure(reading: MeasureReading): Quantity[] {
    const { measure } = reading;
    if (measure === 'statement.duration_mean_ms') return this.#ofStatements();
    if (measure.startsWith('call.')) return this.#ofCalls(reading);
    const told = (this.#bySeries.get(measure) ?? []).flatMap((series) => this.#ofSeries(measure, series));
    // Rows tell neither flows nor users.
    if (told.length > 0 || !measure.startsWith('request.')) return told;
    const least = samplesFor[measure] ?? requestsMin;
    return [...this.#served].flatMap(([service, asked]) => {
      const usable = withStatus(reading, asked);
      const ref = reference(this.#incident, 'spans', { service }, this.#compared.during);
      return this.#quantity(service, usable, least, ref, (list, minutes) => figureOf(reading, list, minutes));
    });
  }

  #take(visit: Visit): void {
    const when = this.#phase(visit.start);
    if (when === null) return;
    const [entry] = visit.spans;
    const asked: Asked = {
      ms: visit.durationMs,
      failed: visit.failed,
      status: entry?.attributes['http.response.status_code'] ?? entry?.attributes['http.status_code'] ?? '',
    };
    if (visit.peer === null) {
      const own = this.#served.get(visit.service) ?? { before: [], during: [] };
      this.#served.set(visit.service, own);
      own[when].push(asked);
    }
    if (visit.parent === null) return;
    const caller = visit.parent.service;
    const key = `${caller} → ${visit.service}`;
    const way = this.#called.get(key) ?? { before: [], during: [], of: kindOf(visit), caller };
    this.#called.set(key, way);
    way[when].push(asked);
    if (visit.peer !== 'database') return;
    const id = `${caller}\u0000${visit.operation}`;
    const own = this.#statements.get(id) ?? { before: [], during: [], caller, name: visit.operation };
    this.#statements.set(id, own);
    own[when].push(asked);
  }

  #quantity(
    resource: string,
    asked: Phases<Asked>,
    least: number,
    ref: string,
    figure: (list: readonly Asked[], minutes: number) => number,
  ): Quantity[] {
    const { before, during } = this.#compared;
    if (asked.during.length < least) return [];
    return [
      {
        resource,
        baseline:
          before === null || asked.before.length < least ? null : figure(asked.before, minutesOf(before)),
        incident: figure(asked.during, minutesOf(during)),
        samples: asked.during.length,
        ref,
      },
    ];
  }

  #ofStatements(): Quantity[] {
    return [...this.#statements.values()].flatMap(({ caller, name, ...asked }) =>
      this.#quantity(
        caller,
        asked,
        requestsMin,
        reference(this.#incident, 'spans', { service: caller, name }, this.#compared.during),
        (list) => mean(list.map((one) => one.ms)),
      ),
    );
  }

  #ofCalls(reading: MeasureReading): Quantity[] {
    const told =
      reading.of === undefined || reading.of === 'service' ? this.#ofCallRows(reading.measure) : [];
    if (told.length > 0) return told;
    return [...this.#called].flatMap(([way, { of, caller, ...asked }]) =>
      reading.of !== undefined && of !== reading.of
        ? []
        : this.#quantity(
            way,
            asked,
            samplesFor[reading.measure] ?? requestsMin,
            reference(this.#incident, 'spans', { service: caller }, this.#compared.during),
            (list) => (reading.measure === 'call.error_ratio' ? failing(list) : quantileMs(list, 0.95)),
          ),
    );
  }

  /** Of the file of calls, whose rows are counted already. */
  #ofCallRows(measure: Measure): Measured[] {
    const points = new Map<string, Phases<Point> & { src: string; dst: string }>();
    for (const { at, src, dst, errorRate, p95Ms } of this.#incident.calls) {
      const value = measure === 'call.error_ratio' ? errorRate : p95Ms;
      const when = this.#phase(at);
      if (value === null || when === null) continue;
      const key = `${src} → ${dst}`;
      const own = points.get(key) ?? { before: [], during: [], src, dst };
      points.set(key, own);
      own[when].push({ at, value });
    }
    return [...points].flatMap(([way, { before, during, src, dst }]) =>
      measuredOf(
        way,
        before,
        during,
        reference(this.#incident, 'calls', { src, dst }, this.#compared.during),
      ),
    );
  }

  #ofSeries(measure: Measure, series: Series): Measured[] {
    const points: Phases<Point> = { before: [], during: [] };
    const largest = series.values.reduce((most, value) => Math.max(most, value), 0);
    const timed = measure.endsWith('_ms');
    const unknown = timed && millisecondsPerUnit(series.metric) === null;
    // Shares are given as 0–1 or as percent.
    const factor = timed
      ? (millisecondsPerUnit(series.metric) ?? 1)
      : measure !== 'request.rate' && largest > 1.5
        ? 0.01
        : 1;
    series.times.forEach((at, i) => {
      const when = this.#phase(at);
      if (when !== null) points[when].push({ at, value: (series.values[i] ?? 0) * factor });
    });
    const { service, metric } = series;
    const ref = reference(this.#incident, 'metrics', { service, metric }, this.#compared.during);
    return measuredOf(service, points.before, points.during, ref).map((one) =>
      unknown ? { ...one, unit: '' as const } : one,
    );
  }
}

function measuredOf(
  resource: string,
  baseline: readonly Point[],
  incident: readonly Point[],
  ref: string,
): Measured[] {
  if (incident.length === 0) return [];
  const of = (points: readonly Point[]) => mean(points.map((point) => point.value));
  return [
    {
      resource,
      baseline: baseline.length === 0 ? null : of(baseline),
      incident: of(incident),
      samples: incident.length,
      ref,
      points: { baseline, incident },
    },
  ];
}

/** Requests that tell a status, where one is asked for: of the others nothing is known. */
function withStatus({ measure }: MeasureReading, asked: Phases<Asked>): Phases<Asked> {
  if (!/status|server_error|client_error/.test(measure)) return asked;
  const telling = (list: Asked[]) => list.filter((one) => one.status !== '');
  return { before: telling(asked.before), during: telling(asked.during) };
}

function figureOf({ measure, status }: MeasureReading, list: readonly Asked[], minutes: number): number {
  const share = (test: (one: Asked) => boolean) => list.filter(test).length / Math.max(1, list.length);
  switch (measure) {
    case 'request.rate':
      return list.length / (60 * minutes);
    case 'request.error_ratio':
      return failing(list);
    case 'request.success_ratio':
      return 1 - failing(list);
    case 'request.slow_ratio':
      return share((one) => one.ms > slowMs);
    case 'request.server_error_ratio':
      return share((one) => Number(one.status) >= 500);
    case 'request.client_error_ratio':
      return share((one) => Number(one.status) >= 400 && Number(one.status) < 500);
    case 'request.status_ratio':
      return share((one) => status?.includes(Number(one.status)) ?? false);
    case 'request.duration_mean_ms':
      return mean(list.map((one) => one.ms));
    default:
      return quantileMs(list, Number(/_p(\d\d)_/.exec(measure)?.[1] ?? 50) / 100);
  }
}

const failing = (list: readonly Asked[]): number =>
  list.filter((one) => one.failed).length / Math.max(1, list.length);

function quantileMs(list: readonly Asked[], q: number): number {
  const sorted = list.map((one) => one.ms).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
}

/** The engine of a data store tells what it is used for. */
function kindOf(visit: Visit): MeasureReading['of'] {
  const { peer, spans, parent, operation } = visit;
  if (peer === null || peer === 'service') return 'service';
  if (peer === 'outside') return 'external';
  if (peer === 'queue') return 'queue';
  const call = (parent?.spans ?? spans).find((span) => span.name === operation);
  return call !== undefined && /redis|memcached|valkey/.test(databaseSystem(call)) ? 'cache' : 'database';
}
