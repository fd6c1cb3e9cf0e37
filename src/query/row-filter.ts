import { z } from 'zod';
import type { DetailQuery, DetailStore, QueryStatistics } from '../detail/contract.ts';
import { ClewError } from '../lib/index.ts';
import { type DetailTable, detailTables, type RowFilter, severityNumberError } from '../model/index.ts';
import { type Binder, createBinder, inSignalWindow, inWindow, joinClauses } from './clause.ts';
import { statusError } from './traces.ts';

/** The form in which a filter is stored with evidence and locators. */
export const rowFilterSchema = z.strictObject({
  dataset: z.enum(detailTables),
  window: z.object({ from: z.number(), to: z.number() }),
  equals: z.record(z.string(), z.union([z.string(), z.number()])),
  only: z.enum(['errors', 'slow', 'server_spans', 'client_spans']).optional(),
  thresholdMs: z.number().nonnegative().optional(),
});

interface Dataset {
  /** Columns that may be compared, with the type their value is bound as. */
  columns: Record<string, 'String' | 'UInt8' | 'UInt64' | 'Float64'>;
  maps: readonly string[];
  time: string;
}

const metricColumns = {
  SeriesId: 'UInt64',
  MetricName: 'String',
  ServiceName: 'String',
  EventId: 'UInt64',
} as const;

const datasets: Record<DetailTable, Dataset> = {
  otel_logs: {
    columns: {
      ServiceName: 'String',
      TraceId: 'String',
      SpanId: 'String',
      SeverityText: 'String',
      SeverityNumber: 'UInt8',
      Body: 'String',
      ScopeName: 'String',
      EventName: 'String',
      Shape: 'UInt64',
      EventId: 'UInt64',
    },
    maps: ['ResourceAttributes', 'LogAttributes', 'ScopeAttributes'],
    time: 'Timestamp',
  },
  otel_traces: {
    columns: {
      ServiceName: 'String',
      TraceId: 'String',
      SpanId: 'String',
      ParentSpanId: 'String',
      SpanName: 'String',
      SpanKind: 'String',
      StatusCode: 'String',
      StatusMessage: 'String',
      ScopeName: 'String',
      EventId: 'UInt64',
    },
    maps: ['ResourceAttributes', 'SpanAttributes'],
    time: 'Timestamp',
  },
  metric_series: {
    columns: { ...metricColumns, MetricType: 'String', Unit: 'String' },
    maps: ['ResourceAttributes', 'Attributes'],
    time: 'LastSeen',
  },
  metric_samples: { columns: { ...metricColumns, Value: 'Float64' }, maps: [], time: 'Timestamp' },
  metric_histograms: { columns: metricColumns, maps: [], time: 'Timestamp' },
  metric_exemplars: {
    columns: { ...metricColumns, TraceId: 'String', SpanId: 'String' },
    maps: ['FilteredAttributes'],
    time: 'Timestamp',
  },
  change_events: {
    columns: { Id: 'String', Kind: 'String', ServiceName: 'String', Title: 'String', Actor: 'String' },
    maps: ['Labels'],
    time: 'Timestamp',
  },
  network_flows: {
    columns: {
      FlowType: 'String',
      Exporter: 'String',
      SrcAddr: 'String',
      DstAddr: 'String',
      ProtocolName: 'String',
      Protocol: 'UInt8',
      SrcPort: 'UInt64',
      DstPort: 'UInt64',
      Action: 'String',
      SrcPod: 'String',
      DstPod: 'String',
      SrcWorkload: 'String',
      DstWorkload: 'String',
      EventId: 'UInt64',
    },
    maps: ['Attributes'],
    time: 'Timestamp',
  },
  dead_letters: {
    columns: { Source: 'String', ContentType: 'String', EventId: 'UInt64' },
    maps: [],
    time: 'Timestamp',
  },
  dead_letter_states: {
    columns: { LetterId: 'UInt64', State: 'String', EventId: 'UInt64' },
    maps: [],
    time: 'Timestamp',
  },
};

