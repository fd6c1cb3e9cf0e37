import { ClewError, type Clock } from '../lib/index.ts';
import { detailTables } from '../model/index.ts';
import type { TableResult } from './contract.ts';
import type { Engine } from './engine.ts';
import { EngineError } from './engine-error.ts';
import {
  type EngineAnswer,
  limitSettings,
  type QueryLimits,
  runBounded,
  statisticsOf,
  timed,
} from './query.ts';
import { checkTokens } from './sql-tokens.ts';

/** Longest statement of a user; longer ones are generated and belong into the API. */
const sqlCharsMax = 65_536;

/** Table functions that read nothing but their arguments. */
const harmlessTableFunctions = new Set(['numbers', 'zeros', 'generateseries', 'generate_series', 'values']);

/** Functions that reach outside the row: files of the host, other tables past the filter, the server's settings, waiting. */
const refusedFunctions =
  /^(file|filesystem.*|sleep.*|dict.*|joinget.*|hascolumnintable|getsetting.*|getserversetting|getserverport|getmacro|getosk.*|hostname|fqdn|showcertificate|catboostevaluate|throwif|addressto.*|serveruuid|tcpport|uptime|currentuser|user|currentroles|enabledroles|defaultroles|currentprofiles|enabledprofiles|defaultprofiles|ai.*|executable.*|zookeeper.*|mergetree.*|transaction.*|getclienthttpheader|displayname|initialqueryid|queryid|reinterpretasobject|indexhint)$/i;

export interface UserSqlOptions {
  engine: Engine;
  clock: Clock;
  limits: QueryLimits;
}

export interface UserSql {
  run(tenant: string, sql: string): Promise<TableResult>;
}

const refuse = (message: string, details: Record<string, unknown> = {}): ClewError =>
  new ClewError('bad_request', message, { details });

/**
 * Runs a user's own SELECT. Five fences, each enough for most attacks: the tokens (one statement, no SETTINGS, INTO,
 * FORMAT, other databases), the engine's own parse tree (only our tables, only harmless functions; `readonly` alone lets
 * `merge()` and the scalar `file()` through, measured), `readonly = 1`, a row filter on every table, and cost limits.
 */
export async function createUserSql(options: UserSqlOptions): Promise<UserSql> {
  const { engine, clock, limits } = options;
  const listed = await engine.run(
    'query',
    'SELECT name FROM system.table_functions',
    undefined,
    'TabSeparated',
  );
  const tableFunctions = new Set(listed.trim().toLowerCase().split('\n'));

  const check = async (sql: string): Promise<string> => {
    if (sql.length > sqlCharsMax) {
      throw new ClewError(
        'too_large',
        `The field sql has ${sql.length} characters; the limit is ${sqlCharsMax}.`,
      );
    }
    const text = checkTokens(sql);
    // Inside parentheses only a query parses: anything before or after a SELECT is a syntax error here.
    const tree = await explain(engine, `EXPLAIN AST SELECT * FROM (${text}\n)`);
    checkTree(tree, tableFunctions);
    return text;
  };

  return {
    run: (tenant, sql) =>
      timed(clock, 'user.sql', async () => {
        const text = await check(sql);
        const filters = detailTables
          .map((table) => `'default.${table}': 'Tenant = ${nestedQuote(tenant)}'`)
          .join(', ');
        const full = `${text}\nSETTINGS readonly = 1, additional_table_filters = {${filters}}, ${limitSettings(limits)}, max_memory_usage = 2000000000, max_execution_speed = 0, log_comment = 'user.sql'`;
        const answer = await withUserErrors(() =>
          runBounded(engine, 'user', full, limits, undefined, 'JSONCompact'),
        );
        const parsed: EngineAnswer & { data: unknown[][] } = JSON.parse(answer);
        return { columns: parsed.meta, rows: parsed.data, statistics: statisticsOf(parsed) };
      }),
  };
}

/** A literal inside a literal: both layers escaped. */
const nestedQuote = (value: string): string => {
  const inner = `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  return inner.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
};

async function explain(engine: Engine, sql: string): Promise<string[]> {
  const text = await withUserErrors(() => engine.run('user', sql, undefined, 'TabSeparatedRaw'));
  return text.split('\n');
}

async function withUserErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const message = error.message
      .replace(/^Code: \d+\. (DB::Exception: )*/, '')
      // The engine repeats the statement with the settings that we appended to it.
      .replace(/\s*SETTINGS readonly = 1,[\s\S]*?log_comment = 'user\.sql'/g, '');
    throw new ClewError('bad_request', `The statement can't be run: ${message.slice(0, 2_000)}`, {
      details: { engine_code: error.code },
      cause: error,
    });
  }
}

/**
 * `EXPLAIN AST` prints one node a line, a space of indentation a level. A name without a database is ours, a WITH of the
 * statement, or nothing: no other table is in the default database.
 */
function checkTree(lines: readonly string[], tableFunctions: ReadonlySet<string>): void {
  for (const [at, line] of lines.entries()) {
    const node = line.trim();
    const table = /^TableIdentifier (\S+)/.exec(node)?.[1];
    if (table?.includes('.') && !ownTables.has(table)) {
      throw refuse(`Table ${table} can't be read. There are ${detailTables.join(', ')}.`, { table });
    }
    const name = /^Function (\S+)/.exec(node)?.[1]?.toLowerCase();
    const isTable = /^TableExpression\b/.test(lines[at - 1]?.trim() ?? '');
    if (name !== undefined && isRefused(name, isTable, tableFunctions)) {
      throw refuse(`Function ${name} is not allowed here.`, { function: name });
    }
  }
}

const ownTables = new Set(detailTables.map((table) => `default.${table}`));

function isRefused(name: string, isTable: boolean, tableFunctions: ReadonlySet<string>): boolean {
  if (isTable) return !harmlessTableFunctions.has(name);
  return refusedFunctions.test(name) || (tableFunctions.has(name) && !alsoOrdinary.has(name));
}

/** Table functions that are ordinary functions too (`format`, `null`) may stand as such; `IN merge(…)` may not. */
const alsoOrdinary = new Set(['format', 'null', ...harmlessTableFunctions]);
