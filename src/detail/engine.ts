import { mkdirSync } from 'node:fs';
import { drainPending, Session } from 'chdb';
import { ClewError } from '../lib/index.ts';
import { createSlots, type Slots } from './slots.ts';

/** A statement that the engine refused; `code` is ClickHouse's own number, 0 when unknown. */
export class EngineError extends Error {
  readonly code: number;

  constructor(code: number, message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'EngineError';
    this.code = code;
  }
}

export type BoundParams = Record<string, string | number | boolean | readonly string[] | readonly number[]>;
export type Lane = 'insert' | 'query' | 'user';

/** The embedded engine: runs statements, bounds how many run at once, knows nothing of tables. */
export interface Engine {
  run(lane: Lane, sql: string, params?: BoundParams, format?: string): Promise<string>;
  close(): Promise<void>;
}

/**
 * Every running statement holds one of libuv's four worker threads, and so does every fsync of a segment. One insert and
 * two queries (one of them a user's at most) leave a thread for acknowledgements, whatever the queries cost.
 */
const insertsMax = 1;
const queriesMax = 2;
const userQueriesMax = 1;
/** Callers that wait for a slot; more are answered `overloaded`. A page of the console asks for a dozen at once. */
const waitingMax = 256;

const connectionArgs = [
  '--session_timezone=UTC',
  '--output_format_json_quote_64bit_integers=1',
  // Gauges may be NaN or infinite; as strings they survive JSON.
  '--output_format_json_quote_denormals=1',
  '--joined_subquery_requires_alias=0',
];

function toEngineError(error: unknown): EngineError {
  const message = error instanceof Error ? error.message : String(error);
  const code = /Code: (\d+)\./.exec(message)?.[1];
  return new EngineError(code === undefined ? 0 : Number(code), message, error);
}

export function openEngine(dir: string): Engine {
  mkdirSync(dir, { recursive: true });
  const session = connect(dir);
  const lanes: Record<Lane, Slots> = {
    insert: createSlots(insertsMax, waitingMax),
    query: createSlots(queriesMax, waitingMax),
    user: createSlots(userQueriesMax, waitingMax),
  };
  let closed = false;

  const execute = async (sql: string, params: BoundParams | undefined, format: string): Promise<string> => {
    if (closed) throw new ClewError('unavailable', 'The detail store is closed.');
    try {
      const result =
        params === undefined
          ? await session.queryAsync(sql, { format })
          : await session.queryBindAsync(sql, params, { format });
      return result.text();
    } catch (error) {
      throw toEngineError(error);
    }
  };

  return {
    run(lane, sql, params, format = 'JSON') {
      const work = () => execute(sql, params, format);
      if (lane === 'user') return lanes.user.run(() => lanes.query.run(work));
      return lanes[lane].run(work);
    },
    async close() {
      if (closed) return;
      closed = true;
      session.close();
      await drainPending();
    },
  };
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
