/** The whole program as a process of its own, for tests beside other real programs. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');

export interface RunningClew {
  pid: number;
  url: string;
  /** OTLP/HTTP on its own port; '' when the process does not take in. */
  otlpUrl: string;
  /** Rows of a SQL statement. */
  sql(text: string): Promise<unknown[][]>;
  /** Ends it in order, and resolves when it has ended. */
  stop(): Promise<void>;
  kill(): Promise<void>;
  exitCode(): number | null;
  /** What it wrote so far. */
  output(): string;
}

const outputCharsMax = 200_000;

/** Detection and windows are off: only what comes in counts. */
export function startClew(
  dir: string,
  env: Record<string, string> = {},
  nodeArguments: readonly string[] = [],
): Promise<RunningClew> {
  const child = spawn(process.execPath, [...nodeArguments, main, 'serve'], {
    cwd: dir,
    env: {
      PATH: process.env.PATH,
      CLEW_LOG_LEVEL: 'warn',
      CLEW_DATA_DIR: join(dir, 'data'),
      CLEW_HTTP_PORT: '0',
      CLEW_OTLP_HTTP_PORT: '0',
      CLEW_OTLP_GRPC_PORT: '0',
      CLEW_DETECT_ENABLED: 'false',
      CLEW_ROLLUP_ENABLED: 'false',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new Promise((resolve, reject) => {
    let text = '';
    const ended = (code: number | null) => reject(new Error(`Clew ended with ${code}: ${text}`));
    child.on('exit', ended);
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk) => {
        text = (text + String(chunk)).slice(-outputCharsMax);
        const [, url, otlpUrl = ''] = /Clew is ready: (\S+)(?: \(OTLP\/HTTP (\S+)\))?\n/.exec(text) ?? [];
        if (url === undefined) return;
        child.off('exit', ended);
        resolve({ ...running(child, url, otlpUrl, env.CLEW_AUTH_TOKEN), output: () => text });
      });
  });
}

function running(
  child: ChildProcess,
  url: string,
  otlpUrl: string,
  token: string | undefined,
): Omit<RunningClew, 'output'> {
  const end = (signal: 'SIGTERM' | 'SIGKILL') =>
    new Promise<void>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) return resolve();
      child.once('exit', () => resolve());
      child.kill(signal);
    });
  return {
    pid: child.pid ?? 0,
    url,
    otlpUrl,
    exitCode: () => child.exitCode,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    async sql(sql) {
      const headers: Record<string, string> = { 'content-type': 'application/json' };
      if (token !== undefined) headers.authorization = `Bearer ${token}`;
      const answer = await fetch(`${url}/api/v1/sql`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ sql }),
      });
      const { rows } = (await answer.json()) as { rows: unknown[][] };
      return rows;
    },
  };
}
