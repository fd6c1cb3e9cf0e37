/** Raw rows as a table: columns that tell something first, those that are empty in every row left out. */
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

const place = (column: string): number => {
  const at = leading.indexOf(column);
  return at < 0 ? leading.length : at;
};

export function tableOf(rows: readonly Record<string, unknown>[]): RowsAsTable {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const columns = names
    .filter((name) => rows.some((row) => cellText(row[name]) !== ''))
    .map((name, i) => ({ name, i }))
    .sort((a, b) => place(a.name) - place(b.name) || a.i - b.i)
    .map((column) => column.name);
  const lines = rows.map((row, i) => ({
    key: `${i} ${cellText(row.EventId)}`,
    cells: columns.map((column) => cellText(row[column])),
  }));
  return { columns, lines };
}
