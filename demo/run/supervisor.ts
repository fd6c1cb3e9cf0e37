import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FromProcess } from '../lib/process.ts';
import { gatewayPart, loadPart, memoryLimitBytes, type Part, parts, providerPart } from './blueprint.ts';
import { Changes } from './changes.ts';
import { Child } from './child.ts';
import { type ControlServer, startControl } from './control.ts';
import { residentBytes } from './memory.ts';
import { freePorts } from './ports.ts';

/** How long a crashed process stays away, as a container's restart would take. */
const restartDelayMs = 6_000;
const memoryCheckMs = 500;

/** Who is told. */
export interface Receiver {
  otlpEndpoint: string;
  /** Where changes are announced; null: nowhere. */
  clewUrl: string | null;
}

export interface ShopOptions {
  /** Directory of the databases; it is made when missing. */
  dir: string;
  log(message: string): void;
}

/**
 * Node's own cache of compiled code, kept between runs: a process that finds its code there needs no TypeScript
 * machinery, which is 18 MB resident and a third of its start.
 */
const compiledDir = fileURLToPath(new URL('../../node_modules/.cache/shop', import.meta.url));

interface Instance {
  part: Part;
  version: string;
  child: Child;
  base: string;
  startedAt: number;
}

interface ConfigValue {
  value: string;
  version: number;
}

export interface ConfigChange {
  service: string;
  key: string;
  value: string;
  previous: string;
  version: number;
}

export class UnknownNameError extends Error {}

const program = (part: Part): string => fileURLToPath(new URL(`../${part.program}`, import.meta.url));

