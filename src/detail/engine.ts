import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { drainPending, Session } from 'chdb';
import { ClewError } from '../lib/index.ts';
import { bound, type QueryParam } from './bind.ts';
import { EngineError } from './engine-error.ts';
import { createSlots } from './slots.ts';

export type BoundParams = Record<string, QueryParam>;
export type Lane = 'insert' | 'query' | 'derive' | 'user';

/** The embedded engine: runs statements, bounds how many run at once, knows nothing of tables. */
export interface Engine {
  run(lane: Lane, sql: string, params?: BoundParams, format?: string): Promise<string>;
  close(): Promise<void>;
}

/**
 * A connection runs one statement at a time (measured: the second waits in the engine), so each slot has its own. Every
 * running statement holds one of libuv's four worker threads, and so does every fsync of a segment: one insert and two
 * queries leave a thread for acknowledgements, whatever the queries cost. Of these two one is a user's own at most, and one
 * derives at most: that takes seconds, and two tenants' windows at once would leave none to the pages.
 */
const insertConnections = 1;
const queryConnections = 2;
const userQueriesMax = 1;
const derivesMax = 1;
/** Callers that wait for a slot; more are answered `overloaded`. A page of the console asks for a dozen at once. */
const waitingMax = 256;

const connectionArgs = [
  `--config-file=${join(import.meta.dirname, 'engine.xml')}`,
  '--session_timezone=UTC',
  '--output_format_json_quote_64bit_integers=1',
  // Gauges may be NaN or infinite; as strings they survive JSON.
  '--output_format_json_quote_denormals=1',
  '--joined_subquery_requires_alias=0',
  // Values stand in the text: lists of ids are long.
  '--max_query_size=67108864',
];

function toEngineError(error: unknown): EngineError {
  const message = error instanceof Error ? error.message : String(error);
  const code = /Code: (\d+)\./.exec(message)?.[1];
  return new EngineError(code === undefined ? 0 : Number(code), message, error);
}

export function openEngine(dir: string): Engine {
  mkdirSync(dir, { recursive: true });
  const inserts = openConnections(dir, insertConnections);
  const queries = openConnections(dir, queryConnections);
  const user = createSlots(userQueriesMax, waitingMax);
  const derives = createSlots(derivesMax, waitingMax);
  let closed = false;
  return {
    async run(lane, sql, params, format = 'JSON') {
      if (closed) throw new ClewError('unavailable', 'The detail store is closed.');
      const statement = { sql: params === undefined ? sql : bound(sql, params), format };
      if (lane === 'insert') return inserts.run(statement);
      if (lane === 'query') return queries.run(statement);
      return (lane === 'user' ? user : derives).run(() => queries.run(statement));
    },
    async close() {
      if (closed) return;
      closed = true;
      inserts.close();
      queries.close();
      await drainPending();
    },
  };
}

interface Statement {
  sql: string;
  format: string;
}

interface Connections {
  run(statement: Statement): Promise<string>;
  close(): void;
}

function openConnections(dir: string, count: number): Connections {
  const all = Array.from({ length: count }, () => connect(dir));
  const free = [...all];
  const slots = createSlots(count, waitingMax);
  return {
    run: (statement) =>
      slots.run(async () => {
        const session = free.pop();
        if (session === undefined) throw new Error('more slots than connections');
        try {
          return await execute(session, statement);
        } finally {
          free.push(session);
        }
      }),
    close() {
      for (const session of all) session.close();
    },
  };
}

async function execute(session: Session, statement: Statement): Promise<string> {
  const { sql, format } = statement;
  try {
    const result = await session.queryAsync(sql, { format });
    return result.text();
  } catch (error) {
    // What a failed statement had written by then stays in the connection and would begin the next answer, which may
    // be another tenant's (seen in chDB 26.7). A statement whose answer nobody reads takes it away.
    await session.queryAsync('SELECT 1', { format: 'Null' }).catch(() => undefined);
    throw toEngineError(error);
  }
}

function connect(dir: string): Session {
  try {
    return new Session(dir, { connectionArgs });
  } catch (error) {
    throw new ClewError(
      'unavailable',
      `The detail store in ${dir} (data_dir) can't be opened: ${error instanceof Error ? error.message : String(error)}. Is another Clew using it?`,
      { cause: error },
    );
  }
}
