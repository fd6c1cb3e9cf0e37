import { listOf, oneOf, textOf } from './url.ts';

/** What the log list is narrowed to. Names are the API's; `attr` is `key=value`, `!key=value` excludes. */
export interface LogFilter {
  service?: string[];
  severity?: string[];
  q?: string;
  trace_id?: string;
  pattern?: string;
  attr?: string[];
}

export interface LogSearch extends LogFilter {
  tab?: 'patterns';
  /** The opened line. */
  line?: string;
}

export function parseLogSearch(raw: Record<string, unknown>): LogSearch {
  return dropUndefined({
    service: listOf(raw.service),
    severity: listOf(raw.severity)?.map((text) => text.toUpperCase().replace(/^!?/, (mark) => mark)),
    q: textOf(raw.q),
    trace_id: textOf(raw.trace_id),
    pattern: textOf(raw.pattern),
    attr: listOf(raw.attr),
    tab: oneOf(raw.tab, ['patterns'] as const),
    line: textOf(raw.line),
  });
}

export function dropUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as T;
}

/** One removable filter as it is shown. */
export interface Chip {
  field: keyof LogFilter;
  /** Value as it stands in the URL. */
  value: string;
  key: string;
  text: string;
  excludes: boolean;
}

function chipOf(field: keyof LogFilter, value: string): Chip {
  const excludes = value.startsWith('!');
  const bare = excludes ? value.slice(1) : value;
  if (field !== 'attr') return { field, value, key: field === 'q' ? 'text' : field, text: bare, excludes };
  const cut = bare.indexOf('=');
  return { field, value, key: bare.slice(0, cut), text: bare.slice(cut + 1), excludes };
}

const fields = ['service', 'severity', 'q', 'trace_id', 'pattern', 'attr'] as const;

export const chipsOf = (filter: LogFilter): Chip[] =>
  fields.flatMap((field) => (listOf(filter[field]) ?? []).map((value) => chipOf(field, value)));

const isList = (field: keyof LogFilter): field is 'service' | 'severity' | 'attr' =>
  field === 'service' || field === 'severity' || field === 'attr';

export function without(filter: LogFilter, chip: Pick<Chip, 'field' | 'value'>): LogFilter {
  if (!isList(chip.field)) return { ...filter, [chip.field]: undefined };
  const rest = (filter[chip.field] ?? []).filter((value) => value !== chip.value);
  return { ...filter, [chip.field]: rest.length === 0 ? undefined : rest };
}

/**
 * A clicked value: included (or excluded) if it was not, dropped if it was. Including and excluding the same value
 * replace each other.
 */
export function toggled(filter: LogFilter, key: string, value: string, exclude: boolean): LogFilter {
  const field = key === 'service' || key === 'severity' ? key : 'attr';
  const bare = field === 'attr' ? `${key}=${value}` : value;
  const wanted = exclude ? `!${bare}` : bare;
  const opposite = exclude ? bare : `!${bare}`;
  const current = filter[field] ?? [];
  const next = current.includes(wanted)
    ? current.filter((each) => each !== wanted)
    : [...current.filter((each) => each !== opposite), wanted];
  return { ...filter, [field]: next.length === 0 ? undefined : next };
}

/** How a value stands in the filter: included, excluded or neither. */
export function standing(filter: LogFilter, key: string, value: string): 'in' | 'out' | undefined {
  const field = key === 'service' || key === 'severity' ? key : 'attr';
  const bare = field === 'attr' ? `${key}=${value}` : value;
  if (filter[field]?.includes(bare)) return 'in';
  return filter[field]?.includes(`!${bare}`) ? 'out' : undefined;
}

export const hasFilter = (filter: LogFilter): boolean => chipsOf(filter).length > 0;
