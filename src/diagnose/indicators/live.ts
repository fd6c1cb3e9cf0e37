/** The catalogue's checks on a live incident: what the picture holds already, and the metrics that checks ask for by name. */
import type { DetailQuery, DetailStore } from '../../detail/index.ts';
import type { RowFilter, TimeWindow } from '../../model/index.ts';
import type { IncidentPicture, Paired, ServicePicture } from '../picture.ts';
import type { EventReading, Indicator, LogReading, MeasureReading } from './schema.ts';
import { nameMatcher } from './series.ts';
import type { IndicatorSeries, IndicatorSource, Point, Quantity } from './source.ts';

/** Different metrics of a tenant whose names are looked at. */
const namesMax = 20_000;
/** Metrics that are read, and series of them; a check needs no more to see that something is wrong. */
const metricsMax = 400;
const seriesMax = 2_000;
/** One value of a series per so many seconds. */
const grainS = 15;

/** Leads from a finding to its rows. */
export type FilterOf = (ref: string) => RowFilter | null;

/** Reads the series that the checks ask for, in two bounded questions. */
export async function readIndicatorSeries(
  store: Pick<DetailStore, 'query'>,
  tenant: string,
  indicators: readonly Indicator[],
  span: TimeWindow,
  picture: Pick<IncidentPicture, 'baseline' | 'window'>,
): Promise<IndicatorSeries[]> {
  const wanted = indicators.flatMap((indicator) =>
    indicator.reads.flatMap((reading) =>
      'metric' in reading ? [...reading.metric, ...(reading.divide_by ?? [])] : [],
    ),
  );
  if (wanted.length === 0) return [];
  const matches = nameMatcher(wanted);
  const { rows: names } = await store.query<{ name: string }>(namesQuery(tenant, span));
  const metrics = names
    .map((row) => row.name)
    .filter(matches)
    .slice(0, metricsMax);
  if (metrics.length === 0) return [];
  const { rows } = await store.query<SeriesRow>(seriesQuery(tenant, span, metrics));
  return rows.map((row) => seriesOf(row, picture));
}

interface SeriesRow {
  id: string;
  metric: string;
  service: string;
  instance: string;
  attributes: Record<string, string>;
  points: [number, number][];
}

const namesQuery = (tenant: string, window: TimeWindow): DetailQuery => ({
  name: 'diagnose.indicator_names',
  tenant,
  window,
  sql: `SELECT MetricName AS name FROM metric_series WHERE Tenant = {tenant:String} AND LastSeen >= {from:DateTime64(3)} GROUP BY name ORDER BY name LIMIT ${namesMax}`,
});

/** The last value of each slice of time: of a counter the exact one, of a gauge one that was measured. */
const seriesQuery = (tenant: string, window: TimeWindow, metrics: readonly string[]): DetailQuery => ({
  name: 'diagnose.indicator_series',
  tenant,
  window,
  sql: `SELECT toString(SeriesId) AS id, any(metric) AS metric, any(service) AS service, any(s.instance) AS instance, any(s.attributes) AS attributes, arraySort(groupArray((at, value))) AS points
FROM (SELECT SeriesId, any(MetricName) AS metric, any(ServiceName) AS service,
    toUnixTimestamp(toStartOfInterval(Timestamp, INTERVAL ${grainS} SECOND)) AS at, argMax(Value, Timestamp) AS value
  FROM metric_samples WHERE Tenant = {tenant:String} AND MetricName IN ({metrics:Array(String)})
    AND Timestamp >= {from:DateTime64(3)} AND Timestamp < {to:DateTime64(3)} AND isFinite(Value)
  GROUP BY SeriesId, at) AS samples
LEFT JOIN (SELECT SeriesId, any(Attributes) AS attributes, any(ResourceAttributes['service.instance.id']) AS instance
  FROM metric_series WHERE Tenant = {tenant:String} AND MetricName IN ({metrics:Array(String)}) GROUP BY SeriesId) AS s USING SeriesId
GROUP BY SeriesId ORDER BY metric, service, id LIMIT ${seriesMax}`,
  params: { metrics: [...metrics] },
  limits: { timeMsMax: 10_000, rowsResultMax: seriesMax },
});

