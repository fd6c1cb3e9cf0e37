import { ClewError, type Clock } from '../lib/index.ts';
import type { DetailQuery, DetailResult } from './contract.ts';
import type { BoundParams, Engine, Lane } from './engine.ts';
import { EngineError } from './engine-error.ts';
import { queryErrors, querySeconds } from './events.ts';

export interface QueryLimits {
  timeMsMax: number;
  bytesReadMax: number;
  rowsResultMax: number;
  threadsMax?: number;
}

export interface EngineAnswer {
  meta: { name: string; type: string }[];
  statistics: { elapsed: number; rows_read: number; bytes_read: number };
}

export function limitSettings(limits: QueryLimits): string {
  return [
    `max_execution_time = ${limits.timeMsMax / 1000}`,
    `max_bytes_to_read = ${limits.bytesReadMax}`,
    `max_result_rows = ${limits.rowsResultMax}`,
    "result_overflow_mode = 'throw'",
    // Two cores serve ingest as well: one query may not take both for longer than it must.
    `max_threads = ${limits.threadsMax ?? 2}`,
    // A quarter of the engine's own: joins of wide rows hold a sixth less memory, and take no longer.
    'max_block_size = 16384',
  ].join(', ');
}

/** DateTime64 reads seconds since the epoch with a fraction, whatever the time zone. */
const epochParam = (ms: number): string => (ms / 1000).toFixed(3);

const queryNamePattern = /^[a-z0-9_.]{1,100}$/;

export async function runNamed<Row>(
  engine: Engine,
  clock: Clock,
  defaults: QueryLimits,
  query: DetailQuery,
): Promise<DetailResult<Row>> {
  const text = await runBound(engine, clock, 'query', defaults, query);
  const answer: EngineAnswer & { data: Row[] } = JSON.parse(text);
  return { rows: answer.data, statistics: statisticsOf(answer) };
}

/** Not among the inserts: what is read here may take seconds, and segments must not wait for it; nor may pages. */
export const runDerive = async (
  engine: Engine,
  clock: Clock,
  defaults: QueryLimits,
  query: DetailQuery,
): Promise<void> => void (await runBound(engine, clock, 'derive', defaults, query));

async function runBound(
  engine: Engine,
  clock: Clock,
  lane: 'query' | 'derive',
  defaults: QueryLimits,
  query: DetailQuery,
): Promise<string> {
  if (!queryNamePattern.test(query.name))
    throw new Error(`query name ${query.name} is not lower-case and dotted`);
  const limits = { ...defaults, ...query.limits };
  const joint = /\bSETTINGS\b[^']*$/i.test(query.sql) ? ',' : 'SETTINGS';
  const sql = `${query.sql.trimEnd()}\n${joint} ${limitSettings(limits)}, log_comment = '${query.name}'`;
  const params: BoundParams = {
    ...query.params,
    tenant: query.tenant,
    from: epochParam(query.window.from),
    to: epochParam(query.window.to),
  };
  return timed(clock, query.name, () => runBounded(engine, lane, sql, limits, params, 'JSON'));
}

export const statisticsOf = (answer: EngineAnswer): DetailResult<unknown>['statistics'] => ({
  rows_read: answer.statistics.rows_read,
  bytes_read: answer.statistics.bytes_read,
  elapsed_ms: Math.round(answer.statistics.elapsed * 1000 * 1000) / 1000,
});

export async function timed<T>(clock: Clock, name: string, work: () => Promise<T>): Promise<T> {
  const started = clock.monotonic();
  try {
    return await work();
  } catch (error) {
    queryErrors.inc({ name, code: error instanceof ClewError ? error.code : 'internal' });
    throw error;
  } finally {
    querySeconds.observe({ name }, (clock.monotonic() - started) / 1000);
  }
}

/** Errors of the limits become errors that name the limit's setting; any other error of the engine passes through. */
export async function runBounded(
  engine: Engine,
  lane: Lane,
  sql: string,
  limits: QueryLimits,
  params: BoundParams | undefined,
  format: string,
): Promise<string> {
  try {
    return await engine.run(lane, sql, params, format);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw limitError(error, limits) ?? error;
  }
}

function limitError(error: EngineError, limits: QueryLimits): ClewError | undefined {
  const refuse = (code: 'timeout' | 'bad_request', text: string, setting: string, limit: number) =>
    new ClewError(code, `${text} Narrow the time window or the filter, or raise ${setting} (${limit}).`, {
      details: { setting, limit },
      cause: error,
    });
  switch (error.code) {
    case 159:
      return refuse('timeout', 'The query took too long.', 'query.time_ms_max', limits.timeMsMax);
    case 158:
    case 307:
      return refuse('bad_request', 'The query reads too much.', 'query.bytes_read_max', limits.bytesReadMax);
    case 396:
      return refuse(
        'bad_request',
        'The query has too many result rows.',
        'query.rows_result_max',
        limits.rowsResultMax,
      );
    case 241:
      return new ClewError(
        'bad_request',
        'The query needs more memory than is allowed. Aggregate or filter more.',
        {
          cause: error,
        },
      );
    default:
      return undefined;
  }
}
