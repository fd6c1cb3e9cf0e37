import { type DetailTable, type RowFilter, severityNumberError } from '../model/index.ts';
import { shapePatternId } from '../query/index.ts';

/** Attribute maps of the detail tables whose keys the console filters by as `attr`. */
const attributeMaps = new Set(['ResourceAttributes', 'LogAttributes', 'SpanAttributes', 'Attributes']);

const metricTables = new Set<DetailTable>(['metric_series', 'metric_samples', 'metric_histograms']);
/** Either side of a change, milliseconds: what was before it and what came of it. */
const aroundChangeMs = 600_000;
/** Before and after points of a metric: it is kept a minute a point, and a line needs what was usual. */
const aroundMetricMs = { before: 1_800_000, after: 300_000 };

/**
 * The console page that shows the rows of a filter: spans under /traces (one trace: its waterfall), points of metrics under
 * /series, changes on the first page at their time, everything else beside the logs of the same service and time.
 */
export function consolePath(filter: RowFilter): string {
  const trace = filter.equals.TraceId;
  if (trace !== undefined) return `/traces/${encodeURIComponent(String(trace))}`;
  const query = new URLSearchParams();
  const service = filter.equals.ServiceName ?? filter.equals.Service;
  if (service !== undefined) query.set('service', String(service));
  query.set('from', String(Math.floor(filter.window.from)));
  query.set('to', String(Math.ceil(filter.window.to)));
  if (metricTables.has(filter.dataset)) {
    if (filter.equals.MetricName !== undefined) query.set('metric', String(filter.equals.MetricName));
    query.set('from', String(Math.max(0, Math.floor(filter.window.from) - aroundMetricMs.before)));
    query.set('to', String(Math.ceil(filter.window.to) + aroundMetricMs.after));
    return `/series?${query}`;
  }
  if (filter.dataset === 'change_events') return aroundChange(filter);
  const spans = filter.dataset === 'otel_traces' || filter.dataset === 'metric_exemplars';
  if (spans) spanQuery(filter, query);
  else logQuery(filter, query);
  for (const [column, value] of Object.entries(filter.equals)) {
    const dot = column.indexOf('.');
    if (dot > 0 && attributeMaps.has(column.slice(0, dot)))
      query.append('attr', `${column.slice(dot + 1)}=${value}`);
  }
  return `/${spans ? 'traces' : 'logs'}?${query}`;
}

function aroundChange({ window }: RowFilter): string {
  const from = Math.max(0, Math.floor(window.from) - aroundChangeMs);
  const to = Math.ceil(window.to) + aroundChangeMs;
  return `/?from=${from}&to=${to}`;
}

function spanQuery(filter: RowFilter, query: URLSearchParams): void {
  const operation = filter.equals.SpanName;
  if (operation !== undefined) query.set('operation', String(operation));
  if (filter.only === 'errors' || filter.equals.StatusCode === 'Error') query.set('status', 'error');
  if (filter.only === 'slow' && filter.thresholdMs !== undefined)
    query.set('min_ms', String(Math.floor(filter.thresholdMs * 100) / 100));
}

function logQuery(filter: RowFilter, query: URLSearchParams): void {
  const severity = filter.equals.SeverityText;
  const number = filter.equals.SeverityNumber;
  if (severity !== undefined) query.set('severity', String(severity));
  else if (filter.only === 'errors' || (typeof number === 'number' && number >= severityNumberError))
    query.set('severity', 'ERROR');
  if (filter.equals.Shape !== undefined) query.set('pattern', shapePatternId(String(filter.equals.Shape)));
}
