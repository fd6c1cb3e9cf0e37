import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { FromProcess, ToProcess } from '../lib/process.ts';

/** A process that is not ready after this has failed to start; generous, as Clew starts on the same cores. */
const readyTimeoutMs = 20_000;
/** What a process gets to send its last telemetry before it is killed. */
const stopTimeoutMs = 3_000;

export interface ChildOptions {
  program: string;
  env: Record<string, string>;
  onMessage(message: FromProcess): void;
  /** Called once, with true when nobody asked it to end. */
  onExit(unexpected: boolean): void;
}

/** One process of the shop, tied to us by an IPC channel: when we die, the channel closes and it ends itself. */
export class Child {
  readonly ready: Promise<number>;
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  #stopping = false;

  constructor(options: ChildOptions) {
    const { program, env } = options;
    const flags = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=4', program];
    this.#process = spawn(process.execPath, flags, { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#exited = once(this.#process, 'exit');
    this.#process.on('error', () => {});
    void this.#exited.then(
      () => options.onExit(!this.#stopping),
      () => options.onExit(!this.#stopping),
    );
    this.ready = new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${program} was not ready in time`)), readyTimeoutMs);
      timer.unref();
      this.#process.on('message', (message: FromProcess) => {
        if (message.type !== 'ready') return options.onMessage(message);
        clearTimeout(timer);
        resolve(message.port);
      });
      this.#process.once('exit', (code) =>
        reject(new Error(`${program} ended with code ${code} at its start`)),
      );
    });
    // A process that ends later must not turn an unobserved start into an unhandled rejection.
    this.ready.catch(() => {});
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get alive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  send(message: ToProcess): void {
    if (this.#process.connected) this.#process.send(message, () => {});
  }

  /** As the kernel does it when memory is used up: no last words, and it counts as a crash. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    if (!this.alive) return;
    this.send({ type: 'stop' });
    const timer = setTimeout(() => this.kill(), stopTimeoutMs);
    await this.#exited.catch(() => {});
    clearTimeout(timer);
  }
}