function seriesOf(
  row: SeriesRow,
  { baseline, window }: Pick<IncidentPicture, 'baseline' | 'window'>,
): IndicatorSeries {
  const points = row.points.map(([at, value]): Point => ({ at: at * 1000, value }));
  return {
    resource: row.service || row.instance,
    metric: row.metric,
    labels: row.attributes,
    baseline: points.filter((point) => point.at < baseline.to),
    incident: points.filter((point) => point.at >= window.from - grainS * 1000),
    ref: `metric ${row.service} ${row.id}`,
  };
}

/** What the picture holds, as the checks ask for it. */
export function pictureSource(
  picture: IncidentPicture,
  series: readonly IndicatorSeries[],
): { source: IndicatorSource; filterOf: FilterOf } {
  const filters = new Map<string, RowFilter>();
  const window = { from: picture.window.from - 10_000, to: picture.at };
  const refer = (
    ref: string,
    dataset: RowFilter['dataset'],
    equals: RowFilter['equals'],
    only?: RowFilter['only'],
  ) => {
    filters.set(ref, { dataset, window, equals, ...(only === undefined ? {} : { only }) });
    return ref;
  };
  const filterOf: FilterOf = (ref) => {
    const [kind, service = '', id = ''] = ref.split(' ');
    if (kind === 'metric')
      return {
        dataset: 'metric_samples',
        window,
        equals: { ...(service === '' ? {} : { ServiceName: service }), SeriesId: id },
      };
    return filters.get(ref) ?? null;
  };
  const source: IndicatorSource = {
    series: (matches) => series.filter((one) => matches(one.metric)),
    measure: (reading) => measured(picture, reading, refer),
    logs: (reading) => logged(picture, reading, refer),
    events: (reading) => events(picture, reading, refer),
  };
  return { source, filterOf };
}

type Refer = (
  ref: string,
  dataset: RowFilter['dataset'],
  equals: RowFilter['equals'],
  only?: RowFilter['only'],
) => string;

/** Fewer requests than this have no ratio and no quantile worth the name. */
const requestsMin = 10;

const ratio = (part: number, of: number): number => (of > 0 ? part / of : 0);

/** A figure of both phases, null where there is too little of one. */
const figures: Record<string, (stats: Paired['baseline']) => number | null> = {
  'request.rate': (stats) => stats.requests / Math.max(1, stats.seconds),
  'request.error_ratio': (stats) => ratio(stats.errors, stats.requests),
  'request.success_ratio': (stats) => 1 - ratio(stats.errors, stats.requests),
  'request.slow_ratio': (stats) => ratio(stats.slow, stats.requests),
  'request.duration_mean_ms': (stats) => stats.meanMs,
  'request.duration_p99_ms': (stats) => stats.p99Ms,
  'request.duration_p50_ms': (stats) => stats.p50Ms,
  'request.duration_p95_ms': (stats) => stats.p95Ms,
};

function measured(picture: IncidentPicture, reading: MeasureReading, refer: Refer): Quantity[] {
  if (reading.measure.startsWith('call.')) return calls(picture, reading, refer);
  if (reading.measure === 'statement.duration_mean_ms') return statements(picture, refer);
  return picture.services.flatMap((service) => {
    const { baseline, incident } = service;
    const codes = statusRange(reading);
    const counted = codes === null ? null : byStatus(service, codes);
    const figure = figures[reading.measure];
    if (counted === null && figure === undefined) return [];
    if (incident.requests < requestsMin && reading.measure !== 'request.rate') return [];
    const now = counted === null ? (figure?.(incident) ?? null) : counted.incident;
    const before =
      baseline.requests < requestsMin
        ? null
        : counted === null
          ? (figure?.(baseline) ?? null)
          : counted.baseline;
    if (now === null) return [];
    const only = /error|success|status/.test(reading.measure) ? 'errors' : 'server_spans';
    return [
      {
        resource: service.service,
        baseline: before,
        incident: now,
        samples: incident.requests,
        ref: refer(
          `${reading.measure} ${service.service}`,
          'otel_traces',
          { ServiceName: service.service },
          only,
        ),
      },
    ];
  });
}

function statusRange({ measure, status }: MeasureReading): ((code: number) => boolean) | null {
  if (measure === 'request.server_error_ratio') return (code) => code >= 500;
  if (measure === 'request.client_error_ratio') return (code) => code >= 400 && code < 500;
  if (measure === 'request.status_ratio') return (code) => status?.includes(code) ?? false;
  return null;
}

