import { ClewError } from '../lib/index.ts';
import type { Capability, LedgerCapabilities, Queryable } from './contract.ts';

/** date_bin, MERGE-free upserts and `GRANT CREATE` on the schema: the oldest server that the tests run on. */
const serverVersionMin = 150_000;

/** Of Debian's postgresql-contrib; indexes of the first migration need them. */
const required = ['pg_trgm', 'btree_gist', 'pgcrypto'];

interface Optional {
  extension: string;
  shown: string;
  missing: string;
  /** What is done where it is missing. */
  instead: string;
}

const optional: readonly Optional[] = [
  {
    extension: 'vector',
    shown: 'pgvector',
    missing: 'this engine has none: knowledge is found by words only.',
    instead: 'knowledge is found by words only',
  },
  {
    extension: 'timescaledb',
    shown: 'TimescaleDB',
    missing:
      'this engine has none: time series are native range partitions, which the job ledger-maintenance makes and drops.',
    instead: 'time series are native range partitions, which the job ledger-maintenance makes and drops',
  },
  {
    extension: 'age',
    shown: 'AGE',
    missing: 'this engine has none: there is no Cypher; the graph is asked by SQL.',
    instead: 'there is no Cypher; the graph is asked by SQL',
  },
];

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

async function identity(queryable: Queryable): Promise<{ role: string; database: string }> {
  const [row] = await queryable.query<{ role: string; database: string }>(
    'SELECT current_user::text AS role, current_database()::text AS database',
  );
  return row ?? { role: '', database: '' };
}

const mayNot = (error: unknown): boolean => (error as { code?: string }).code === '42501';

