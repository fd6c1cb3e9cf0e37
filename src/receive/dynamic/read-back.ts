import { layoutOf, tableAttribute } from './record.ts';
import type { Column, TableSchema } from './schema.ts';

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const named = (name: string): string => `\`${name.replaceAll('`', '')}\``;

const typed = (column: Column, text: string): string =>
  column.type === 'double'
    ? `toFloat64OrNull(${text})`
    : column.type === 'bigint'
      ? `toInt64OrNull(${text})`
      : column.type === 'boolean'
        ? `${text} = 'true'`
        : text;

/** Statements for POST /api/v1/sql that read a table back with its own columns. */
export function readBack(schema: TableSchema): { logs: string; metrics?: string } {
  const logs = logsSql(schema);
  const hasNumbers = schema.columns.some(({ type }) => type === 'double' || type === 'bigint');
  return hasNumbers ? { logs, metrics: metricsSql(schema) } : { logs };
}

function logsSql(schema: TableSchema): string {
  const { roleOf } = layoutOf(schema, 'logs');
  const places = {
    time: 'Timestamp',
    service: 'ServiceName',
    host: "ResourceAttributes['host.name']",
    trace: 'TraceId',
    span: 'SpanId',
    message: 'Body',
    severity: 'SeverityText',
    metric: "''",
  };
  const columns = schema.columns.map((column) => {
    const role = roleOf.get(column.name);
    const place = role === undefined ? attribute(column, 'LogAttributes') : places[role];
    return `${place} AS ${named(column.name)}`;
  });
  return `SELECT ${columns.join(', ')} FROM otel_logs WHERE LogAttributes['${tableAttribute}'] = ${quoted(schema.table)} ORDER BY Timestamp DESC LIMIT 100`;
}

/** A column of labels is the whole map: its names are not known before. */
const attribute = (column: Column, map: string): string =>
  column.type === 'jsonb' ? map : typed(column, `${map}[${quoted(column.name)}]`);

function metricsSql(schema: TableSchema): string {
  const { roleOf } = layoutOf(schema, 'metrics');
  const numbers = schema.columns.filter(({ type }) => type === 'double' || type === 'bigint');
  const columns = schema.columns.flatMap((column) => {
    const role = roleOf.get(column.name);
    if (numbers.includes(column) || role === 'trace' || role === 'span' || role === 'metric') return [];
    const place =
      role === 'time'
        ? 'Timestamp'
        : role === 'service'
          ? 'ServiceName'
          : role === 'host'
            ? "Resource['host.name']"
            : attribute(column, 'Labels');
    return [`${place} AS ${named(column.name)}`];
  });
  return `SELECT ${[...columns, 'MetricName AS metric', 'Value AS value'].join(', ')} FROM metric_samples INNER JOIN (SELECT SeriesId, any(Attributes) AS Labels, any(ResourceAttributes) AS Resource FROM metric_series WHERE Attributes['${tableAttribute}'] = ${quoted(schema.table)} GROUP BY SeriesId) AS series USING SeriesId ORDER BY Timestamp DESC LIMIT 100`;
}
