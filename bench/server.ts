/** Clew as a user starts it, or one that is running already. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { configKeys } from '../src/config/index.ts';
import type { Peer } from './peer.ts';
import { endWithUs } from './temporary.ts';

const main = join(import.meta.dirname, '..', 'src', 'cli', 'main.ts');
const startMsMax = 120_000;
const stopMsMax = 30_000;
const outputCharsMax = 20_000;

export interface Server {
  api: string;
  otlp: string;
  /** Undefined when it is not ours: then its CPU and memory can't be read, nor can it be killed. */
  process: ChildProcess | undefined;
  /** Whose CPU and memory are read; 0 when nobody's can be. */
  pid: number;
  headers: Record<string, string>;
  /** Another product in its place. */
  peer?: Peer;
}

export interface StartOptions {
  dataDir: string;
  /** Settings other than the default, by the name of their environment variable. */
  settings?: Record<string, string>;
}

/** Every port free, so that nothing else on the machine is in the way. */
function freePorts(): Record<string, string> {
  const ports = configKeys().filter((key) => /[._]port$/.test(key.yaml) && key.fallback !== 0);
  return Object.fromEntries(ports.map((key) => [key.env, '0']));
}

export async function startServer(options: StartOptions): Promise<Server> {
  const child = spawn(process.execPath, [main, 'serve'], {
    cwd: options.dataDir,
    env: {
      PATH: process.env.PATH,
      CLEW_DATA_DIR: join(options.dataDir, 'data'),
      CLEW_LOG_LEVEL: 'warn',
      ...freePorts(),
      ...options.settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  endWithUs(child);
  const addresses = await new Promise<{ api: string; otlp: string }>((resolve, reject) => {
    let text = '';
    const timer = setTimeout(
      () => reject(new Error(`Clew did not start in ${startMsMax / 1000} s: ${text}`)),
      startMsMax,
    );
    const take = (chunk: Buffer) => {
      text = (text + String(chunk)).slice(-outputCharsMax);
      const ready = /Clew is ready: (\S+) \(OTLP\/HTTP ([^\s,)]+)/.exec(text);
      if (ready?.[1] === undefined || ready[2] === undefined) return;
      clearTimeout(timer);
      resolve({ api: ready[1], otlp: ready[2] });
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`Clew ended with ${code}: ${text}`)));
  });
  const server = { ...addresses, process: child, pid: child.pid ?? 0, headers: {} };
  await ready(server);
  return server;
}

/** A Clew that somebody else runs. Without `otlp` the default port on the same host is taken. */
export interface AttachOptions {
  url: string;
  otlpUrl: string | undefined;
  token: string;
  pid: number;
  peer: Peer | undefined;
}

export async function attachServer(options: AttachOptions): Promise<Server> {
  const { otlpUrl, token, pid, peer } = options;
  const api = new URL(options.url);
  if (peer !== undefined)
    return { api: api.origin, otlp: api.origin, process: undefined, pid, headers: {}, peer };
  const server: Server = {
    api: api.origin,
    otlp: otlpUrl ?? `http://${api.hostname}:4318`,
    process: undefined,
    pid,
    headers: token === '' ? {} : { authorization: `Bearer ${token}` },
  };
  await ready(server);
  return server;
}

async function ready(server: Server): Promise<void> {
  const end = performance.now() + startMsMax;
  let last = '';
  while (performance.now() < end) {
    try {
      const answer = await fetch(`${server.api}/readyz`);
      if (answer.status === 200) return;
      last = await answer.text();
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`Clew at ${server.api} is not ready after ${startMsMax / 1000} s: ${last}`);
}

/** Ends it in order, or at once when it does not. */
export async function stopServer(server: Server): Promise<void> {
  const child = server.process;
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
  child.kill('SIGTERM');
  await once(child, 'exit');
  clearTimeout(timer);
}

export async function killServer(server: Server): Promise<void> {
  const child = server.process;
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** A SELECT through POST /api/v1/sql. */
export async function querySql(server: Server, sql: string): Promise<unknown[][]> {
  const answer = await fetch(`${server.api}/api/v1/sql`, {
    method: 'POST',
    headers: { ...server.headers, 'content-type': 'application/json' },
    body: JSON.stringify({ sql }),
  });
  const text = await answer.text();
  if (answer.status !== 200)
    throw new Error(`POST /api/v1/sql answered ${answer.status}: ${text.slice(0, 500)}`);
  const { rows } = JSON.parse(text) as { rows: unknown[][] };
  return rows;
}
