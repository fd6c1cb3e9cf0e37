import { instantOf } from '../bundle/fields.ts';
import { csvCells } from '../bundle/lines.ts';
import { type ForeignFile, type RowSink, unreadable } from './rows.ts';

const timeNames = /^(ts|time|timestamp|date|datetime|@timestamp)$/i;
const nameNames = /^(metric|metric_name|name|series|__name__|kpi)$/i;
const serviceNames = /^(service|service_name|resource|instance|host|hostname|pod|node|cmdb_id)$/i;
const valueNames = /^(value|val|v)$/i;

/**
 * A table of metrics: long (time, [service], metric, value) or wide (time, [service], one column a metric; `service.metric`
 * or `service:metric` names both). The service of a wide table without one is the file's name.
 */
export function importCsv({ name, text }: ForeignFile, sink: RowSink): void {
  const lines = text.split(/\r?\n/);
  const head = cellsOf(lines[0]?.replace(/^\uFEFF/, '') ?? '');
  const column = (names: RegExp) => head.findIndex((cell) => names.test(cell.trim()));
  const [time, metric, service, value] = [timeNames, nameNames, serviceNames, valueNames].map(column) as [
    number,
    number,
    number,
    number,
  ];
  if (time < 0)
    throw unreadable(
      name,
      'line 1',
      `no column is a time; its columns are ${head.join(', ').slice(0, 200)}.`,
    );
  const fallback = name.replace(/^.*[\\/]/, '').replace(/\.(csv|tsv|txt)(\.gz)?$/i, '');
  const wide = head
    .map((title, index) => ({ title: title.trim(), index }))
    .filter(({ index }) => index !== time && index !== service && (metric < 0 || index === value));
  for (const [index, line] of lines.entries()) {
    if (index === 0 || line.trim() === '') continue;
    const cells = cellsOf(line);
    const at = instantOf(cells[time] ?? '');
    if (at === null)
      throw unreadable(
        name,
        `line ${index + 1}, field "${head[time]}"`,
        `"${cells[time] ?? ''}" is not a time.`,
      );
    for (const { title, index: place } of wide) {
      const number = numberOf(cells[place]);
      if (number === undefined)
        throw unreadable(
          name,
          `line ${index + 1}, field "${title}"`,
          `"${cells[place] ?? ''}" is not a number.`,
        );
      if (number === null) continue;
      const [of, what] = metric < 0 ? split(title) : ['', cells[metric] ?? title];
      sink.metric(at, (service < 0 ? of : cells[service]) || of || fallback, what, number);
    }
  }
}

/** `checkout:latency` is the latency of checkout; a name without a part before it belongs to the file. */
function split(title: string): [string, string] {
  const [, service, metric] = /^([^:{}]+):(.+)$/.exec(title) ?? [];
  return service === undefined || metric === undefined ? ['', title] : [service, metric];
}

/** Undefined for what is no number; null where there is none. */
function numberOf(cell: string | undefined): number | null | undefined {
  const text = cell?.trim() ?? '';
  if (text === '' || /^[+-]?(nan|null|none|inf(inity)?)$/i.test(text)) return null;
  const number = Number(text);
  return Number.isNaN(number) ? undefined : number;
}

const cellsOf = (line: string): string[] =>
  csvCells(line, !line.includes(',') && line.includes('\t') ? '\t' : ',');
