import type { DetailStore } from '../detail/index.ts';
import { bucketMs, bucketOf, type LiveWindow, metricPoints, type ServiceSeries } from '../detect/index.ts';
import { type ChangeEvent, databaseRef, type EpochMs, type Signal, type TimeWindow } from '../model/index.ts';
import type { SpanRow } from './incident.ts';
import { readSamples } from './incident-store.ts';
import type {
  DimensionPicture,
  EdgePicture,
  IncidentPicture,
  MetricPicture,
  OriginPicture,
  ServicePicture,
  StatementPicture,
  TimeSplit,
} from './picture.ts';
import { diagnoseQuery } from './queries.ts';
import { isCall, isServer } from './rank/peers.ts';

/** Changes up to this long before the onset are considered. */
const changeLookbackMs = 3_600_000;
/** Traces are compared with at most this much time before the onset: more costs more and says no more. */
const traceBaselineMs = 300_000;
/** Between baseline and onset: the onset is known to a bucket or two. */
export const gapMs = 10_000;
/** Spans and log records that are looked at one by one: enough to rank by, few enough to answer at once. */
const samplesMax = { spans: 20_000, logs: 8_000, read: 400_000 };
/** Points of a chart: ten minutes before the onset are enough to see what is normal. */
const chartMs = 600_000;
const shapesMax = 40;

export interface CollectDeps {
  store: DetailStore;
  live: LiveWindow;
  now: () => EpochMs;
}

/** What is known about a tenant's system since a moment, whoever asks: all but the signals of one incident and what hangs on them. */
export type SystemPicture = Omit<IncidentPicture, 'signals' | 'dimensions'>;

/** Reads the live window, a sample of spans and records, a few bounded queries on traces, and the change events. */
export async function readSystem(
  deps: CollectDeps,
  input: { tenant: string; since: EpochMs; baselineS?: number },
): Promise<SystemPicture> {
  const { live } = deps;
  const at = deps.now();
  const to = Math.max(live.completeTo, input.since + bucketMs);
  const since = refineSince(live, input.since, to);
  const window = { from: since, to };
  const baseline = {
    from: Math.max(
      Math.min(live.firstData + bucketMs, since - 30_000),
      since - (input.baselineS ?? 1_800) * 1000,
    ),
    to: since - gapMs,
  };
  const traceWindow = { from: Math.max(baseline.from, since - traceBaselineMs), to: at };
  const ask = createAsk(deps, input.tenant, traceWindow, { since, baseline_to: baseline.to });
  const samples = await readSamples(
    deps.store,
    { tenant: input.tenant, at: since, window, baseline },
    samplesMax,
  );
  const times = timesOf(samples.spans, since);
  const statements = await ask<StatementRow>('statements');
  const origins = await ask<OriginRow>('origins');
  const codes = await ask<CodeRow>('statusCodes');
  const changes = await readChanges(deps, input.tenant, { from: since - changeLookbackMs, to: at + 1_000 });
  const services = live
    .services()
    .map((service) => servicePicture(live, service, window, baseline, times, codes))
    .filter(
      (service) =>
        service.baseline.requests + service.incident.requests > 0 ||
        service.series.logs.some((n) => n > 0) ||
        service.metrics.length > 0,
    );
  return {
    tenant: input.tenant,
    at,
    since,
    window,
    baseline,
    services,
    edges: edgePictures(live, window, baseline),
    statements: statements.map(statementOf),
    origins: origins.map((row) => originOf(live, row)),
    changes,
    samples,
  };
}

/** The system as one incident sees it. */
export const incidentPicture = async (
  deps: CollectDeps,
  system: SystemPicture,
  signals: Signal[],
): Promise<IncidentPicture> => ({
  ...system,
  signals,
  dimensions: await readDimensions(deps, system, signals),
});

type Ask = <Row>(
  name: Parameters<typeof diagnoseQuery>[0],
  params?: Record<string, number | string>,
) => Promise<Row[]>;

