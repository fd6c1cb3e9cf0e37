import type { DetailQuery, QueryParam } from '../../detail/index.ts';
import type { EpochMs } from '../../model/index.ts';
import { binCount, binOffset, binsPerOctave, bucketMs } from './ring.ts';

/**
 * The live window's queries. Spans are counted in the bucket in which they END: a span that takes ten seconds then
 * appears when it is over and never changes a bucket of the past. The read therefore starts `spanDurationMsMax` earlier.
 */
export const spanDurationMsMax = 60_000;
/** Nearly all spans are shorter than this; the rest is found when the window is read wide. */
export const spanDurationMsUsual = 15_000;
/** Rows of one answer; a store with more (service, operation, bucket) than this loses the tail, never memory. */
export const rowsMax = 100_000;
const shapesPerLevel = 30;

const endNs = '(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration))';
const bucketNs = bucketMs * 1_000_000;
const spanBucket = `toUInt32(intDiv(${endNs}, ${bucketNs}))`;
const status = `toUInt16OrZero(if(SpanAttributes['http.response.status_code'] != '', SpanAttributes['http.response.status_code'], SpanAttributes['http.status_code']))`;

/**
 * A failed span: its status says Error, or the answer was 5xx. A client's 4xx is its own doing and carries the status
 * Error by convention, so 4xx is left out, but for 408 and 429, which the peer caused.
 */
export const spanFailed = `(${status} >= 500 OR (StatusCode = 'Error' AND (${status} < 400 OR ${status} IN (408, 429))))`;
export const httpStatus = status;
export const isServerSpan = `SpanKind IN ('Server', 'Consumer')`;
const dbSystem = `if(SpanAttributes['db.system.name'] != '', SpanAttributes['db.system.name'], SpanAttributes['db.system'])`;
const dbNamespace = `if(SpanAttributes['db.namespace'] != '', SpanAttributes['db.namespace'], SpanAttributes['db.name'])`;
// Each part is named once and used by its name: spelled out in every place, the engine spends longer on reading the
// query than on running it.
export const peerColumns = [
  `${dbSystem} AS db_system`,
  `${dbNamespace} AS db_namespace`,
  `if(SpanAttributes['url.full'] != '', SpanAttributes['url.full'], SpanAttributes['http.url']) AS peer_url`,
  `multiIf(SpanAttributes['server.address'] != '', SpanAttributes['server.address'], SpanAttributes['net.peer.name'] != '', SpanAttributes['net.peer.name'], domain(peer_url)) AS peer_host`,
  `multiIf(SpanAttributes['server.port'] != '', SpanAttributes['server.port'], SpanAttributes['net.peer.port'] != '', SpanAttributes['net.peer.port'], port(peer_url) > 0, toString(port(peer_url)), '') AS peer_port`,
  `SpanAttributes['peer.service'] AS peer_service`,
  `concat(peer_host, if(peer_port != '' AND peer_host != '', concat(':', peer_port), '')) AS address`,
].join(', ');
export const isCallSpan = `(SpanKind IN ('Client', 'Producer') OR (SpanKind = 'Internal' AND ${dbSystem} != ''))`;

const bin = `toUInt8(least(${binCount - 1}, greatest(0, floor(log2(greatest(Duration, 1) / 1e6) * ${binsPerOctave}) + ${binOffset})))`;
const bins = `sumMap([${bin}], [toUInt32(1)]) AS bins`;
const inWindow =
  'Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(9)} AND Timestamp < {to:DateTime64(9)}';
const spanWindow = `${inWindow} AND ${endNs} >= {end_from_ms:Int64} * 1000000 AND ${endNs} < {end_to_ms:Int64} * 1000000`;

/** Metrics that say how a process, its pool or its machine is doing, by semantic-convention prefix. */
export const keyMetric = `match(MetricName, '^(process\\\\.(cpu|memory|uptime)|container\\\\.(cpu|memory)|k8s\\\\.(pod|container)\\\\.(cpu|memory)|nodejs\\\\.eventloop\\\\.|v8js\\\\.(memory|gc)\\\\.|jvm\\\\.(cpu|memory|gc|thread)|go\\\\.(memory|goroutine)|db\\\\.client\\\\.connections?\\\\.|system\\\\.(cpu|memory|network)\\\\.)')`;

export interface SpanRow {
  bucket: number;
  service: string;
  operation: string;
  version: string;
  requests: number;
  errors: number;
  bins: [number[], number[]];
  instances: string[];
}
export interface EdgeRow {
  bucket: number;
  src: string;
  callee: string;
  /** What the caller says the peer is called; believed when a service of that name is known. */
  peer_service: string;
  db_system: string;
  db_namespace: string;
  address: string;
  requests: number;
  errors: number;
  bins: [number[], number[]];
}
export interface LogRow {
  bucket: number;
  service: string;
  shape: string;
  level: number;
  records: number;
  /** Records of this bucket, service and level, whatever their shape; a 64-bit sum, so text. */
  level_records: string | number;
}
export interface BodyRow {
  shape: string;
  sample: string;
}
export interface SampleRow {
  bucket: number;
  series: string;
  value: number;
  total: number;
}
export interface SeriesRow {
  series: string;
  metric: string;
  service: string;
  unit: string;
  temporality: string;
  monotonic: number;
  attributes: Record<string, string>;
  instance: string;
  version: string;
  memory_limit: string;
}

