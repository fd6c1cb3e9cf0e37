import { isoNanoseconds } from '../iso-time.ts';
import { flattenInto, isRecord, jsonText, RecordError, shown } from '../json.ts';
import type { Pair } from '../log-sink.ts';
import type { Column, TableSchema } from './schema.ts';

/** Names that say what a column is, in the order in which they are looked for. */
const roles = {
  time: ['time', 'timestamp', 'ts', '@timestamp', 'event_time'],
  service: ['service_name', 'service.name', 'service', 'app', 'application'],
  host: ['host', 'hostname', 'host.name', 'node'],
  trace: ['trace_id', 'traceid', 'trace.id'],
  span: ['span_id', 'spanid', 'span.id'],
  message: ['message', 'msg', 'body', 'log'],
  severity: ['level', 'severity', 'severity_text', 'loglevel'],
  metric: ['metric', 'metric_name'],
} as const;
type Role = keyof typeof roles;

/** Attributes of one record; a jsonb of more names is no set of labels. */
const pairsMax = 128;
export const tableAttribute = 'clew.table';

/** A table's columns by what they are; made once for a request. */
export interface Layout {
  schema: TableSchema;
  columns: ReadonlyMap<string, Column>;
  roleOf: ReadonlyMap<string, Role>;
}

/** One record after its check, ready for either kind of table. */
export interface Values {
  /** 0n without. */
  timeNs: bigint;
  role(role: Role): string;
  numbers: { column: Column; value: number }[];
  /** Every other column, the fields of jsonb under dotted names; those of `labels` under their own. */
  pairs: Pair[];
}

export function layoutOf(schema: TableSchema, kind: 'metrics' | 'logs'): Layout {
  const roleOf = new Map<string, Role>();
  const take = (role: Role, type: Column['type']) => {
    for (const name of roles[role]) {
      const column = schema.columns.find((each) => each.name === name && each.type === type);
      if (column === undefined || roleOf.has(name)) continue;
      roleOf.set(name, role);
      return;
    }
  };
  take('time', 'timestamp');
  const first = schema.columns.find(({ type }) => type === 'timestamp');
  if (first !== undefined && ![...roleOf.values()].includes('time')) roleOf.set(first.name, 'time');
  for (const role of ['service', 'host', 'trace', 'span'] as const) take(role, 'text');
  if (kind === 'metrics') take('metric', 'text');
  else for (const role of ['message', 'severity'] as const) take(role, 'text');
  return { schema, roleOf, columns: new Map(schema.columns.map((column) => [column.name, column])) };
}

/** Checks one record field by field; throws RecordError that names the field. */
export function readRecord(value: unknown, layout: Layout): Values {
  if (!isRecord(value)) throw new RecordError(`it is ${shown(value)}, an object is needed`);
  const { schema, columns, roleOf } = layout;
  const byRole = new Map<Role, string>();
  const numbers: Values['numbers'] = [];
  const pairs: Pair[] = [[tableAttribute, schema.table]];
  let timeNs = 0n;
  for (const [name, item] of Object.entries(value)) {
    const column = columns.get(name);
    if (column === undefined)
      throw new RecordError(
        `${name.slice(0, 128)} is no column of ${schema.table} (version ${schema.version})`,
      );
    if (item === null) continue;
    const role = roleOf.get(name);
    const text = textOf(column, item);
    if (role === 'time') timeNs = BigInt(text);
    else if (role !== undefined) byRole.set(role, text);
    else if (column.type === 'jsonb') addJson(column, item, pairs);
    else pairs.push([name, column.type === 'timestamp' ? isoOf(BigInt(text)) : text]);
    if (column.type === 'double' || column.type === 'bigint') numbers.push({ column, value: numberOf(text) });
  }
  for (const { name, required } of schema.columns)
    if (required && (value[name] === undefined || value[name] === null))
      throw new RecordError(`${name} is missing`);
  if (pairs.length > pairsMax)
    throw new RecordError(`it has ${pairs.length} attributes, the limit is ${pairsMax}`);
  return { timeNs, role: (role) => byRole.get(role) ?? '', numbers, pairs };
}

function addJson(column: Column, item: unknown, pairs: Pair[]): void {
  if (isRecord(item))
    flattenInto(item, column.name === 'labels' ? '' : `${column.name}.`, pairs, pairsMax + 1);
  else pairs.push([column.name, jsonText(item)]);
}

/** A checked value as text; a timestamp as nanoseconds since 1970. */
function textOf({ name, type }: Column, item: unknown): string {
  const wrong = (needed: string): RecordError =>
    new RecordError(`${name} is ${shown(item)}, ${needed} is needed`);
  switch (type) {
    case 'timestamp': {
      const ns = nanosecondsOf(item);
      if (ns === undefined) throw wrong('a timestamp (RFC 3339, or seconds to nanoseconds since 1970)');
      return ns.toString();
    }
    case 'double':
      if (typeof item === 'number' || item === 'NaN' || item === '+Inf' || item === '-Inf')
        return String(item);
      throw wrong('a double (a number, "NaN", "+Inf" or "-Inf")');
    case 'bigint':
      if (Number.isSafeInteger(item) || (typeof item === 'string' && isBigint(item))) return String(item);
      if (Number.isInteger(item)) throw wrong('a bigint beyond 2^53 as a string');
      throw wrong('a bigint (a whole number)');
    case 'boolean':
      if (typeof item === 'boolean') return String(item);
      throw wrong('a boolean');
    case 'text':
      if (typeof item === 'string') return item;
      throw wrong('a text');
    case 'jsonb':
      return '';
  }
}

const isBigint = (text: string): boolean =>
  /^-?\d{1,19}$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);

const numberOf = (text: string): number =>
  text === '+Inf' ? Number.POSITIVE_INFINITY : text === '-Inf' ? Number.NEGATIVE_INFINITY : Number(text);

/** By their size: seconds up to 1e11 (the year 5138), then milliseconds, microseconds, nanoseconds. */
function nanosecondsOf(item: unknown): bigint | undefined {
  if (typeof item === 'number') {
    if (!Number.isFinite(item) || item < 0) return undefined;
    if (item < 1e11) return BigInt(Math.round(item * 1e6)) * 1_000n;
    if (item < 1e14) return BigInt(Math.round(item * 1e3)) * 1_000n;
    return item < 1e17
      ? BigInt(Math.round(item)) * 1_000n
      : item < 9e18
        ? BigInt(Math.round(item))
        : undefined;
  }
  if (typeof item !== 'string') return undefined;
  if (/^\d{1,19}$/.test(item)) {
    const whole = BigInt(item);
    const scale = [100_000_000_000n, 100_000_000_000_000n, 100_000_000_000_000_000n].findIndex(
      (end) => whole < end,
    );
    return whole * ([1_000_000_000n, 1_000_000n, 1_000n][scale] ?? 1n);
  }
  const ns = isoNanoseconds(item);
  return ns !== undefined && ns >= 0n ? ns : undefined;
}

const isoOf = (ns: bigint): string => {
  const ms = Number(ns / 1_000_000n);
  return Number.isFinite(ms) && ms < 8.64e15 ? new Date(ms).toISOString() : ns.toString();
};