function createAsk(
  deps: CollectDeps,
  tenant: string,
  window: TimeWindow,
  common: Record<string, number>,
): Ask {
  return async <Row>(
    name: Parameters<typeof diagnoseQuery>[0],
    params: Record<string, number | string> = {},
  ) => (await deps.store.query<Row>(diagnoseQuery(name, tenant, window, { ...common, ...params }))).rows;
}

interface TimeRow extends TimeSplit {
  service: string;
  phase: number;
}
interface StatementRow {
  service: string;
  db_system: string;
  db_namespace: string;
  address: string;
  statement: string;
  sample: string;
  text_column: string;
  texts: number;
  span_name: string;
  table_name: string;
  baseline_count: number;
  incident_count: number;
  baseline_mean: number;
  incident_mean: number;
  baseline_p95: number;
  incident_p95: number;
}
interface OriginRow {
  service: string;
  operation: string;
  span_kind: string;
  peer_service: string;
  version: string;
  db_system: string;
  db_namespace: string;
  address: string;
  status: number;
  exception: string;
  message: string;
  baseline_count: number;
  incident_count: number;
  trace_id: string;
}
interface CodeRow {
  service: string;
  code: number;
  baseline_value: number;
  incident_value: number;
}

/**
 * The onset by change point: the signal's first bad bucket may be late when its bound is lenient, so buckets right
 * before it that already left the usual range move it back, at most a minute.
 */
function refineSince(live: LiveWindow, since: EpochMs, to: EpochMs): EpochMs {
  const lookback = 12;
  let refined = bucketOf(since);
  for (const service of live.services()) {
    const before = service.total.stats(since - 600_000, since - 60_000);
    const errorRatio = before.requests > 0 ? before.errors / before.requests : 0;
    let onset = bucketOf(since);
    for (let bucket = onset - 1; bucket >= bucketOf(since) - lookback; bucket--) {
      const now = service.total.stats(bucket * bucketMs, (bucket + 1) * bucketMs);
      const failing =
        now.requests >= 5 && now.errors >= 2 && now.errors / now.requests > 0.15 + 3 * errorRatio;
      const slow = now.requests >= 5 && (now.p50Ms ?? 0) > 3 * (before.p95Ms ?? Number.POSITIVE_INFINITY);
      if (!failing && !slow) break;
      onset = bucket;
    }
    refined = Math.min(refined, onset);
  }
  return Math.min(refined * bucketMs, to - bucketMs);
}

function servicePicture(
  live: LiveWindow,
  service: ServiceSeries,
  window: TimeWindow,
  baseline: TimeWindow,
  times: readonly TimeRow[],
  codes: readonly CodeRow[],
): ServicePicture {
  const pair = (series: ServiceSeries['total']) => ({
    baseline: series.stats(baseline.from, baseline.to),
    incident: series.stats(window.from, window.to),
  });
  const total = pair(service.total);
  return {
    service: service.service,
    urn: live.urnOf(service.service),
    ...total,
    onset: onsetOf(service, total.baseline, window),
    series: seriesOf(service, window),
    operations: [...service.operations].map(([name, series]) => ({ name, ...pair(series) })),
    versions: [...service.versions].map(([version, series]) => ({
      version,
      ...pair(series),
      first: firstSeen(service, version),
    })),
    instances: [...service.instances.values()],
    metrics: metricPictures(live, service.service, window, baseline),
    shapes: shapePictures(service, window, baseline),
    logRate: logRates(service, window, baseline),
    time: timeOf(times, service.service),
    statusCodes: codes
      .filter((row) => row.service === service.service)
      .map((row) => ({ code: row.code, baseline: row.baseline_value, incident: row.incident_value })),
  };
}

function firstSeen(service: ServiceSeries, version: string): EpochMs {
  const firsts = [...service.instances.values()].filter((i) => i.version === version).map((i) => i.first);
  return firsts.length > 0 ? Math.min(...firsts) : 0;
}

function onsetOf(
  service: ServiceSeries,
  normal: ServicePicture['baseline'],
  window: TimeWindow,
): EpochMs | null {
  const ratio = normal.requests > 0 ? normal.errors / normal.requests : 0;
  for (let at = window.from - 2 * bucketMs; at < window.to; at += bucketMs) {
    const now = service.total.stats(at, at + bucketMs);
    if (now.requests < 3) continue;
    if (now.errors >= 2 && now.errors / now.requests > 0.05 + 3 * ratio) return at;
    if (normal.p95Ms !== null && (now.p95Ms ?? 0) > Math.max(3 * normal.p95Ms, normal.p95Ms + 20)) return at;
  }
  return null;
}

