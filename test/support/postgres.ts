/**
 * A real PostgreSQL server beside the tests, for everything that opens a ledger.
 *
 * One server serves a whole test run: the first file that asks starts it under a lock in the temporary directory, and a
 * watcher stops it and removes its files when the run has ended, however it ended. Each ledger gets a database of its
 * own, copied from a migrated template. `CLEW_TEST_PG_URL` names another server, on which databases may be created.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from '../../demo/run/ports.ts';
import { type Ledger, openLedger } from '../../src/ledger/index.ts';
import { migrationsFingerprint, readMigrations } from '../../src/ledger/migrate.ts';
import { type Clock, createLogger, newUuid, systemClock } from '../../src/lib/index.ts';
import { postgresMissing, programsDir } from './postgres-programs.ts';

const log = createLogger({ level: 'silent' });

interface User {
  uid: number;
  gid: number;
}

/** PostgreSQL refuses to run as root: then another user of this machine runs it. */
function serverUser(): User | null {
  if (process.getuid?.() !== 0) return null;
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
  if (!user) throw new Error('PostgreSQL does not run as root, and there is no user postgres or nobody.');
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

export interface PostgresServer {
  dir: string;
  port: number;
  /** `postgres://…` of a database on it. */
  url(database?: string): string;
  /** Waits until it answers. */
  start(): void;
  /** `immediate` is what a crash looks like; `fast` closes the connections in order. */
  stop(mode?: 'fast' | 'immediate'): void;
  /** Stops it and removes its files. */
  remove(): void;
}

/** Nothing here must outlive the test, so nothing waits for the disk. */
const settings = {
  listen_addresses: '127.0.0.1',
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  shared_buffers: '32MB',
  max_connections: '200',
  timezone: 'Asia/Shanghai',
};

/** A server of one's own, to be stopped and started at will. Its superuser is `clew`, without a password. */
export async function createPostgres(
  dir = mkdtempSync(join(tmpdir(), 'clew-postgres-')),
): Promise<PostgresServer> {
  const bin = programsDir();
  if (bin === null) throw new Error(postgresMissing ?? '');
  const user = serverUser();
  const port = await freePort();
  const data = join(dir, 'data');
  mkdirSync(data, { recursive: true });
  if (user) for (const folder of [dir, data]) chownSync(folder, user.uid, user.gid);
  const run = (program: string, args: readonly string[]) => {
    // The server inherits what pg_ctl was given: pipes would never end.
    const done = spawnSync(join(bin, program), args, {
      ...user,
      cwd: dir,
      stdio: 'ignore',
      timeout: 120_000,
    });
    if (done.status === 0) return;
    const said = existsSync(join(dir, 'log')) ? readFileSync(join(dir, 'log'), 'utf8').slice(-2_000) : '';
    throw new Error(`${program} ended with ${done.status ?? done.error?.message}: ${said}`);
  };
  const options = Object.entries({ ...settings, port: String(port), unix_socket_directories: dir })
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ');
  const ctl = (...args: string[]) => run('pg_ctl', ['-D', data, '-w', '-t', '60', ...args]);
  run('initdb', ['-D', data, '-U', 'clew', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '-N']);
  const server: PostgresServer = {
    dir,
    port,
    url: (database = 'postgres') => `postgres://clew@127.0.0.1:${port}/${database}`,
    start: () => ctl('-l', join(dir, 'log'), '-o', options, 'start'),
    stop: (mode = 'fast') => ctl('-m', mode, 'stop'),
    remove() {
      if (existsSync(join(data, 'postmaster.pid'))) ctl('-m', 'immediate', 'stop');
      rmSync(dir, { recursive: true, force: true });
    },
  };
  server.start();
  return server;
}

/** Each test file is a child of the run: the run's process is what its files have in common. */
const sharedDir = join(tmpdir(), `clew-test-postgres-${process.ppid}`);
const sharedUrlFile = join(sharedDir, 'url');
const startTimeMsMax = 120_000;

let shared: Promise<string> | null = null;

/** Address of the maintenance database of the run's server. */
export function sharedPostgres(): Promise<string> {
  shared ??= startShared();
  return shared;
}

async function startShared(): Promise<string> {
  const named = process.env.CLEW_TEST_PG_URL ?? '';
  if (named !== '') return named;
  if (takeLock()) {
    watch(process.ppid);
    const server = await createPostgres(sharedDir);
    writeFileSync(`${sharedUrlFile}.new`, server.url());
    renameSync(`${sharedUrlFile}.new`, sharedUrlFile);
  }
  for (const end = Date.now() + startTimeMsMax; Date.now() < end; await systemClock.sleep(50))
    if (existsSync(sharedUrlFile)) return readFileSync(sharedUrlFile, 'utf8');
  throw new Error(`no server came up in ${sharedDir}; see its log there`);
}

function takeLock(): boolean {
  try {
    mkdirSync(sharedDir);
    return true;
  } catch {
    return false;
  }
}

/** Ends the server with the run, also when that was killed. */
function watch(runPid: number): void {
  const script = `while kill -0 ${runPid} 2>/dev/null; do sleep 0.5; done
    [ -f data/postmaster.pid ] && kill -QUIT "$(head -n 1 data/postmaster.pid)" && sleep 1
    cd / && rm -rf "${sharedDir}"`;
  spawn('sh', ['-c', script], { cwd: sharedDir, detached: true, stdio: 'ignore' }).unref();
}

async function onMaintenance(work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: await sharedPostgres() });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

export interface TestDatabase {
  url: string;
  drop(): Promise<void>;
}

/** A migrated, empty database on the run's server; several ledgers may be opened on it. */
export async function createDatabase(): Promise<TestDatabase> {
  const template = `clew_template_${migrationsFingerprint(readMigrations()).slice(0, 16)}`;
  const name = `clew_${newUuid().replaceAll('-', '')}`;
  await onMaintenance(async (client) => {
    // Held while copying too: a template that someone else is connected to can't be copied.
    await client.query('SELECT pg_advisory_lock(4315199)');
    const there = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [template]);
    if (there.rows.length === 0) await migrateTemplate(client, template);
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  });
  const drop = () =>
    onMaintenance(async (client) => void (await client.query(`DROP DATABASE ${name} WITH (FORCE)`)));
  return { url: await databaseUrl(name), drop };
}

async function databaseUrl(name: string): Promise<string> {
  const url = new URL(await sharedPostgres());
  url.pathname = `/${name}`;
  return url.href;
}

async function migrateTemplate(client: pg.Client, template: string): Promise<void> {
  const unready = `${template}_new`;
  await client.query(`DROP DATABASE IF EXISTS ${unready} WITH (FORCE)`);
  await client.query(`CREATE DATABASE ${unready}`);
  await (await openLedger({ dir: '', url: await databaseUrl(unready), clock: systemClock, log })).close();
  // TimescaleDB looks after every database that it may connect to, and one that is in use can't be copied.
  await client.query(`ALTER DATABASE ${unready} ALLOW_CONNECTIONS false`);
  await client.query('SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1', [
    unready,
  ]);
  await client.query(`ALTER DATABASE ${unready} RENAME TO ${template}`);
}

/** An empty, migrated ledger on the run's server; closing it removes it. */
export async function openServerLedger(options: { clock?: Clock } = {}): Promise<Ledger> {
  const { url, drop } = await createDatabase();
  const ledger = await openLedger({ dir: '', url, clock: options.clock ?? systemClock, log });
  const close = ledger.close.bind(ledger);
  let closing: Promise<void> | null = null;
  ledger.close = () => {
    closing ??= close().then(drop);
    return closing;
  };
  return ledger;
}
