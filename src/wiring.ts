/**
 * What both kinds of process have in common, the one that does everything (`main.ts`) and the one that only takes in
 * (`main-ingest.ts`): the order of stopping, the pipelines, the door, the receivers. Nothing here loads an engine.
 */
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Admission,
  type Cardinality,
  Credentials,
  createAdmission,
  createDiskWatch,
  createMasker,
  loadMasking,
  Pipelines,
  sharedPipelinesFile,
} from './admit/index.ts';
import type { Config } from './config/index.ts';
import type { IngestStore } from './detail/index.ts';
import { ClewError, type Logger, systemClock } from './lib/index.ts';
import { flowSource, type HealthSource, scrapeSource, syslogSource } from './operate/index.ts';
import {
  createOtlpGrpcServer,
  createOtlpServer,
  createSyslog,
  type Door,
  type FlowListener,
  type OtlpIntake,
  Scraper,
  startFlowListener,
} from './receive/index.ts';

export interface Clew {
  /** Address of the console and the API; of a process that only takes in, of its receivers, probes and figures. */
  url: string;
  /** Where OTLP is received; null when this process does not take in. */
  otlp: OtlpAddresses | null;
  roles: readonly string[];
  /** Takes no more, finishes what is under way, releases the stores. Idempotent. */
  stop(): Promise<void>;
}

export interface OtlpAddresses {
  /** Of OTLP/HTTP. */
  url: string;
  /** `host:port` of OTLP/gRPC. */
  grpc: string;
}

/** Files of the product itself, beside `src/`. */
export const productDir = join(import.meta.dirname, '..');
export const clock = systemClock;

/** What has started, so that it can be stopped in the reverse order, whether or not the rest came up. */
export class Started {
  readonly #parts: { name: string; stop: () => Promise<unknown> }[] = [];
  readonly #log: Logger;
  #stopping: Promise<void> | null = null;

  constructor(log: Logger) {
    this.#log = log;
  }

  add(name: string, stop: () => Promise<unknown>): void {
    this.#parts.push({ name, stop });
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #stopAll(): Promise<void> {
    for (const part of this.#parts.toReversed()) {
      try {
        await part.stop();
      } catch (error) {
        this.#log.error({ err: error, part: part.name }, 'a part did not stop cleanly');
      }
    }
  }
}

export const catalogDirs = (config: Config): string[] => [
  join(productDir, 'catalog'),
  ...config.catalog.dirs,
];

/** What happens to records before they are stored. It goes with the limits to all receivers alike. */
export async function createPipelines(config: Config, log: Logger): Promise<Pipelines> {
  const masker = createMasker(await loadMasking(catalogDirs(config), clock), config.masking);
  const pipelines = new Pipelines({
    catalogDirs: catalogDirs(config),
    masker,
    clock,
    log,
    sharedFile: sharedPipelinesFile(config.dataDir),
  });
  await pipelines.loadFiles();
  return pipelines;
}

export async function listen(
  app: { listen(options: { host: string; port: number }): Promise<string> },
  address: { host: string; port: number },
  key: string,
): Promise<string> {
  try {
    return await app.listen(address);
  } catch (error) {
    const inUse = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    if (!inUse) throw error;
    const message = `${address.host}:${address.port} is already in use; set ${key}.port to another port (0 picks a free one).`;
    throw new ClewError('bad_request', message, { cause: error });
  }
}

/** Whose requests are taken; the file of tokens is watched from now on. */
export async function createCredentials(config: Config, log: Logger, started: Started): Promise<Credentials> {
  const credentials = new Credentials({ config, clock, log });
  await credentials.load();
  credentials.watch();
  started.add('credentials', () => credentials.stop());
  return credentials;
}

/** Every tenant whose telemetry may come in: those with a token, and those of listeners that ask for none. */
export function tenantsServed(config: Config, credentials: Credentials): readonly string[] {
  const listeners = [config.syslog.tenant, config.flow.tenant, config.scrape.tenant];
  return [...new Set([...credentials.tenants(), ...listeners.filter((tenant) => tenant !== '')])];
}