/** Shares of the requests that tell a status; null where none does, for then nothing is known of them. */
function byStatus(service: ServicePicture, matches: (code: number) => boolean) {
  if (service.statusCodes.length === 0) return null;
  const share = (phase: 'baseline' | 'incident') => {
    const sum = (rows: ServicePicture['statusCodes']) => rows.reduce((total, row) => total + row[phase], 0);
    return ratio(sum(service.statusCodes.filter(({ code }) => matches(code))), sum(service.statusCodes));
  };
  return { baseline: share('baseline'), incident: share('incident') };
}

function calls(picture: IncidentPicture, { measure, of }: MeasureReading, refer: Refer): Quantity[] {
  return picture.edges.flatMap((edge) => {
    if (of !== undefined && kindOf(edge) !== of) return [];
    if (edge.incident.requests < requestsMin) return [];
    const figure =
      measure === 'call.error_ratio' ? figures['request.error_ratio'] : figures['request.duration_p95_ms'];
    const now = figure?.(edge.incident) ?? null;
    if (now === null) return [];
    return [
      {
        resource: `${edge.src} → ${edge.callee ?? (edge.address || edge.dst)}`,
        baseline: edge.baseline.requests < requestsMin ? null : (figure?.(edge.baseline) ?? null),
        incident: now,
        samples: edge.incident.requests,
        ref: refer(
          `${measure} ${edge.src} ${edge.dst}`,
          'otel_traces',
          { ServiceName: edge.src },
          'client_spans',
        ),
      },
    ];
  });
}

/** The engine of a data store tells what it is used for. */
function kindOf({ dst, type }: IncidentPicture['edges'][number]): MeasureReading['of'] {
  if (/^urn:db:(redis|memcached|valkey)/.test(dst)) return 'cache';
  if (dst.startsWith('urn:mq:')) return 'queue';
  return type === 'host' ? undefined : type;
}

const statements = (picture: IncidentPicture, refer: Refer): Quantity[] =>
  picture.statements
    .filter((statement) => statement.incident.count >= requestsMin)
    .map((statement) => ({
      resource: statement.service,
      baseline: statement.baseline.count < requestsMin ? null : statement.baseline.meanMs,
      incident: statement.incident.meanMs,
      samples: statement.incident.count,
      ref: refer(
        `statement ${statement.service} ${statement.statement}`,
        'otel_traces',
        { ServiceName: statement.service, SpanName: statement.spanName },
        'client_spans',
      ),
    }));

const levels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];

/** The live window keeps one message of each shape: a shape counts where that matches. */
function logged(picture: IncidentPicture, reading: LogReading, refer: Refer): Quantity[] | null {
  const telling = picture.services.filter((service) => service.shapes.length > 0);
  if (telling.length === 0) return null;
  const least = reading.severity === undefined ? 0 : levels.indexOf(reading.severity);
  return telling.flatMap((service) => {
    const own = service.shapes
      .filter(
        (shape) => shape.level >= least && reading.logs.some((expression) => expression.test(shape.sample)),
      )
      .toSorted((a, b) => b.incidentRate - a.incidentRate || (a.shape < b.shape ? -1 : 1));
    const [first] = own;
    if (first === undefined) return [];
    const sum = (phase: 'baselineRate' | 'incidentRate') =>
      60 * own.reduce((total, shape) => total + shape[phase], 0);
    return [
      {
        resource: service.service,
        baseline: sum('baselineRate'),
        incident: sum('incidentRate'),
        samples: own.length,
        ref: refer(`log ${service.service} ${first.shape}`, 'otel_logs', {
          ServiceName: service.service,
          Shape: first.shape,
        }),
        example: first.sample.slice(0, 160),
      },
    ];
  });
}

function events(picture: IncidentPicture, reading: EventReading, refer: Refer): Quantity[] | null {
  if (picture.changes.length === 0) return null;
  const own = picture.changes.filter((change) =>
    reading.events.some((expression) => expression.test(`${change.kind} ${change.title}`)),
  );
  return [...Map.groupBy(own, (change) => change.service)].map(([service, list]) => {
    const late = list.filter((change) => change.at >= picture.since - 60_000);
    return {
      resource: service,
      baseline: list.length - late.length,
      incident: late.length,
      samples: list.length,
      ref: refer(`event ${service}`, 'change_events', { ServiceName: service }),
      example: list[0]?.title ?? '',
    };
  });
}
