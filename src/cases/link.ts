import { type RowFilter, severityNumberError } from '../model/index.ts';

/** Attribute maps of the detail tables whose keys the console filters by as `attr`. */
const attributeMaps = new Set(['ResourceAttributes', 'LogAttributes', 'SpanAttributes', 'Attributes']);

/**
 * The console page that shows the rows of a filter: spans under /traces (one trace: its waterfall), everything else
 * beside the logs of the same service and time, where changes are marked too.
 */
export function consolePath(filter: RowFilter): string {
  const trace = filter.equals.TraceId;
  if (trace !== undefined) return `/traces/${encodeURIComponent(String(trace))}`;
  const query = new URLSearchParams();
  const service = filter.equals.ServiceName ?? filter.equals.Service;
  if (service !== undefined) query.set('service', String(service));
  query.set('from', String(Math.floor(filter.window.from)));
  query.set('to', String(Math.ceil(filter.window.to)));
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

function spanQuery(filter: RowFilter, query: URLSearchParams): void {
  const operation = filter.equals.SpanName;
  if (operation !== undefined) query.set('operation', String(operation));
  if (filter.only === 'errors' || filter.equals.StatusCode === 'Error') query.set('status', 'error');
  if (filter.only === 'slow' && filter.thresholdMs !== undefined)
    query.set('min_ms', String(filter.thresholdMs));
}

function logQuery(filter: RowFilter, query: URLSearchParams): void {
  const severity = filter.equals.SeverityText;
  const number = filter.equals.SeverityNumber;
  if (severity !== undefined) query.set('severity', String(severity));
  else if (filter.only === 'errors' || (typeof number === 'number' && number >= severityNumberError))
    query.set('severity', 'ERROR');
}
