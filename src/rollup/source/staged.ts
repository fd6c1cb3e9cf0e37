import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DetailStore } from '../../detail/index.ts';
import type { TimeWindow } from '../../model/index.ts';
import { heavy } from '../slices.ts';
import type { SourceWindow } from './contract.ts';

/** Rows of another store are read once, brought into our columns and kept in files while their window is computed. */
export type Dataset = 'logs' | 'traces' | 'metrics';
export const datasets: readonly Dataset[] = ['logs', 'traces', 'metrics'];

const attributeNames: readonly [string, string][] = [
  ['db.system', 'db_system'],
  ['db.system.name', 'db_system_name'],
  ['db.name', 'db_name'],
  ['db.namespace', 'db_namespace'],
  ['messaging.system', 'messaging_system'],
  ['messaging.destination.name', 'messaging_destination_name'],
  ['server.address', 'server_address'],
  ['server.port', 'server_port'],
  ['net.peer.name', 'net_peer_name'],
  ['net.peer.port', 'net_peer_port'],
  ['url.full', 'url_full'],
  ['http.url', 'http_url'],
];
const placeNames: readonly [string, string][] = [
  ['deployment.environment', 'service_deployment_environment'],
  ['service.version', 'service_service_version'],
  ['cloud.region', 'service_cloud_region'],
  ['k8s.namespace.name', 'service_k8s_namespace_name'],
];

const texts = (names: readonly string[]): string =>
  names.map((name) => `${name} Nullable(String)`).join(', ');

/** Columns as OpenObserve names them in its objects and answers; a column that an object lacks is empty. */
export const theirColumns: Record<Dataset, string> = {
  logs: `_timestamp Int64, ${texts(['body', 'message', 'log', 'severity', 'level', 'service_name'])}`,
  traces: `_timestamp Int64, start_time Nullable(UInt64), duration Nullable(UInt64), ${texts([
    ...[
      'trace_id',
      'span_id',
      'reference_parent_span_id',
      'operation_name',
      'service_name',
      'span_kind',
      'span_status',
    ],
    ...attributeNames.map(([, name]) => name),
    ...placeNames.map(([, name]) => name),
  ])}`,
  metrics: `_timestamp Int64, value Nullable(Float64), labels Map(String, String), ${texts(['__name__', 'service_name', 'job', '__type__'])}`,
};

const mapOf = (names: readonly [string, string][]): string =>
  `mapFilter((k, v) -> v != '', map(${names.map(([key, column]) => `'${key}', ifNull(${column}, '')`).join(', ')}))`;

const micros = "fromUnixTimestamp64Micro(_timestamp, 'UTC')";

/** Their rows in our columns. Shapes collapse runs with digits: coarser than ours, but made of the text alone. */
const ourRows: Record<Dataset, (from: string) => string> = {
  logs: (
    from,
  ) => `SELECT {tenant:String} AS Tenant, toDateTime64(${micros}, 9, 'UTC') AS Timestamp, ifNull(service_name, '') AS ServiceName,
    coalesce(nullIf(body, ''), nullIf(message, ''), nullIf(log, ''), '') AS Body,
    upper(coalesce(nullIf(severity, ''), nullIf(level, ''), '')) AS word,
    toUInt8(multiIf(match(word, '^(FATAL|CRIT|EMERG|ALERT)'), 21, startsWith(word, 'ERR'), 17, startsWith(word, 'WARN'), 13, match(word, '^(INFO|NOTICE)'), 9,
      startsWith(word, 'DEBUG'), 5, startsWith(word, 'TRACE'), 1, 0)) AS SeverityNumber,
    cityHash64(replaceRegexpAll(Body, '[0-9A-Za-z._-]*[0-9][0-9A-Za-z._-]*', '0')) AS Shape,
    CAST(map(), 'Map(String, String)') AS LogAttributes, rowNumberInAllBlocks() AS EventId FROM ${from}`,
  traces: (from) => `SELECT {tenant:String} AS Tenant,
    if(ifNull(start_time, 0) > 0, fromUnixTimestamp64Nano(toInt64(start_time), 'UTC'), toDateTime64(${micros}, 9, 'UTC')) AS Timestamp,
    ifNull(trace_id, '') AS TraceId, ifNull(span_id, '') AS SpanId, ifNull(reference_parent_span_id, '') AS ParentSpanId,
    transform(upper(replaceOne(ifNull(span_kind, ''), 'SPAN_KIND_', '')), ['2', '3', '4', '5', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'],
      ['Server', 'Client', 'Producer', 'Consumer', 'Server', 'Client', 'Producer', 'Consumer'], 'Internal') AS SpanKind,
    ifNull(service_name, '') AS ServiceName, ${mapOf(placeNames)} AS ResourceAttributes, ${mapOf(attributeNames)} AS SpanAttributes,
    toUInt64(ifNull(duration, 0) * 1000) AS Duration, if(upper(ifNull(span_status, '')) = 'ERROR', 'Error', 'Unset') AS StatusCode,
    CAST([], 'Array(String)') AS \`Links.TraceId\`, CAST([], 'Array(String)') AS \`Links.SpanId\`, rowNumberInAllBlocks() AS EventId FROM ${from}`,
  metrics: (
    from,
  ) => `SELECT {tenant:String} AS Tenant, cityHash64(MetricName, ServiceName, mapKeys(Attributes), mapValues(Attributes)) AS SeriesId,
    ifNull(__name__, '') AS MetricName, coalesce(nullIf(service_name, ''), nullIf(job, ''), '') AS ServiceName,
    toDateTime64(${micros}, 3, 'UTC') AS Timestamp, toDateTime64(0, 3, 'UTC') AS StartTimestamp, ifNull(value, nan) AS Value, toUInt8(0) AS Flags,
    mapSort(labels) AS Attributes, if(lower(ifNull(__type__, '')) = 'counter', 'sum', 'gauge') AS MetricType,
    if(MetricType = 'sum', 'cumulative', '') AS Temporality, toUInt8(MetricType = 'sum') AS IsMonotonic FROM ${from}`,
};

