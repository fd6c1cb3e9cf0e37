import { type Answer, type CallOptions, HttpClient } from './http-client.ts';
import { type Handler, HttpServer } from './http-server.ts';
import { endWithParent, type ToProcess, tell } from './process.ts';
import { startRuntimeMetrics } from './runtime-metrics.ts';
import { readSettings, type Settings } from './settings.ts';
import { asError, type LogLevel, Telemetry } from './telemetry.ts';

type Call = Omit<CallOptions, 'base' | 'peer'>;

/** What a service is written against: routes, calls to its peers, configuration, telemetry. */
export class Service {
  readonly settings: Settings;
  readonly telemetry: Telemetry;
  readonly client: HttpClient;
  readonly #server: HttpServer;
  readonly #config: Map<string, string>;
  readonly #watchers = new Map<string, (value: string) => void>();

  constructor(settings: Settings) {
    this.settings = settings;
    this.telemetry = new Telemetry(settings);
    this.client = new HttpClient(this.telemetry);
    this.#server = new HttpServer(this.telemetry);
    this.#config = new Map(Object.entries(settings.config));
    startRuntimeMetrics(this.telemetry, settings.memoryLimitBytes);
    this.onConfig('log.level', (value) => {
      this.telemetry.level = levels.find((level) => level === value) ?? 'info';
    });
  }

  route(pattern: string, handler: Handler): void {
    this.#server.router.add(pattern, handler);
  }

  /** Calls another service; its failure becomes our 502. */
  ask(peer: string, call: Call): Promise<Record<string, unknown>> {
    return this.client.expect({ ...call, base: this.#peer(peer), peer });
  }

  /** Calls another service and returns its answer whatever the status. */
  forward(peer: string, call: Call): Promise<Answer> {
    return this.client.call({ ...call, base: this.#peer(peer), peer });
  }

  config(key: string, fallback: string): string {
    return this.#config.get(key) ?? fallback;
  }

  /** Calls back now if the value is set, and whenever it changes. */
  onConfig(key: string, changed: (value: string) => void): void {
    this.#watchers.set(key, changed);
    const value = this.#config.get(key);
    if (value !== undefined) changed(value);
  }

  setConfig(key: string, value: string): void {
    const before = this.#config.get(key);
    this.#config.set(key, value);
    this.telemetry.log('info', `configuration ${key} changed from ${before ?? '(unset)'} to ${value}`, {
      'config.key': key,
    });
    try {
      this.#watchers.get(key)?.(value);
    } catch (thrown) {
      this.telemetry.log('error', `configuration ${key}=${value} is refused: ${asError(thrown).message}`);
    }
  }

  async listen(): Promise<number> {
    const port = await this.#server.listen(this.settings.port);
    const { service, version } = this.settings;
    this.telemetry.log('info', `${service} ${version} listens on port ${port}`);
    return port;
  }

  close(): void {
    this.#server.close();
  }

  #peer(name: string): string {
    const base = this.settings.peers[name];
    if (base === undefined) throw new Error(`The address of service ${name} is not known.`);
    return base;
  }
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** Runs one service in this process until the supervisor ends it. */
export async function runService(define: (service: Service) => void | Promise<void>): Promise<void> {
  const service = new Service(readSettings());
  endWithParent(() => {
    service.close();
    return service.telemetry.shutdown();
  });
  process.on('message', (message: ToProcess) => {
    if (message.type === 'config') service.setConfig(message.key, message.value);
  });
  await define(service);
  tell({ type: 'ready', port: await service.listen() });
}
