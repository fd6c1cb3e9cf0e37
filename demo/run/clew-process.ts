import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Clew creates its stores at the first start. */
const readyTimeoutMs = 90_000;
const stopTimeoutMs = 15_000;
const pollMs = 200;
const logTailLines = 20;

/** Each 0 for any that is free. */
export interface ClewPorts {
  http: number;
  otlpHttp: number;
  otlpGrpc: number;
}

export interface ClewProcessOptions {
  dir: string;
  /** Wanted; where another program has one, Clew listens on a free one. */
  ports: ClewPorts;
  catalogDir: string;
  scriptAllow: string[];
  httpAllow: string[];
}

const local = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const saidReady = /Clew is ready: (\S+) \(OTLP\/HTTP (\S+)\)/;
const saidTaken = /:(\d+) is already in use/;

/** Clew as a user would run it: its command line and its environment, nothing else. */
export class ClewProcess {
  readonly #options: ClewProcessOptions;
  readonly #logFile: string;
  #ports: ClewPorts;
  #process: ChildProcess;
  #exited: Promise<unknown>;
  #url = '';
  #otlpUrl = '';
  #stopping = false;

  constructor(options: ClewProcessOptions) {
    this.#options = options;
    this.#ports = options.ports;
    this.#logFile = join(options.dir, 'clew.log');
    [this.#process, this.#exited] = this.#start();
  }

  #start(): [ChildProcess, Promise<unknown>] {
    const { dir, catalogDir, scriptAllow, httpAllow } = this.#options;
    const log = openSync(this.#logFile, 'w');
    const flags = ['--disable-warning=ExperimentalWarning', '--import', local('./with-parent.ts')];
    const child = spawn(process.execPath, [...flags, local('../../src/cli/main.ts'), 'serve'], {
      cwd: dir,
      env: {
        ...process.env,
        CLEW_DATA_DIR: join(dir, 'clew'),
        CLEW_HTTP_PORT: String(this.#ports.http),
        CLEW_OTLP_HTTP_PORT: String(this.#ports.otlpHttp),
        CLEW_OTLP_GRPC_PORT: String(this.#ports.otlpGrpc),
        CLEW_CATALOG_DIRS: catalogDir,
        CLEW_REMEDY_SCRIPT_ALLOW: scriptAllow.join(','),
        CLEW_REMEDY_HTTP_ALLOW: httpAllow.join(','),
      },
      // A group of its own: Ctrl-C is for the demo, which ends Clew after the shop.
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    child.on('error', () => {});
    return [child, once(child, 'exit').catch(() => {})];
  }

  /** Of the console and the API; '' until it is ready. */
  get url(): string {
    return this.#url;
  }

  /** Where telemetry goes; '' until it is ready. */
  get otlpUrl(): string {
    return this.#otlpUrl;
  }

  get alive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  get exited(): Promise<unknown> {
    return this.#exited;
  }

  async ready(): Promise<void> {
    const until = performance.now() + readyTimeoutMs;
    while (performance.now() < until) {
      if (!this.alive && !this.#startElsewhere())
        throw new Error(`Clew ended at its start (${this.#ending()}).\n${this.logTail()}`);
      const [, url = '', otlpUrl = ''] = saidReady.exec(readFileSync(this.#logFile, 'utf8')) ?? [];
      const ok = url !== '' && (await answers(`${url}/readyz`));
      if (ok) {
        this.#url = url;
        this.#otlpUrl = otlpUrl;
        return;
      }
      await sleep(pollMs);
    }
    throw new Error(`Clew was not ready within ${readyTimeoutMs / 1_000} s.\n${this.logTail()}`);
  }

  /** Once for each port that another program took: only who binds it knows that it is free. */
  #startElsewhere(): boolean {
    const taken = Number(saidTaken.exec(this.logTail())?.[1] ?? 0);
    const name = (['http', 'otlpHttp', 'otlpGrpc'] as const).find((each) => this.#ports[each] === taken);
    if (taken === 0 || name === undefined || this.#stopping) return false;
    this.#ports = { ...this.#ports, [name]: 0 };
    [this.#process, this.#exited] = this.#start();
    return true;
  }

  #ending(): string {
    const { exitCode, signalCode } = this.#process;
    return signalCode === null ? `exit code ${exitCode}` : `signal ${signalCode}`;
  }

  logTail(): string {
    return readFileSync(this.#logFile, 'utf8').trimEnd().split('\n').slice(-logTailLines).join('\n');
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    if (!this.alive) return;
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), stopTimeoutMs);
    await this.#exited;
    clearTimeout(timer);
  }
}

const answers = (url: string): Promise<boolean> =>
  fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
    (response) => response.ok,
    () => false,
  );