const ourColumns: Record<Dataset, string> = {
  logs: `Tenant String, Timestamp DateTime64(9, 'UTC'), ServiceName String, Body String, word String, SeverityNumber UInt8, Shape UInt64, LogAttributes Map(String, String), EventId UInt64`,
  traces: `Tenant String, Timestamp DateTime64(9, 'UTC'), TraceId String, SpanId String, ParentSpanId String, SpanKind String, ServiceName String, ResourceAttributes Map(String, String), SpanAttributes Map(String, String), Duration UInt64, StatusCode String, \`Links.TraceId\` Array(String), \`Links.SpanId\` Array(String), EventId UInt64`,
  metrics: `Tenant String, SeriesId UInt64, MetricName String, ServiceName String, Timestamp DateTime64(3, 'UTC'), StartTimestamp DateTime64(3, 'UTC'), Value Float64, Flags UInt8, Attributes Map(String, String), MetricType String, Temporality String, IsMonotonic UInt8`,
};

/** Series from points that carry what is said of their series. */
export const seriesOf = (points: string): string =>
  `(SELECT Tenant, SeriesId, any(Attributes) AS Attributes, any(IsMonotonic) AS IsMonotonic, any(Temporality) AS Temporality, max(Timestamp) AS LastSeen FROM ${points} GROUP BY Tenant, SeriesId)`;
export const emptyHistograms = '(SELECT * FROM metric_histograms WHERE 0)';
export const noExemplars = '(SELECT * FROM metric_exemplars WHERE 0)';

/** A text inside a statement of ours; paths and addresses of a configuration. */
export const literal = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/** Brings the rows that `relations` give, in their columns, into files of ours. The directory is removed by `release`. */
export async function stage(
  detail: DetailStore,
  tenant: string,
  window: TimeWindow,
  relations: (directory: string) => Promise<Record<Dataset, string>>,
): Promise<SourceWindow> {
  const directory = await mkdtemp(join(tmpdir(), 'clew-source-'));
  const release = () => rm(directory, { recursive: true, force: true });
  const fileOf = (dataset: Dataset) => literal(join(directory, `${dataset}.native`));
  try {
    const theirs = await relations(directory);
    for (const dataset of datasets)
      await detail.derive({
        name: `rollup.stage_${dataset}`,
        tenant,
        window,
        sql: `INSERT INTO FUNCTION file(${fileOf(dataset)}, 'Native', ${literal(ourColumns[dataset])})
${ourRows[dataset](theirs[dataset])}
SETTINGS engine_file_truncate_on_insert = 1, engine_file_empty_if_not_exists = 1, s3_skip_empty_files = 1`,
        limits: heavy,
      });
  } catch (error) {
    await release();
    throw error;
  }
  const table = (dataset: Dataset) => `file(${fileOf(dataset)}, 'Native', ${literal(ourColumns[dataset])})`;
  return {
    tables: {
      logs: table('logs'),
      traces: table('traces'),
      samples: table('metrics'),
      series: seriesOf(table('metrics')),
      histograms: emptyHistograms,
      exemplars: noExemplars,
    },
    release,
  };
}
