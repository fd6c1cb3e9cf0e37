import { formatMs } from './format.ts';

/**
 * Raw rows as a table: columns that tell something first; left out is what is empty in every row, and `at` where the time
 * stands in full beside it.
 */
const leading = [
  'at',
  'Timestamp',
  'ServiceName',
  'SeverityText',
  'Body',
  'SpanName',
  'Duration',
  'StatusCode',
  'StatusMessage',
  'Value',
];

export interface RowsAsTable {
  columns: string[];
  lines: { key: string; cells: string[] }[];
}

export function cellText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'object') {
    const text = JSON.stringify(value);
    return text === '{}' || text === '[]' ? '' : text;
  }
  return String(value);
}

/** Of spans in nanoseconds, which nobody reads. */
const durationText = (value: unknown): string => {
  const ns = Number(value);
  return cellText(value) === '' || !Number.isFinite(ns) ? cellText(value) : formatMs(ns / 1e6);
};

const place = (column: string): number => {
  const at = leading.indexOf(column);
  return at < 0 ? leading.length : at;
};

export function tableOf(rows: readonly Record<string, unknown>[]): RowsAsTable {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const columns = names
    .filter((name) => rows.some((row) => cellText(row[name]) !== ''))
    .filter((name) => name !== 'at' || !names.includes('Timestamp'))
    .map((name, i) => ({ name, i }))
    .sort((a, b) => place(a.name) - place(b.name) || a.i - b.i)
    .map((column) => column.name);
  const lines = rows.map((row, i) => ({
    key: `${i} ${cellText(row.EventId)}`,
    cells: columns.map((column) =>
      column === 'Duration' ? durationText(row[column]) : cellText(row[column]),
    ),
  }));
  return { columns, lines };
}
