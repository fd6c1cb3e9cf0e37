import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Clew creates its stores at the first start. */
const readyTimeoutMs = 90_000;
const stopTimeoutMs = 15_000;
const logTailLines = 20;

export interface ClewProcessOptions {
  dir: string;
  httpPort: number;
  otlpPort: number;
  catalogDir: string;
  scriptAllow: string[];
  httpAllow: string[];
}

const local = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Clew as a user would run it: its command line and its environment, nothing else. */
export class ClewProcess {
  readonly url: string;
  readonly otlpUrl: string;
  readonly #logFile: string;
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(options: ClewProcessOptions) {
    this.url = `http://127.0.0.1:${options.httpPort}`;
    this.otlpUrl = `http://127.0.0.1:${options.otlpPort}`;
    this.#logFile = join(options.dir, 'clew.log');
    const log = openSync(this.#logFile, 'a');
    const flags = ['--disable-warning=ExperimentalWarning', '--import', local('./with-parent.ts')];
    this.#process = spawn(process.execPath, [...flags, local('../../src/cli/main.ts'), 'serve'], {
      cwd: options.dir,
      env: {
        ...process.env,
        CLEW_DATA_DIR: join(options.dir, 'clew'),
        CLEW_HTTP_PORT: String(options.httpPort),
        CLEW_OTLP_HTTP_PORT: String(options.otlpPort),
        CLEW_OTLP_GRPC_PORT: '0',
        CLEW_CATALOG_DIRS: options.catalogDir,
        CLEW_REMEDY_SCRIPT_ALLOW: options.scriptAllow.join(','),
        CLEW_REMEDY_HTTP_ALLOW: options.httpAllow.join(','),
      },
      // A group of its own: Ctrl-C is for the demo, which ends Clew after the shop.
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    this.#process.on('error', () => {});
    this.#exited = once(this.#process, 'exit').catch(() => {});
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
      if (!this.alive) throw new Error(`Clew ended at its start (${this.#ending()}).\n${this.logTail()}`);
      const ok = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
        (response) => response.ok,
        () => false,
      );
      if (ok) return;
      await sleep(200);
    }
    throw new Error(`Clew was not ready within ${readyTimeoutMs / 1_000} s.\n${this.logTail()}`);
  }

  #ending(): string {
    const { exitCode, signalCode } = this.#process;
    return signalCode === null ? `exit code ${exitCode}` : `signal ${signalCode}`;
  }

  logTail(): string {
    return readFileSync(this.#logFile, 'utf8').trimEnd().split('\n').slice(-logTailLines).join('\n');
  }

  async stop(): Promise<void> {
    if (!this.alive) return;
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), stopTimeoutMs);
    await this.#exited;
    clearTimeout(timer);
  }
}
