import { setImmediate } from 'node:timers/promises';
import type { PGlite } from '@electric-sql/pglite';
import pg from 'pg';

/** Runs one statement with its parameters as text; answers with its rows. */
export type Run = (sql: string, params: (string | null)[]) => Promise<unknown[]>;

/** One session: statements one after the other on the same connection. */
export interface Session {
  run: Run;
  /** Several statements without parameters, separated by semicolons. */
  script(sql: string): Promise<void>;
}

/** What differs between the twins, and nothing else: how a statement gets to the engine, and who asks. */
export interface Driver {
  run: Run;
  transaction<T>(work: (run: Run) => Promise<T>): Promise<T>;
  /** One statement as a user of one tenant, after `setup`: a transaction of its own, and no second statement. */
  runAs(setup: string, sql: string, params: (string | null)[]): Promise<unknown[]>;
  session<T>(work: (session: Session) => Promise<T>): Promise<T>;
  close(): Promise<void>;
  /** The last time that the engine could not be reached, and when that was; null while it can be. */
  outage(): string | null;
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
    runAs: (setup, sql, params) =>
      lite.transaction(async (tx) => {
        await tx.exec(setup);
        return runOn(tx)(sql, params);
      }),
    session: (work) =>
      work({
        run,
        async script(sql) {
          await lite.exec(sql);
        },
      }),
    close: () => lite.close(),
    outage: () => null,
  };
}
