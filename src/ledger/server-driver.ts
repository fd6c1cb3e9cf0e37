import pg from 'pg';
import { ClewError, type Clock, isClewError, type Logger, retry } from '../lib/index.ts';
import type { Driver, Run, Session } from './driver.ts';

/** How a PostgreSQL server is reached and what it may be asked for. */
export interface ServerSettings {
  /** `postgres://user@host:port/database`. */
  url: string;
  /** Where the URL has none. */
  password?: string;
  /** Connections of this process. Small: the ledger carries aggregates and cases, not telemetry. */
  connectionsMax?: number;
  /** A statement is ended after so long, seconds. */
  statementTimeoutS?: number;
}

/** A server that does not answer within this time is an error, not a hang; neither is a pool without a free connection. */
const connectTimeoutMs = 10_000;
/** Statements that wait for a connection; more are refused, or the memory of a stuck server's callers would grow. */
const waitingMax = 1_000;
/** The server ends a statement itself; a connection that broke without a word is noticed here. */
const silenceAfterTimeoutMs = 5_000;
/** Migrations take what they take; a day is for ever. */
const scriptTimeoutMs = 86_400_000;
/** A transaction whose owner went silent would hold its locks. */
const idleInTransactionMs = 60_000;
/** A statement that can be repeated is, over a restart of the connection, not over one of the server: callers wait. */
const again = { attempts: 3, delayMs: 100, delayMsMax: 400 };
/** What a client is told to wait, seconds: a server takes about as long to restart, a standby to be promoted. */
const retryAfterS = 2;

/** SQLSTATE classes and codes which say that the server, not the statement, is the trouble. */
const serverTrouble = /^(08...|57P0.|53300|25P03)$/;
const socketTrouble =
  /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ENOENT)$/;
const clientTrouble =
  /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|Client was closed)/;

function isOutage(error: unknown): boolean {
  if (isClewError(error)) return false;
  const { code = '', message = '' } = error as { code?: string; message?: string };
  if (error instanceof AggregateError) return error.errors.some(isOutage);
  return serverTrouble.test(code) || socketTrouble.test(code) || clientTrouble.test(message);
}

/** Reads only, or calls functions of ours that may be called twice: losing the answer loses nothing. */
const mayRepeat = (sql: string): boolean =>
  /^\s*SELECT\b/i.test(sql) && !/\bFOR\s+(UPDATE|SHARE)\b/i.test(sql);

/** `host:port/database` of a URL: what messages may show. */
export function shownAddress(url: string): string {
  const { hostname, port, pathname, searchParams } = parsedUrl(url);
  return `${searchParams.get('host') ?? (hostname || 'localhost')}:${port || 5432}${pathname}`;
}

function parsedUrl(url: string): URL {
  try {
    const parsed = new URL(url);
    if (/^postgres(ql)?:$/.test(parsed.protocol)) return parsed;
  } catch {
    // Said below, without the text: it may hold a password.
  }
  throw new ClewError('bad_request', 'ledger.url is no address such as postgres://user@host:5432/database.');
}

export function serverDriver(settings: ServerSettings, clock: Clock, log: Logger): Driver {
  const server = new Server(settings, clock, log);
  return {
    run: (sql, params) => server.run(sql, params),
    transaction: (work) => server.transaction(work),
    runAs: (setup, sql, params) => server.runAs(setup, sql, params),
    session: (work) => server.session(work),
    close: () => server.close(),
    outage: () => server.outage,
  };
}

class Server {
  readonly #pool: pg.Pool;
  readonly #address: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #statementTimeoutS: number;
  /** Errors of statements that never left: repeating those is always right. */
  readonly #unsent = new WeakSet<object>();
  outage: string | null = null;