function seriesOf(service: ServiceSeries, window: TimeWindow): ServicePicture['series'] {
  const series: ServicePicture['series'] = {
    at: [],
    requests: [],
    errors: [],
    meanMs: [],
    p95Ms: [],
    logs: [],
  };
  const first = bucketOf(window.from - chartMs);
  const seconds = bucketMs / 1000;
  for (let bucket = first; bucket < bucketOf(window.to); bucket++) {
    const at = bucket * bucketMs;
    series.at.push(at);
    series.requests.push(service.total.requests.get(bucket) / seconds);
    series.errors.push(service.total.errors.get(bucket) / seconds);
    const { meanMs, p95Ms } = service.total.stats(at, at + bucketMs);
    series.meanMs.push(meanMs);
    series.p95Ms.push(p95Ms);
    series.logs.push(service.logs.reduce((sum, ring) => sum + ring.get(bucket), 0) / seconds);
  }
  return series;
}

function metricPictures(
  live: LiveWindow,
  service: string,
  window: TimeWindow,
  baseline: TimeWindow,
): MetricPicture[] {
  return live
    .metrics(service)
    .map((series) => ({
      metric: series.metric,
      unit: series.unit,
      instance: series.instance,
      attributes: series.attributes,
      seriesId: series.id,
      points: metricPoints(series, Math.max(baseline.from, window.from - chartMs), window.to),
    }))
    .filter((metric) => metric.points.length > 0);
}

const secondsOf = (window: TimeWindow): number => Math.max(1, (window.to - window.from) / 1000);

function logRates(
  service: ServiceSeries,
  window: TimeWindow,
  baseline: TimeWindow,
): ServicePicture['logRate'] {
  const levels = service.logs.map((ring) => ({
    baseline: ring.sum(bucketOf(baseline.from), bucketOf(baseline.to)) / secondsOf(baseline),
    incident: ring.sum(bucketOf(window.from), bucketOf(window.to)) / secondsOf(window),
  }));
  const sum = (phase: 'baseline' | 'incident') => levels.reduce((total, level) => total + level[phase], 0);
  return { baseline: sum('baseline'), incident: sum('incident'), levels };
}

function shapePictures(
  service: ServiceSeries,
  window: TimeWindow,
  baseline: TimeWindow,
): ServicePicture['shapes'] {
  const rate = (ring: { sum(from: number, to: number): number }, part: TimeWindow) =>
    ring.sum(bucketOf(part.from), bucketOf(part.to)) / secondsOf(part);
  return [...service.shapes.values()]
    .map((shape) => ({
      shape: shape.shape,
      level: shape.level,
      sample: shape.sample,
      baselineRate: rate(shape.records, baseline),
      incidentRate: rate(shape.records, window),
      first: shape.first,
    }))
    .sort((a, b) => b.incidentRate - b.baselineRate - (a.incidentRate - a.baselineRate))
    .slice(0, shapesMax);
}

/**
 * A service's own time is what its server spans last beyond its calls, summed per trace. Spans between the two don't
 * matter; parallel calls make it too small, never negative.
 */
function timesOf(spans: readonly SpanRow[], since: EpochMs): TimeRow[] {
  const visits = new Map<string, { service: string; phase: number; served: number; waited: number }>();
  for (const span of spans) {
    const phase = span.start >= since ? 1 : 0;
    const key = `${span.service}\u0000${span.traceId}\u0000${phase}`;
    const visit = visits.get(key) ?? { service: span.service, phase, served: 0, waited: 0 };
    visits.set(key, visit);
    if (isServer(span)) visit.served += span.durationMs;
    else if (isCall(span)) visit.waited += span.durationMs;
  }
  const rows = new Map<string, TimeRow>();
  for (const { service, phase, served, waited } of visits.values()) {
    if (served === 0) continue;
    const key = `${service}\u0000${phase}`;
    const row = rows.get(key) ?? { service, phase, visits: 0, ownMs: 0, dependencyMs: 0 };
    rows.set(key, row);
    row.visits++;
    row.ownMs += (Math.max(0, served - waited) - row.ownMs) / row.visits;
    row.dependencyMs += (Math.min(served, waited) - row.dependencyMs) / row.visits;
  }
  return [...rows.values()];
}