interface DoorParts {
  config: Config;
  log: Logger;
  store: IngestStore;
  masker: Pipelines['masker'];
  credentials: Credentials;
}

/** Between the receivers and a store, the whole one or the write-ahead log alone. */
export function createDoor({ config, log, store, masker, credentials }: DoorParts): Admission {
  return createAdmission({
    config,
    credentials,
    clock,
    log,
    append: (block) => store.append(block),
    expectAgain: (request, table) => store.expectAgain(request, table),
    pendingBytes: () => store.health().pendingBytes,
    diskFreeBytes: createDiskWatch(() => diskFree(config.dataDir), clock, log).free,
    masker,
  });
}

interface ReceiverParts {
  config: Config;
  log: Logger;
  door: Door;
  guard: Cardinality;
  otlp: OtlpIntake;
  ready: () => boolean;
}

/** The receivers with ports of their own, and the scraper. */
export interface Receivers {
  scraper: Scraper;
  /** Health of those that are enabled. */
  sources: HealthSource[];
  start(started: Started): Promise<OtlpAddresses>;
}

export function createReceivers(parts: ReceiverParts): Receivers {
  const { config, log, door, guard } = parts;
  const syslog = createSyslog({ door, config: ofTenant(config, config.syslog), clock, log });
  const scraper = new Scraper({ door, guard, config: ofTenant(config, config.scrape), clock, log });
  let flows: FlowListener | null = null;
  return {
    scraper,
    sources: [
      ...(anySyslog(config) ? [syslogSource(syslog)] : []),
      ...(config.flow.enabled ? [flowSource(() => flows)] : []),
      ...(config.scrape.configFile === '' ? [] : [scrapeSource(() => scraper.state())]),
    ],
    async start(started) {
      const addresses = await startOtlp(parts, started);
      started.add('syslog', () => syslog.stop());
      await syslog.start();
      flows = await startFlows(config, log, door, started);
      started.add('scraper', () => scraper.stop());
      await scraper.start();
      return addresses;
    },
  };
}

/** The settings of a listener whose senders show no token. */
const ofTenant = (config: Config, { tenant }: { tenant: string }): Config =>
  tenant === '' ? config : { ...config, tenant };

/** OTLP on its own two ports, as every exporter has them by default. */
async function startOtlp(parts: ReceiverParts, started: Started): Promise<OtlpAddresses> {
  const { config, otlp, log, door, ready } = parts;
  const { connections } = config;
  const deps = { door, config: config.ingest, connections, clock, log, ready };
  const http = createOtlpServer(deps, otlp);
  const url = await listen(http, config.otlpHttp, 'otlp_http');
  started.add('otlp/http', () => http.close());
  const grpcServer = createOtlpGrpcServer(deps, otlp);
  const grpc = await listen(grpcServer, config.otlpGrpc, 'otlp_grpc');
  started.add('otlp/grpc', () => grpcServer.close());
  return { url, grpc };
}

/** Off unless asked for: datagrams carry no credentials. */
async function startFlows(
  config: Config,
  log: Logger,
  door: Door,
  started: Started,
): Promise<FlowListener | null> {
  if (!config.flow.enabled) return null;
  const { tenant, flow, ingest: limits } = ofTenant(config, config.flow);
  const listener = await startFlowListener({ door, config: flow, limits, tenant, clock, log });
  started.add('flows', () => listener.stop());
  log.info({ host: flow.host, ...listener.ports }, 'receiving flows');
  return listener;
}

const anySyslog = ({ syslog }: Config): boolean =>
  syslog.tcp.enabled || syslog.udp.enabled || syslog.tls.enabled;

async function diskFree(dir: string): Promise<number> {
  const { bavail, bsize } = await statfs(dir);
  return bavail * bsize;
}