  constructor(settings: ServerSettings, clock: Clock, log: Logger) {
    this.#address = shownAddress(settings.url);
    this.#clock = clock;
    this.#log = log;
    this.#statementTimeoutS = settings.statementTimeoutS ?? 60;
    const url = parsedUrl(settings.url);
    if (url.password === '') url.password = settings.password ?? '';
    this.#pool = new pg.Pool({
      connectionString: url.href,
      max: settings.connectionsMax ?? 10,
      connectionTimeoutMillis: connectTimeoutMs,
      statement_timeout: this.#statementTimeoutS * 1_000,
      query_timeout: this.#statementTimeoutS * 1_000 + silenceAfterTimeoutMs,
      idle_in_transaction_session_timeout: idleInTransactionMs,
      keepAlive: true,
      application_name: 'clew',
      options: '-c timezone=UTC -c search_path=public',
    });
    // A connection that breaks while idle is replaced on next use; without a listener it would end the process.
    this.#pool.on('error', (error) => log.warn({ err: error }, 'an idle connection to the ledger broke'));
  }

  run: Run = (sql, params) =>
    retry(
      this.#clock,
      again,
      () => this.#withClient((client) => client.query(sql, params)).then((result) => result.rows),
      (error) => isUnavailable(error) && (this.#unsent.has(error) || mayRepeat(sql)),
    );

  transaction<T>(work: (run: Run) => Promise<T>): Promise<T> {
    let begun = false;
    return retry(
      this.#clock,
      again,
      () =>
        this.#withClient(async (client) => {
          await client.query('BEGIN');
          begun = true;
          return inTransaction(client, () => work(this.#runOn(client)));
        }),
      (error) => isUnavailable(error) && !begun,
    );
  }

  /** The extended protocol takes one statement: a second one can't undo the setup. */
  runAs(setup: string, text: string, values: (string | null)[]): Promise<unknown[]> {
    return retry(
      this.#clock,
      again,
      () =>
        this.#withClient(async (client) => {
          await client.query(`BEGIN; ${setup}`);
          const config = { text, values, queryMode: 'extended' };
          return inTransaction(client, async () => (await client.query(config)).rows);
        }),
      (error) => isUnavailable(error) && (this.#unsent.has(error) || mayRepeat(text)),
    );
  }

  session<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#withClient(async (client) => {
      await client.query('SET statement_timeout = 0');
      const script = async (sql: string) => {
        await client.query({ text: sql, query_timeout: scriptTimeoutMs } as pg.QueryConfig);
      };
      return work({ run: this.#runOn(client), script });
    }, true);
  }

  close(): Promise<void> {
    return this.#pool.end();
  }

  #runOn(client: pg.PoolClient): Run {
    return async (sql, params) => {
      try {
        return (await client.query(sql, params)).rows;
      } catch (error) {
        throw this.#explained(error, true);
      }
    };
  }

  async #withClient<T>(work: (client: pg.PoolClient) => Promise<T>, once = false): Promise<T> {
    if (this.#pool.waitingCount >= waitingMax)
      throw new ClewError('overloaded', `${waitingMax} statements wait for a connection to the ledger.`, {
        details: { retry_after_s: retryAfterS },
      });
    const client = await this.#pool.connect().catch((error) => {
      throw this.#explained(error, false);
    });
    // What breaks between two statements of a transaction is told by the next one; unheard, it would end the process.
    const unheard = () => {};
    client.on('error', unheard);
    let failed: Error | undefined;
    try {
      const result = await work(client);
      this.#reached();
      return result;
    } catch (error) {
      const explained = this.#explained(error, true);
      if (isUnavailable(explained) || explained instanceof UnknownState) failed = explained as Error;
      throw explained instanceof UnknownState ? explained.cause : explained;
    } finally {
      client.off('error', unheard);
      // An error makes the pool throw the connection away: its state is unknown.
      client.release(failed ?? once);
    }
  }

  /** What callers can tell apart: the server is gone, it took too long, or the statement is wrong (as the server said). */
  #explained(error: unknown, sent: boolean): unknown {
    if (isOutage(error)) {
      const reason = reasonOf(error);
      const message = `The ledger at ${this.#address} can't be reached: ${reason}.`;
      if (this.outage === null) this.#log.error({ err: error }, message);
      this.outage = message;
      const unavailable = new ClewError('unavailable', message, {
        cause: error,
        details: { retry_after_s: retryAfterS },
      });
      if (!sent) this.#unsent.add(unavailable);
      return unavailable;
    }
    if ((error as { code?: string }).code === '57014')
      return new ClewError(
        'timeout',
        `The ledger ended a statement after ${this.#statementTimeoutS} s (ledger.statement_timeout_s).`,
        { cause: error },
      );
    return error;
  }

  #reached(): void {
    if (this.outage !== null) this.#log.info(`the ledger at ${this.#address} answers again`);
    this.outage = null;
  }
}

const isUnavailable = (error: unknown): error is ClewError =>
  isClewError(error) && error.code === 'unavailable';

function reasonOf(error: unknown): string {
  const first = error instanceof AggregateError ? error.errors[0] : error;
  const { code, message } = first as { code?: string; message: string };
  return code !== undefined && !message.includes(code) ? `${message} (${code})` : message;
}

/** The transaction could not be rolled back: nobody may use this connection again. */
class UnknownState extends Error {}

async function inTransaction<T>(client: pg.PoolClient, work: () => Promise<T>): Promise<T> {
  try {
    const result = await work();
    await client.query('COMMIT');
    return result;
  } catch (error) {
    if (isUnavailable(error) || isOutage(error)) throw error;
    try {
      await client.query('ROLLBACK');
    } catch {
      throw new UnknownState('the transaction could not be rolled back', { cause: error });
    }
    throw error;
  }
}
