import pg from 'pg';
import { ClewError, oneByOne } from '../lib/index.ts';
import type { LiteEngine, TextRows } from './lite-engine.ts';

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

/** Both twins read results with the same parsers: bigint and numeric as text, times as Date, json parsed. */
function objectsOf({ fields, rows }: TextRows): Record<string, unknown>[] {
  const parsers = fields.map(({ name, type }) => ({ name, parse: pg.types.getTypeParser(type, 'text') }));
  return rows.map((texts) => {
    const row: Record<string, unknown> = {};
    for (const [i, { name, parse }] of parsers.entries()) {
      const text = texts[i] ?? null;
      row[name] = text === null ? null : parse(text);
    }
    return row;
  });
}

/**
 * The embedded engine, asked directly. Its adapter for `pg` was tried: an error in a bound value (an id that is no UUID)
 * leaves the two out of step, and the next message ends the process. It has one connection, so whoever asks waits for
 * his turn, and for the end of a transaction.
 */
export function liteDriver(engine: LiteEngine): Driver {
  const inTurn = oneByOne();
  const run: Run = async (sql, params) => objectsOf(await engine.query(sql, params));
  const script = (sql: string) => engine.script(sql);
  const transaction = <T>(work: (run: Run) => Promise<T>): Promise<T> =>
    inTurn(async () => {
      let over = false;
      await script('BEGIN');
      try {
        const result = await work(async (sql, params) => {
          if (over) throw new ClewError('internal', 'The transaction is over.');
          return run(sql, params);
        });
        await script('COMMIT');
        return result;
      } catch (error) {
        over = true;
        await script('ROLLBACK').catch(() => undefined);
        throw error;
      } finally {
        over = true;
      }
    });
  return {
    run: (sql, params) => inTurn(() => run(sql, params)),
    transaction,
    runAs: (setup, sql, params) =>
      transaction(async (within) => {
        await script(setup);
        return within(sql, params);
      }),
    session: (work) => inTurn(() => work({ run, script })),
    close: () => inTurn(() => engine.close()),
    outage: () => engine.outage(),
  };
}
