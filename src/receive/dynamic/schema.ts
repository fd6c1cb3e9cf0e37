import { z } from 'zod';
import { ClewError } from '../../lib/index.ts';

/** Types of columns, as PostgreSQL and the source of the format call them. */
export const columnTypes = ['timestamp', 'double', 'bigint', 'boolean', 'text', 'jsonb'] as const;
export type ColumnType = (typeof columnTypes)[number];

export interface Column {
  name: string;
  type: ColumnType;
  /** A record without it is refused. */
  required: boolean;
  /** Of a number: `ms`, `By`, `1`; '' when unknown. */
  unit: string;
}

export interface TableSchema {
  table: string;
  version: number;
  columns: Column[];
  /** There without being registered. */
  builtin: boolean;
}

const columnsMax = 200;
/** A list that is wrong throughout need not be answered in full. */
const issuesMax = 10;

/** What other stores call the same. */
const aliases: Readonly<Record<string, ColumnType>> = {
  timestamptz: 'timestamp',
  datetime: 'timestamp',
  'double precision': 'double',
  float: 'double',
  float64: 'double',
  real: 'double',
  int: 'bigint',
  integer: 'bigint',
  int64: 'bigint',
  long: 'bigint',
  bool: 'boolean',
  string: 'text',
  varchar: 'text',
  json: 'jsonb',
  map: 'jsonb',
};

const typeName = z.string().transform((text, context): ColumnType => {
  const name = text.trim().toLowerCase();
  const type = columnTypes.find((each) => each === name) ?? aliases[name];
  if (type !== undefined) return type;
  context.addIssue(
    `type ${JSON.stringify(text.slice(0, 40))} is unknown; there are ${columnTypes.join(', ')}`,
  );
  return z.NEVER;
});

const tableName = z
  .string()
  .regex(/^[a-z_][a-z0-9_]{0,62}$/, 'up to 63 lower-case letters, digits and underscores, no digit first');
const registration = z.strictObject({
  table: tableName,
  columns: z
    .array(
      z.strictObject({
        name: z
          .string()
          .regex(/^[A-Za-z_@][\w.@-]{0,127}$/, 'up to 128 letters, digits and _ . @ -, a letter first'),
        type: typeName,
        required: z.boolean().default(false),
        unit: z.string().max(64).default(''),
      }),
    )
    .min(1)
    .max(columnsMax),
});

/** `{"table": …, "columns": […]}`; the table may stand in the address instead. Throws `bad_request` that names the field. */
export function parseRegistration(
  body: unknown,
  table: string | undefined,
): Pick<TableSchema, 'table' | 'columns'> {
  const given =
    typeof body === 'object' && body !== null ? { ...(table === undefined ? {} : { table }), ...body } : body;
  const parsed = registration.safeParse(given);
  if (!parsed.success) {
    const issues = parsed.error.issues
      .slice(0, issuesMax)
      .map((issue) => `${issue.path.map(String).join('.') || '(body)'}: ${issue.message}`);
    throw new ClewError('bad_request', `The schema is not valid: ${issues.join('; ')}`, {
      details: { issues },
    });
  }
  const names = new Set<string>();
  for (const [index, { name }] of parsed.data.columns.entries()) {
    if (names.has(name))
      throw new ClewError(
        'bad_request',
        `The schema is not valid: columns.${index}.name: ${name} is there twice`,
      );
    names.add(name);
  }
  return parsed.data;
}

/**
 * What a second registration changes: null for nothing, else the columns of the next version. Columns may be added, and may
 * stop being required; all else would make records unreadable that were written before. Throws `schema_conflict`.
 */
export function nextColumns(known: TableSchema, columns: readonly Column[]): Column[] | null {
  const refuse = (field: string, why: string): never => {
    throw new ClewError('schema_conflict', `The column ${field} of the table ${known.table} ${why}.`, {
      details: { table: known.table, version: known.version, field },
    });
  };
  let changed = false;
  for (const before of known.columns) {
    const now = columns.find(({ name }) => name === before.name);
    if (now === undefined) return refuse(before.name, 'is missing; a registered column stays');
    if (now.type !== before.type)
      return refuse(before.name, `is registered as ${before.type}, not ${now.type}`);
    if (now.required && !before.required)
      return refuse(before.name, 'can not become required: records without it exist');
    changed ||= now.required !== before.required || now.unit !== before.unit;
  }
  for (const column of columns) {
    if (known.columns.some(({ name }) => name === column.name)) continue;
    if (column.required)
      return refuse(column.name, 'is new and can not be required: records without it exist');
    changed = true;
  }
  return changed ? [...columns] : null;
}

const column = (name: string, type: ColumnType, required = false): Column => ({
  name,
  type,
  required,
  unit: '',
});

/** Tables that are there from the start; registering one under its name replaces it. */
export const builtinTables: readonly TableSchema[] = [
  {
    table: 'metrics_events',
    version: 0,
    builtin: true,
    columns: [
      column('time', 'timestamp'),
      column('app', 'text'),
      column('host', 'text'),
      column('labels', 'jsonb'),
      column('value', 'double', true),
      column('trace_id', 'text'),
      column('level', 'text'),
    ],
  },
  {
    table: 'logs_events',
    version: 0,
    builtin: true,
    columns: [
      column('timestamp', 'timestamp'),
      column('app', 'text'),
      column('host', 'text'),
      column('trace_id', 'text'),
      column('message', 'text', true),
      column('labels', 'jsonb'),
    ],
  },
];