function timeOf(rows: readonly TimeRow[], service: string): ServicePicture['time'] {
  const split = (phase: number): TimeSplit | null => {
    const row = rows.find((candidate) => candidate.service === service && candidate.phase === phase);
    return row ?? null;
  };
  const baseline = split(0);
  const incident = split(1);
  return baseline && incident ? { baseline, incident } : null;
}

function edgePictures(live: LiveWindow, window: TimeWindow, baseline: TimeWindow): EdgePicture[] {
  return live
    .edges()
    .map((edge) => ({
      src: edge.src,
      dst: edge.dst,
      type: edge.type,
      callee: edge.callee,
      address: edge.address,
      baseline: edge.calls.stats(baseline.from, baseline.to),
      incident: edge.calls.stats(window.from, window.to),
    }))
    .filter((edge) => edge.baseline.requests + edge.incident.requests > 0);
}

function statementOf(row: StatementRow): StatementPicture {
  const cluster = row.address !== '' ? row.address : row.service;
  return {
    service: row.service,
    resource: databaseRef(row.db_system, cluster, row.db_namespace).urn,
    system: row.db_system,
    namespace: row.db_namespace,
    statement: row.statement,
    sample: row.sample,
    column: row.text_column,
    texts: row.texts,
    spanName: row.span_name,
    table: row.table_name,
    baseline: { count: row.baseline_count, meanMs: row.baseline_mean, p95Ms: row.baseline_p95 },
    incident: { count: row.incident_count, meanMs: row.incident_mean, p95Ms: row.incident_p95 },
  };
}

function originOf(live: LiveWindow, row: OriginRow): OriginPicture {
  const calls = row.span_kind === 'Client' || row.span_kind === 'Producer' || row.db_system !== '';
  const peer = calls ? live.peerOf({ ...row, src: row.service, callee: '' }) : null;
  return {
    service: row.service,
    operation: row.operation,
    spanKind: row.span_kind,
    version: row.version,
    peer: peer && { urn: peer.dst, type: peer.type, callee: peer.callee, address: peer.address },
    status: row.status,
    exception: row.exception,
    message: row.message,
    baseline: row.baseline_count,
    incident: row.incident_count,
    traceId: row.trace_id,
  };
}

async function readChanges(deps: CollectDeps, tenant: string, window: TimeWindow): Promise<ChangeEvent[]> {
  const { rows } = await deps.store.query<Omit<ChangeEvent, 'at'> & { at: string | number }>(
    diagnoseQuery('changes', tenant, window),
  );
  return rows.map((row) => ({ ...row, at: Number(row.at) }));
}

/** Dimensions are read on the service whose requests suffer nearest to the users. */
async function readDimensions(
  deps: CollectDeps,
  { tenant, services, window }: SystemPicture,
  signals: readonly Signal[],
): Promise<DimensionPicture[]> {
  const hurt = services.filter((service) => signals.some((signal) => signal.service === service.service));
  const callers = (service: string) => deps.live.callersOf(service, window.from - 300_000, window.to).size;
  const entry = hurt.sort((a, b) => callers(a.service) - callers(b.service))[0];
  if (!entry) return [];
  const slowMs = Math.max(20, 3 * (entry.baseline.p95Ms ?? 1_000));
  const { rows } = await deps.store.query<{
    key: string;
    value: string;
    affected_count: number;
    total_count: number;
  }>(
    diagnoseQuery('dimensions', tenant, window, {
      service: entry.service,
      slow_ns: Math.round(slowMs * 1e6),
    }),
  );
  return rows.map((row) => ({
    key: row.key,
    value: row.value,
    affected: row.affected_count,
    total: row.total_count,
  }));
}
