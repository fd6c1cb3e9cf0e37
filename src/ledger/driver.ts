import { setImmediate } from 'node:timers/promises';
import type { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import type { Logger } from '../lib/index.ts';

/** Runs one statement with its parameters as text; answers with its rows. */
export type Run = (sql: string, params: (string | null)[]) => Promise<unknown[]>;

/** One session: statements one after the other on the same connection. */
export interface Session {
  run: Run;
  /** Several statements without parameters, separated by semicolons. */
  script(sql: string): Promise<void>;
}

/** What differs between the twins, and nothing else: how a statement gets to the engine. */
export interface Driver {
  run: Run;
  transaction<T>(work: (run: Run) => Promise<T>): Promise<T>;
  session<T>(work: (session: Session) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

type Parse = (text: string) => unknown;

/** Both twins read results with the same parsers: bigint and numeric as text, times as Date, json parsed. */
const parserOf = (oid: number): Parse => pg.types.getTypeParser(oid, 'text');

/** Parameters are text already; see textOf. The engine asks for a serializer by type, whatever the type. */
const asText = new Proxy<Record<number, (value: string) => string>>({}, { get: () => String });

interface LiteOptions {
  parsers: Record<number, Parse>;
  serializers: Record<number, (value: string) => string>;
}

/** The engine's own list of types that it would parse in its own way, and `pg`'s, each with `pg`'s parser. */
function liteOptionsOf(lite: PGlite): LiteOptions {
  const oids = new Set([
    ...Object.keys(lite.parsers).map(Number),
    ...Object.values(pg.types.builtins).map(Number),
  ]);
  return {
    parsers: Object.fromEntries([...oids].map((oid) => [oid, parserOf(oid)])),
    serializers: asText,
  };
}

interface LiteQueries {
  query<Row>(sql: string, params: unknown[], options: LiteOptions): Promise<{ rows: Row[] }>;
}

/**
 * The embedded engine, asked directly. Its adapter for `pg` was tried: an error in a bound value (an id that is no UUID)
 * leaves the two out of step, and the next message ends the process.
 *
 * The engine works on the main thread and answers in microtasks, so statements in a row would hold up timers and sockets
 * for all of them together. Letting the event loop turn after each bounds the pause to one statement.
 */
export function liteDriver(lite: PGlite): Driver {
  const liteOptions = liteOptionsOf(lite);
  const runOn =
    (on: LiteQueries): Run =>
    async (sql, params) => {
      try {
        return (await on.query(sql, params, liteOptions)).rows;
      } finally {
        await setImmediate();
      }
    };
  const run = runOn(lite);
  return {
    run,
    transaction: (work) => lite.transaction((tx) => work(runOn(tx))),
    session: (work) =>
      work({
        run,
        async script(sql) {
          await lite.exec(sql);
        },
      }),
    close: () => lite.close(),
  };
}

/** Connections to a server. Small: the ledger carries aggregates and cases, not telemetry. */
const serverConnectionsMax = 10;
/** A server that does not answer within this time is an error, not a hang. */
const connectTimeoutMs = 10_000;

export function serverDriver(url: string, log: Logger): Driver {
  const pool = new pg.Pool({
    connectionString: url,
    max: serverConnectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    application_name: 'clew',
    options: '-c timezone=UTC -c search_path=public',
  });
  // A connection that breaks while idle is replaced on next use; without a listener it would end the process.
  pool.on('error', (error) => log.warn({ err: error }, 'an idle connection to the ledger broke'));
  const runOn =
    (on: pg.Pool | pg.PoolClient): Run =>
    async (sql, params) =>
      (await on.query(sql, params)).rows;
  return {
    run: runOn(pool),
    transaction: (work) => serverTransaction(pool, (client) => work(runOn(client))),
    async session(work) {
      const client = await pool.connect();
      try {
        const script = async (sql: string) => {
          await client.query(sql);
        };
        return await work({ run: runOn(client), script });
      } finally {
        client.release();
      }
    },
    close: () => pool.end(),
  };
}

async function serverTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((rollbackError: Error) => {
      // The connection is in an unknown state: the pool must throw it away.
      broken = rollbackError;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}