const text = {
  probe: `SELECT toUInt32((SELECT count() FROM otel_traces WHERE ${inWindow}) + (SELECT count() FROM otel_logs WHERE ${inWindow})
    + (SELECT count() FROM metric_samples WHERE ${inWindow})) AS rows`,
  spans: `SELECT ${spanBucket} AS bucket, ServiceName AS service, SpanName AS operation,
      ResourceAttributes['service.version'] AS version, toUInt32(count()) AS requests, toUInt32(countIf(${spanFailed})) AS errors,
      ${bins}, groupUniqArray(8)(ResourceAttributes['service.instance.id']) AS instances
    FROM otel_traces WHERE ${spanWindow} AND ${isServerSpan}
    GROUP BY bucket, service, operation, version ORDER BY bucket LIMIT ${rowsMax}`,
  // The callee of a client span is the service of its child server span; the join is kept cheap by joining only the
  // two small sides of this window, on a hash of the span's id: two texts a span take twice the memory.
  edges: `SELECT call.bucket AS bucket, call.src AS src, server.callee AS callee, peer_service, db_system, db_namespace, address,
      toUInt32(count()) AS requests, toUInt32(countIf(failed)) AS errors, sumMap([bin], [toUInt32(1)]) AS bins
    FROM (SELECT ${spanBucket} AS bucket, ServiceName AS src, cityHash64(TraceId, SpanId) AS id, ${peerColumns}, ${spanFailed} AS failed, ${bin} AS bin
      FROM otel_traces WHERE ${spanWindow} AND ${isCallSpan}) AS call
    LEFT ANY JOIN (SELECT cityHash64(TraceId, ParentSpanId) AS id, ServiceName AS callee FROM otel_traces
      WHERE ${inWindow} AND ${isServerSpan} AND ParentSpanId != '') AS server
      ON server.id = call.id
    GROUP BY bucket, src, callee, peer_service, db_system, db_namespace, address ORDER BY bucket LIMIT ${rowsMax}`,
  // A storm may have thousands of shapes: the totals are exact, but of the shapes only the commonest come along. Bodies are
  // not read: they are the larger part of a record, and only those of shapes that were never seen are wanted.
  logs: `SELECT bucket, service, shape, level, records, sum(records) OVER (PARTITION BY bucket, service, level) AS level_records
    FROM (SELECT toUInt32(intDiv(toUnixTimestamp(Timestamp), ${bucketMs / 1000})) AS bucket, ServiceName AS service, toString(Shape) AS shape,
        toUInt8(if(SeverityNumber = 0, 2, least(5, intDiv(SeverityNumber - 1, 4)))) AS level, toUInt32(count()) AS records
      FROM otel_logs WHERE ${inWindow}
      GROUP BY bucket, service, shape, level)
    ORDER BY records DESC LIMIT ${shapesPerLevel} BY bucket, service, level LIMIT ${rowsMax}`,
  bodies: `SELECT toString(Shape) AS shape, substring(any(Body), 1, 500) AS sample FROM otel_logs
    WHERE ${inWindow} AND Shape IN (SELECT toUInt64(arrayJoin({shapes:Array(String)}))) GROUP BY Shape LIMIT ${rowsMax}`,
  samples: `SELECT toUInt32(intDiv(toUnixTimestamp(Timestamp), ${bucketMs / 1000})) AS bucket, toString(SeriesId) AS series,
      argMax(Value, Timestamp) AS value, 0 AS total
    FROM metric_samples WHERE ${inWindow} AND ${keyMetric} AND isFinite(Value)
    GROUP BY bucket, SeriesId ORDER BY bucket LIMIT ${rowsMax}`,
  histograms: `SELECT toUInt32(intDiv(toUnixTimestamp(Timestamp), ${bucketMs / 1000})) AS bucket, toString(SeriesId) AS series,
      argMax(Sum, Timestamp) AS value, toFloat64(argMax(Count, Timestamp)) AS total
    FROM metric_histograms WHERE ${inWindow} AND ${keyMetric} AND isFinite(Sum)
    GROUP BY bucket, SeriesId ORDER BY bucket LIMIT ${rowsMax}`,
  series: `SELECT toString(SeriesId) AS series, any(MetricName) AS metric, any(ServiceName) AS service, any(Unit) AS unit,
      any(Temporality) AS temporality, any(IsMonotonic) AS monotonic, any(Attributes) AS attributes,
      any(ResourceAttributes['service.instance.id']) AS instance, any(ResourceAttributes['service.version']) AS version,
      any(ResourceAttributes['container.memory.limit']) AS memory_limit
    FROM metric_series WHERE Tenant = {tenant:String} AND toString(SeriesId) IN {ids:Array(String)}
    GROUP BY SeriesId LIMIT ${rowsMax}`,
} as const;

/** Builds one of the named queries for `[from, to)`. */
export function liveQuery(
  name: keyof typeof text,
  tenant: string,
  from: EpochMs,
  to: EpochMs,
  options: { spanMs?: number; threadsMax?: 1 | 2; params?: Record<string, QueryParam> } = {},
): DetailQuery {
  const params = options.params ?? {};
  const spanMs = options.spanMs ?? spanDurationMsMax;
  const bySpanEnd = name === 'spans' || name === 'edges';
  return {
    name: `detect.live.${name}`,
    tenant,
    window: { from: bySpanEnd ? from - spanMs : from, to },
    sql: text[name],
    params: bySpanEnd ? { ...params, end_from_ms: from, end_to_ms: to } : params,
    limits: { timeMsMax: 10_000, rowsResultMax: rowsMax, threadsMax: options.threadsMax ?? 1 },
  };
}