/** Runs the shop: starts its processes, restarts those that crash, deploys releases, changes configuration. */
export class Shop {
  readonly #options: ShopOptions;
  #changes: Changes;
  #otlpEndpoint = '';
  readonly #instances = new Map<string, Instance>();
  readonly #versions = new Map<string, string>();
  readonly #config = new Map<string, Map<string, ConfigValue>>();
  readonly #peers: Record<string, string> = {};
  #gatewayUrl = '';
  #control: ControlServer | undefined;
  #memoryTimer: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(options: ShopOptions) {
    this.#options = options;
    this.#changes = new Changes(null, options.log);
  }

  /** Says who is told, before the shop starts: an address may be known only when the shop's own are. */
  connect({ otlpEndpoint, clewUrl }: Receiver): this {
    this.#otlpEndpoint = otlpEndpoint;
    this.#changes = new Changes(clewUrl, this.#options.log);
    return this;
  }

  get urls(): { gateway: string; admin: string; control: string; provider: string } {
    return {
      gateway: this.#gatewayUrl,
      admin: this.#peers.admin ?? '',
      control: this.#control?.url ?? '',
      provider: this.config('payments', 'provider.url').value,
    };
  }

  get inventoryFile(): string {
    return join(this.#options.dir, 'inventory.db');
  }

  /** Where the other services reach a service: its port of the mesh. */
  addressOf(service: string): string {
    const address = this.#peers[service];
    if (address === undefined) throw new UnknownNameError(`No service ${service}.`);
    return address;
  }

  /** Picks every address and opens the control API, so that others can be told before the shop runs. */
  async prepare(): Promise<void> {
    mkdirSync(this.#options.dir, { recursive: true });
    for (const part of [gatewayPart, ...parts, providerPart, loadPart]) {
      this.#versions.set(part.name, part.version);
      const values = Object.entries(part.config);
      this.#config.set(part.name, new Map(values.map(([key, value]) => [key, { value, version: 1 }])));
    }
    const [admin, gateway, provider, ...mesh] = await freePorts(parts.length + 3);
    const address = (port: number | undefined) => `http://127.0.0.1:${port}`;
    for (const [index, part] of parts.entries()) this.#peers[part.name] = address(mesh[index]);
    this.#peers.admin = address(admin);
    this.#gatewayUrl = address(gateway);
    this.#config.get('payments')?.set('provider.url', { value: address(provider), version: 1 });
    this.#control = await startControl(this);
  }

  async start(): Promise<void> {
    if (!this.#control) await this.prepare();
    await this.#run(gatewayPart, gatewayPart.version, Number(new URL(this.#gatewayUrl).port));
    await this.#run(providerPart, '', Number(new URL(this.urls.provider).port));
    await Promise.all(parts.map((part) => this.#run(part, part.version)));
    await this.#run(loadPart, '');
    this.#memoryTimer = setInterval(() => void this.#checkMemory(), memoryCheckMs);
  }

  /** The customers leave first, then the services; nothing is left running. Safe to call twice. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#memoryTimer);
    const load = [...this.#instances.values()].filter(({ part }) => part === loadPart);
    await Promise.all(load.map(({ child }) => child.stop()));
    await Promise.all([...this.#instances.values()].map(({ child }) => child.stop()));
    await this.#changes.settled();
    await this.#control?.close();
  }

  services(): { name: string; version: string; pid: number; uptimeS: number; current: boolean }[] {
    return [...this.#instances.values()].map(({ part, version, child, startedAt }) => ({
      name: part.name,
      version,
      pid: child.pid,
      uptimeS: Math.round((Date.now() - startedAt) / 1_000),
      current: this.#versions.get(part.name) === version,
    }));
  }

  config(service: string, key: string): ConfigValue {
    const known = this.#config.get(service);
    if (!known) throw new UnknownNameError(`No service ${service}.`);
    const value = known.get(key);
    if (value === undefined)
      throw new UnknownNameError(`No key ${key} of ${service}; there are ${[...known.keys()].join(', ')}.`);
    return value;
  }

  /** Sets a value and pushes it to the running instances. `actor` null: a change that nobody announces. */
  setConfig(service: string, key: string, value: string, actor: string | null): ConfigChange {
    const before = this.config(service, key);
    const version = before.version + 1;
    this.#config.get(service)?.set(key, { value, version });
    for (const { part, child } of this.#instances.values())
      if (part.name === service) child.send({ type: 'config', key, value });
    if (actor !== null && value !== before.value)
      this.#changes.announce({
        kind: 'config',
        service,
        title: `${service}: ${key} changed from ${before.value} to ${value}`,
        actor,
        labels: { key, old: before.value, new: value, revision: String(version) },
      });
    return { service, key, value, previous: before.value, version };
  }

  /** Starts the release beside the old one, then shifts all traffic; the old one stays for the way back. */
  async deploy(service: string, version: string, actor: string): Promise<{ previous: string }> {
    const part = this.#part(service);
    const previous = this.#versions.get(service) ?? '';
    if (!this.#instances.has(`${service}@${version}`)) await this.#run(part, version);
    await this.#shift(service, version, actor);
    for (const [key, instance] of this.#instances) {
      if (instance.part !== part || instance.version === version || instance.version === previous) continue;
      this.#instances.delete(key);
      await this.#admin('DELETE', `/admin/routes/${service}/releases/${instance.version}`);
      await instance.child.stop();
    }
    return { previous };
  }

  /** Replaces the running instance: the new one is ready before the old one goes. */
  async restart(service: string, actor: string): Promise<void> {
    const part = this.#part(service);
    const version = this.#versions.get(service) ?? part.version;
    const old = this.#instances.get(`${service}@${version}`);
    await this.#run(part, version);
    await old?.child.stop();
    this.#changes.announce({
      kind: 'restart',
      service,
      title: `${service} ${version} restarted`,
      actor,
      labels: { version },
    });
  }

  async #shift(service: string, to: string, actor: string): Promise<void> {
    await this.#admin('PUT', `/admin/routes/${service}`, { to, actor });
  }

  #part(name: string): Part {
    const part = parts.find((candidate) => candidate.name === name);
    if (!part)
      throw new UnknownNameError(`No service ${name}; there are ${parts.map((p) => p.name).join(', ')}.`);
    return part;
  }

  async #run(part: Part, version: string, port = 0): Promise<void> {
    const key = `${part.name}@${version}`;
    const child = new Child({
      program: program(part),
      env: this.#environment(part, version, port),
      onMessage: (message) => this.#hear(message),
      onExit: (unexpected) => {
        if (unexpected && !this.#stopping) this.#comeBack(key, child, port);
      },
    });
    const base = `http://127.0.0.1:${await child.ready}`;
    this.#instances.set(key, { part, version, child, base, startedAt: Date.now() });
    if (part === gatewayPart) await this.#registerAll();
    else if (part.inside) await this.#register(part.name, version, base);
  }

  #environment(part: Part, version: string, port: number): Record<string, string> {
    const config = Object.fromEntries(
      [...(this.#config.get(part.name) ?? [])].map(([key, { value }]) => [key, value]),
    );
    const peers = part === loadPart ? { gateway: this.#gatewayUrl } : this.#peers;
    return {
      PATH: process.env.PATH ?? '',
      OTEL_SERVICE_NAME: part.name,
      OTEL_EXPORTER_OTLP_ENDPOINT: this.#otlpEndpoint,
      SHOP_VERSION: version,
      SHOP_INSTANCE_ID: `${part.name}-${randomBytes(3).toString('hex')}`,
      SHOP_PORT: String(port),
      SHOP_PEERS: JSON.stringify(peers),
      SHOP_CONFIG: JSON.stringify(config),
      SHOP_DATA_DIR: this.#options.dir,
      SHOP_MEMORY_LIMIT_BYTES: String(memoryLimitBytes),
      NODE_COMPILE_CACHE: compiledDir,
    };
  }

  /** A crashed process is started again after a while; until then its address refuses connections. */
  #comeBack(key: string, child: Child, port: number): void {
    const instance = this.#instances.get(key);
    if (instance?.child !== child) return;
    const { part, version } = instance;
    this.#options.log(`${part.name} ${version} crashed; it starts again in ${restartDelayMs / 1_000} s`);
    setTimeout(() => {
      if (this.#stopping || this.#instances.get(key)?.child !== child) return;
      this.#run(part, version, port).catch((error: Error) => {
        this.#options.log(`${part.name} did not come back: ${error.message}`);
        this.#comeBack(key, child, port);
      });
    }, restartDelayMs);
  }

  #hear(message: FromProcess): void {
    if (message.type !== 'flipped') return;
    const { service, from, to, actor } = message;
    this.#versions.set(service, to);
    this.#changes.announce({
      kind: 'deploy',
      service,
      title: `${service} ${to} takes over from ${from}`,
      actor,
      labels: { version: to, previous_version: from },
    });
  }

  async #registerAll(): Promise<void> {
    for (const { part, version, base } of this.#instances.values())
      if (part.inside && part !== gatewayPart) await this.#register(part.name, version, base);
    for (const part of parts) {
      const to = this.#versions.get(part.name) ?? part.version;
      if (this.#instances.has(`${part.name}@${to}`)) await this.#shift(part.name, to, 'supervisor');
    }
  }

  async #register(service: string, version: string, base: string): Promise<void> {
    await this.#admin('PUT', `/admin/routes/${service}/releases/${version}`, { base });
  }

  async #admin(method: string, path: string, body?: unknown): Promise<void> {
    const response = await fetch(`${this.#peers.admin}${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      signal: AbortSignal.timeout(5_000),
    });
    if (!response.ok) throw new UnknownNameError(`The gateway refused ${path}: ${await response.text()}`);
  }

  async #checkMemory(): Promise<void> {
    for (const { part, child } of this.#instances.values()) {
      if (!part.inside || !child.alive) continue;
      if ((await residentBytes(child.pid)) > memoryLimitBytes) child.kill();
    }
  }
}
