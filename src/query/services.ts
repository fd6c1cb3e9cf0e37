import type { DetailQuery, DetailStore, QueryStatistics } from '../detail/contract.ts';
import {
  type EpochMs,
  type Indicator,
  type ResourceType,
  type Signal,
  serviceRef,
  type TimeWindow,
  type Urn,
} from '../model/index.ts';
import { addStatistics, createBinder, joinClauses, windowMs } from './clause.ts';
import { statusError } from './traces.ts';
import { type Buckets, bucketStarts, bucketsOf } from './window.ts';

export type ServiceHealth = 'ok' | 'suspect' | 'failing' | 'no_data';

/** One service in a window. Without requests the error rate is 0 and p95 null. */
export interface ServiceSummary {
  service: string;
  urn: Urn;
  type: ResourceType;
  health: ServiceHealth;
  /** Requests that entered the service, per second. */
  rps: number;
  /** 0–1. */
  errorRate: number;
  p95Ms: number | null;
  /** Log records per second. */
  logRate: number;
  /** Newest span or record; null when there was none. */
  lastSeen: EpochMs | null;
  spark: {
    at: EpochMs[];
    rps: (number | null)[];
    /** Failed requests per bucket. */
    errors: (number | null)[];
    p95Ms: (number | null)[];
  };
  objectives: ServiceObjective[];
}

/** An objective of a service with its present reading. */
export interface ServiceObjective {
  id: string;
  indicator: Indicator;
  target: number;
  value: number | null;
  /** Null when there is nothing to judge. */
  holds: boolean | null;
}

/** Where the overview comes from: the live window of the detection room, or SQL (`sqlServices`) without it. */
export type ServiceOverview = (tenant: string, window: TimeWindow) => Promise<ServiceSummary[]>;
/** Objectives of all services. */
export type ObjectivesOf = (tenant: string) => Promise<readonly (ServiceObjective & { service: string })[]>;
/** Signals that are open now. */
export type OpenSignals = (tenant: string) => Promise<readonly Signal[]>;

const sparkBuckets = 30;
/** A service that was heard within the window but not this long before its end has gone quiet. */
const quietMs = 120_000;

/**
 * Entries into a service: what it serves or consumes, and work it starts itself. Its calls to others (Client,
 * Producer) are requests of somebody else.
 */
const isEntry = "(SpanKind IN ('Server', 'Consumer') OR (SpanKind = 'Internal' AND ParentSpanId = ''))";

interface StoredService {
  service: string;
  namespace: string;
  requests: string;
  errors: string;
  p95_ns: number | null;
  last_ms: string;
  spark: [number, string, string, number | null][];
}

export function serviceSpansQuery(tenant: string, window: TimeWindow, buckets: Buckets): DetailQuery {
  const binder = createBinder();
  const origin = binder.bind('Int64', buckets.origin);
  const step = binder.bind('Int64', buckets.stepMs);
  return {
    name: 'services.spans',
    tenant,
    window,
    params: binder.params,
    sql: `SELECT service, max(ns) AS namespace, sum(n) AS requests, sum(e) AS errors,
  quantileTDigestMerge(0.95)(d) AS p95_ns, max(last_at) AS last_ms,
  groupArray((bucket, n, e, finalizeAggregation(d))) AS spark
FROM (
  SELECT ServiceName AS service, toUInt32(intDiv(toUnixTimestamp64Milli(Timestamp) - ${origin}, ${step})) AS bucket,
    max(ResourceAttributes['k8s.namespace.name']) AS ns, countIf(${isEntry}) AS n,
    countIf(${isEntry} AND ${statusError}) AS e, quantileTDigestStateIf(0.95)(Duration, ${isEntry}) AS d,
    toUnixTimestamp64Milli(max(Timestamp)) AS last_at
  FROM otel_traces
  WHERE ${joinClauses([])}
  GROUP BY service, bucket
)
GROUP BY service
ORDER BY service
LIMIT 10000`,
  };
}

export function serviceLogsQuery(tenant: string, window: TimeWindow): DetailQuery {
  return {
    name: 'services.logs',
    tenant,
    window,
    sql: `SELECT ServiceName AS service, count() AS records, toUnixTimestamp64Milli(max(Timestamp)) AS last_ms
FROM otel_logs
WHERE ${joinClauses([])}
GROUP BY service
LIMIT 10000`,
  };
}