function equalsClause(
  name: string,
  dataset: Dataset,
  column: string,
  value: string | number,
  binder: Binder,
): string {
  const type = Object.hasOwn(dataset.columns, column) ? dataset.columns[column] : undefined;
  if (type === 'String') return `${column} = ${binder.bind('String', String(value))}`;
  if (type !== undefined) {
    // 64-bit numbers come as text, because JSON's numbers lose their last digits.
    const text = String(value);
    if (!(type === 'Float64' ? Number.isFinite(Number(text)) && text !== '' : /^\d{1,20}$/.test(text)))
      throw new ClewError(
        'unprocessable',
        `The filter compares ${column} with "${text}", which is not a number.`,
      );
    return `${column} = ${binder.bind(type, text)}`;
  }
  const dot = column.indexOf('.');
  const map = dataset.maps.find((candidate) => candidate === column.slice(0, dot));
  if (dot > 0 && map !== undefined) {
    const key = binder.bind('String', column.slice(dot + 1));
    return `${map}[${key}] = ${binder.bind('String', String(value))}`;
  }
  const known = [...Object.keys(dataset.columns), ...dataset.maps.map((candidate) => `${candidate}.<key>`)];
  throw new ClewError(
    'unprocessable',
    `The filter names the column "${column}", which ${name} does not offer; it offers ${known.join(', ')}.`,
    { details: { dataset: name, column, columns: known } },
  );
}

const serverSpan = "SpanKind IN ('Server', 'Consumer')";
const clientSpan = "SpanKind IN ('Client', 'Producer')";

function onlyClause(filter: RowFilter, binder: Binder): string {
  const { dataset, only } = filter;
  if (only === undefined) return '';
  if (only === 'errors' && dataset === 'otel_logs') return `SeverityNumber >= ${severityNumberError}`;
  if (dataset !== 'otel_traces') {
    throw new ClewError(
      'unprocessable',
      `The filter asks for only "${only}", which ${dataset} does not have.`,
      {
        details: { dataset, only },
      },
    );
  }
  if (only === 'errors') return statusError;
  if (only === 'server_spans') return serverSpan;
  if (only === 'client_spans') return clientSpan;
  if (filter.thresholdMs === undefined)
    throw new ClewError('unprocessable', 'The filter asks for only "slow" spans but gives no thresholdMs.');
  return `Duration >= ${binder.bind('UInt64', Math.round(filter.thresholdMs * 1e6))}`;
}

const byMinute: ReadonlySet<DetailTable> = new Set<DetailTable>(['otel_logs', 'otel_traces']);

/** The raw rows behind a fact, newest first, in the columns of their own table plus `at` in epoch milliseconds. */
export function rowFilterQuery(tenant: string, filter: RowFilter, limit: number): DetailQuery {
  const dataset = datasets[filter.dataset];
  const binder = createBinder();
  const clauses = Object.entries(filter.equals).map(([column, value]) =>
    equalsClause(filter.dataset, dataset, column, value, binder),
  );
  clauses.push(onlyClause(filter, binder));
  const window = byMinute.has(filter.dataset)
    ? inSignalWindow
    : inWindow.replaceAll(/\bTimestamp\b/g, dataset.time);
  const where = joinClauses(clauses, window);
  return {
    name: 'rows.by_filter',
    tenant,
    window: filter.window,
    params: binder.params,
    sql: `SELECT *, toUnixTimestamp64Milli(${dataset.time}) AS at
FROM ${filter.dataset}
WHERE ${where}
ORDER BY ${dataset.time} DESC, EventId DESC
LIMIT ${binder.bind('UInt32', limit)}`,
  };
}

export type RawRow = Record<string, unknown> & { at: number };

export async function readRows(
  detail: DetailStore,
  tenant: string,
  filter: RowFilter,
  limit: number,
): Promise<{ rows: RawRow[]; statistics: QueryStatistics }> {
  const result = await detail.query<Record<string, unknown>>(rowFilterQuery(tenant, filter, limit));
  return {
    rows: result.rows.map(({ Tenant: _tenant, ...row }) => ({ ...row, at: Number(row.at) })),
    statistics: result.statistics,
  };
}