/** Checks what the migrations can't do without, and creates what can be. Throws with the SQL that a superuser must run. */
export async function requireServer(queryable: Queryable): Promise<void> {
  const [server] = await queryable.query<{ version: number; shown: string; may_create: boolean }>(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS shown,
            has_schema_privilege('public', 'CREATE') AS may_create`,
  );
  if ((server?.version ?? 0) < serverVersionMin)
    throw new ClewError(
      'unprocessable',
      `The ledger needs PostgreSQL ${serverVersionMin / 10_000} or newer; the server of ledger.url is ${server?.shown}.`,
    );
  const { role, database } = await identity(queryable);
  if (!server?.may_create)
    throw new ClewError(
      'forbidden',
      `The role ${role} may not create tables. As a superuser run in database ${database}: GRANT CREATE, USAGE ON SCHEMA public TO ${quoted(role)};`,
    );
  await requireExtensions(queryable, role, database);
}

async function requireExtensions(queryable: Queryable, role: string, database: string): Promise<void> {
  const found = await extensions(queryable, required);
  const absent = required.filter((name) => !found.has(name));
  if (absent.length > 0)
    throw new ClewError(
      'unprocessable',
      `The PostgreSQL server lacks the extensions ${absent.join(', ')}: install the package postgresql-contrib there.`,
    );
  const refused: string[] = [];
  for (const name of required) {
    if (found.get(name)?.installed != null) continue;
    try {
      await queryable.query(`CREATE EXTENSION IF NOT EXISTS ${name}`);
    } catch (error) {
      if (!mayNot(error)) throw error;
      refused.push(name);
    }
  }
  if (refused.length > 0)
    throw new ClewError(
      'forbidden',
      `The role ${role} may not create the extensions ${refused.join(', ')}. As a superuser run in database ${database}: ${refused.map((name) => `CREATE EXTENSION IF NOT EXISTS ${name};`).join(' ')}`,
    );
}

interface Extension {
  /** Version in this database; null when it is not created. */
  installed: string | null;
}

async function extensions(queryable: Queryable, names: readonly string[]): Promise<Map<string, Extension>> {
  const rows = await queryable.query<{ name: string; installed: string | null }>(
    `SELECT name::text, installed_version AS installed FROM pg_available_extensions WHERE name = ANY($1::text[])`,
    [names],
  );
  return new Map(rows.map((row) => [row.name, { installed: row.installed }]));
}

/** TimescaleDB ends the connection of whoever creates it where the server did not load it at its start. */
export async function timescalePreloaded(queryable: Queryable): Promise<boolean> {
  const rows = await queryable.query<{ loaded: boolean }>(
    `SELECT current_setting('timescaledb.max_background_workers', true) IS NOT NULL AS loaded`,
  );
  return rows[0]?.loaded === true;
}

/**
 * Creates what a server offers and the database has not, before the migrations: where AGE is loaded at the server's start
 * but not created, no table can be dropped. Answers what could not be created, and why.
 */
export async function createOptional(queryable: Queryable): Promise<Capability[]> {
  const { database } = await identity(queryable);
  const found = await extensions(
    queryable,
    optional.map(({ extension }) => extension),
  );
  const refused: Capability[] = [];
  for (const part of optional) {
    if (found.get(part.extension)?.installed !== null) continue;
    const reason = await create(queryable, part, database);
    if (reason !== null) refused.push(absent(part.shown, reason));
  }
  return refused;
}

/** Says of each optional part whether it is there, and what is done instead. */
export async function askCapabilities(
  queryable: Queryable,
  embedded: boolean,
  refused: readonly Capability[],
): Promise<LedgerCapabilities> {
  const found = await extensions(
    queryable,
    optional.map(({ extension }) => extension),
  );
  const list: Capability[] = [];
  for (const part of optional) {
    const there = found.get(part.extension);
    if (embedded && part.extension === 'age') list.push(besideLedger);
    else if (there?.installed != null) list.push(present(part.shown, there.installed));
    else list.push(refused.find(({ name }) => name === part.shown) ?? absent(part.shown, part.missing));
  }
  const has = (shown: string) => list.some(({ name, present }) => name === shown && present);
  if (has('TimescaleDB')) list.push(...(await timescaleParts(queryable)));
  const versions = await queryable.query<{ version: string }>(
    `SELECT current_setting('server_version') AS version`,
  );
  return {
    embedded,
    version: versions[0]?.version ?? '',
    timescale: has('TimescaleDB'),
    compression: has('compression of hypertables'),
    vector: has('pgvector'),
    age: list.some(({ name, version }) => name === 'AGE' && version !== null),
    rowSecurity: false,
    list,
  };
}

const besideLedger: Capability = {
  name: 'AGE',
  present: true,
  version: null,
  trouble: false,
  message: 'Cypher is answered by an engine of its own beside the ledger',
};

export const present = (name: string, version: string | null = null): Capability => ({
  name,
  present: true,
  version,
  trouble: false,
  message: version === null ? 'there' : `version ${version}`,
});

export const absent = (name: string, message: string, trouble = false): Capability => ({
  name,
  present: false,
  version: null,
  trouble,
  message,
});

/** Null when it is there now; otherwise why not, and what is done instead. */
async function create(queryable: Queryable, part: Optional, database: string): Promise<string | null> {
  const sql = `CREATE EXTENSION IF NOT EXISTS ${part.extension};`;
  if (part.extension === 'timescaledb' && !(await timescalePreloaded(queryable)))
    return `it is installed, but the server does not load it (shared_preload_libraries): ${part.instead}.`;
  try {
    await queryable.query(sql);
    return null;
  } catch (error) {
    const who = mayNot(error)
      ? `As a superuser run in database ${database}: ${sql}`
      : (error as Error).message;
    return `it is installed, but could not be created here: ${part.instead}. ${who}`;
  }
}

/** Compression and policies are licensed parts: the Apache edition has hypertables without them. */
async function timescaleParts(queryable: Queryable): Promise<Capability[]> {
  const [row] = await queryable.query<{ license: string | null; tables: string[] }>(
    `SELECT current_setting('timescaledb.license', true) AS license,
            coalesce((SELECT array_agg(hypertable_name::text ORDER BY 1) FROM timescaledb_information.hypertables
                       WHERE compression_enabled), '{}') AS tables`,
  );
  const compressed = row?.tables ?? [];
  const community = row?.license === 'timescale';
  const edition = `this TimescaleDB is of the Apache edition (timescaledb.license = ${row?.license ?? 'unknown'})`;
  return [
    compressed.length > 0
      ? { ...present('compression of hypertables'), message: `on for ${compressed.join(', ')}` }
      : absent(
          'compression of hypertables',
          community ? 'no table of the ledger is compressed.' : `${edition}: tables stay as they are.`,
        ),
    community
      ? { ...present('retention policies of TimescaleDB'), message: 'chunks are dropped by policies' }
      : absent(
          'retention policies of TimescaleDB',
          `${edition}: the job ledger-maintenance drops chunks beyond their retention.`,
        ),
  ];
}