/** The overview from stored spans and logs alone; health says only whether a service is still heard. */
export async function sqlServices(
  detail: DetailStore,
  tenant: string,
  window: TimeWindow,
): Promise<{ services: ServiceSummary[]; statistics: QueryStatistics }> {
  const buckets = bucketsOf(window, sparkBuckets);
  const spans = await detail.query<StoredService>(serviceSpansQuery(tenant, window, buckets));
  const logs = await detail.query<{ service: string; records: string; last_ms: string }>(
    serviceLogsQuery(tenant, window),
  );
  const byService = new Map(spans.rows.map((row) => [row.service, summaryOf(row, window, buckets)]));
  for (const row of logs.rows) {
    const summary = byService.get(row.service) ?? summaryOf(silent(row.service), window, buckets);
    summary.logRate = Number(row.records) / (windowMs(window) / 1000);
    summary.lastSeen = Math.max(summary.lastSeen ?? 0, Number(row.last_ms));
    byService.set(row.service, summary);
  }
  const services = [...byService.values()].sort((a, b) => a.service.localeCompare(b.service));
  for (const summary of services)
    summary.health = (summary.lastSeen ?? 0) < window.to - quietMs ? 'no_data' : 'ok';
  return { services, statistics: addStatistics(spans.statistics, logs.statistics) };
}

const silent = (service: string): StoredService => ({
  service,
  namespace: '',
  requests: '0',
  errors: '0',
  p95_ns: null,
  last_ms: '0',
  spark: [],
});

const toMs = (ns: number | null): number | null =>
  ns === null || !Number.isFinite(Number(ns)) ? null : Number(ns) / 1e6;

function summaryOf(row: StoredService, window: TimeWindow, buckets: Buckets): ServiceSummary {
  const ref = serviceRef(row.service, row.namespace || undefined);
  const requests = Number(row.requests);
  const zeros = () => new Array<number>(buckets.count).fill(0);
  const spark: ServiceSummary['spark'] = {
    at: bucketStarts(buckets),
    rps: zeros(),
    errors: zeros(),
    p95Ms: new Array<number | null>(buckets.count).fill(null),
  };
  for (const [bucket, n, errors, p95] of row.spark) {
    if (bucket >= buckets.count) continue;
    // The first and the last bucket may stick out of the window; their rate counts the part inside.
    const start = buckets.origin + bucket * buckets.stepMs;
    const insideMs = Math.min(start + buckets.stepMs, window.to) - Math.max(start, window.from);
    spark.rps[bucket] = Number(n) / (insideMs / 1000);
    spark.errors[bucket] = Number(errors);
    spark.p95Ms[bucket] = Number(n) > 0 ? toMs(p95) : null;
  }
  return {
    service: row.service,
    urn: ref.urn,
    type: ref.type,
    health: 'ok',
    rps: requests / (windowMs(window) / 1000),
    errorRate: requests > 0 ? Number(row.errors) / requests : 0,
    p95Ms: requests > 0 ? toMs(row.p95_ns) : null,
    logRate: 0,
    lastSeen: Number(row.last_ms),
    spark,
    objectives: [],
  };
}

/** Adds the readings of objectives; a source that has its own keeps them. */
export function withObjectives(
  services: readonly ServiceSummary[],
  objectives: readonly (ServiceObjective & { service: string })[],
): ServiceSummary[] {
  const readingOf = ({ id, indicator, target, value, holds }: ServiceObjective): ServiceObjective => ({
    id,
    indicator,
    target,
    value,
    holds,
  });
  return services.map((summary) =>
    summary.objectives.length > 0
      ? summary
      : {
          ...summary,
          objectives: objectives.filter((each) => each.service === summary.service).map(readingOf),
        },
  );
}

/** Raises the health of services that open signals name: a broken objective is failing, an anomaly suspect. */
export function withSignals(
  services: readonly ServiceSummary[],
  signals: readonly Signal[],
): ServiceSummary[] {
  return services.map((summary) => {
    const own = signals.filter((signal) => signal.service === summary.service);
    if (own.some((signal) => signal.kind === 'slo_violation')) return { ...summary, health: 'failing' };
    if (own.length > 0 && summary.health !== 'failing') return { ...summary, health: 'suspect' };
    return summary;
  });
}
