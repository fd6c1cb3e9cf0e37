import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

/**
 * The database runs in a thread of its own, as a server would run beside the service: statements queue here and
 * take their real time, while the service's event loop stays free.
 */
const file: string = workerData.file;
const database = new DatabaseSync(file);
database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000');

/** Distinct statements of a service are few. */
const statementsMax = 64;
const statements = new Map<string, StatementSync>();

function prepared(sql: string): StatementSync {
  const known = statements.get(sql);
  if (known) return known;
  const statement = database.prepare(sql);
  if (statements.size < statementsMax) statements.set(sql, statement);
  return statement;
}

parentPort?.on(
  'message',
  ({ id, sql, params }: { id: number; sql: string; params: SQLInputValue[] | null }) => {
    try {
      if (params === null) database.exec(sql);
      const rows = params === null ? [] : prepared(sql).all(...params);
      parentPort?.postMessage({ id, rows: rows.map((row) => ({ ...row })) });
    } catch (error) {
      parentPort?.postMessage({ id, error: error instanceof Error ? error.message : String(error) });
    }
  },
);
