/**
 * The wiring: which parts there are, what each is handed, the order in which they start, and the reverse in which they
 * stop. Rooms know only rooms to their left; everything else they need comes from here as functions.
 */
import { mkdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createAdmission,
  createCardinality,
  createDiskWatch,
  createMasker,
  loadMasking,
  Pipelines,
} from './admit/index.ts';
import { type Bus, createBus } from './bus/index.ts';
import { type Cases, createCases } from './cases/index.ts';
import { type Config, requireAllowBeyondLoopback, requireCredentialsBeyondLoopback } from './config/index.ts';
import { openDetailStore, type WritableStore } from './detail/index.ts';
import { createDetection, type Detection, loadObjectives } from './detect/index.ts';
import { createDiagnosis } from './diagnose/index.ts';
import { type Ledger, openLedger } from './ledger/index.ts';
import {
  ClewError,
  collectGarbage,
  inlineMore,
  isClewError,
  type Logger,
  newUuid,
  systemClock,
} from './lib/index.ts';
import {
  busSource,
  cardinalitySource,
  createHealth,
  createIntake,
  detailSource,
  doorSource,
  flowSource,
  ledgerSource,
  processSource,
  rollupSource,
  scrapeSource,
  syslogSource,
} from './operate/index.ts';
import { readRows } from './query/index.ts';
import {
  createOtlpGrpcServer,
  createOtlpIntake,
  createOtlpServer,
  createSyslog,
  type Door,
  type FlowListener,
  type OtlpIntake,
  Scraper,
  startFlowListener,
} from './receive/index.ts';
import { createRemedy, type Remedy } from './remedy/index.ts';
import { createRollup, type Rollup } from './rollup/index.ts';
import { createApi } from './serve/index.ts';

export interface Clew {
  /** Address of the console and the API. */
  url: string;
  otlpUrl: string;
  /** `host:port` of OTLP/gRPC. */
  otlpGrpc: string;
  /** Takes no more, finishes what is under way, releases the stores. Idempotent. */
  stop(): Promise<void>;
}

/** Files of the product itself, beside `src/`. */
const productDir = join(import.meta.dirname, '..');
const clock = systemClock;

/** What has started, so that it can be stopped in the reverse order, whether or not the rest came up. */
class Started {
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

interface Stores {
  detail: WritableStore;
  ledger: Ledger;
}

async function openStores(config: Config, log: Logger, started: Started): Promise<Stores> {
  await mkdir(config.dataDir, { recursive: true });
  const [detail, ledger] = await Promise.allSettled([
    openDetailStore({ dir: join(config.dataDir, 'detail'), config, clock, log }),
    openLedger({ dir: join(config.dataDir, 'ledger'), clock, log }),
  ]);
  if (ledger.status === 'fulfilled') started.add('ledger', () => ledger.value.close());
  if (detail.status === 'fulfilled') started.add('detail', () => detail.value.close());
  if (detail.status === 'rejected') throw detail.reason;
  if (ledger.status === 'rejected') throw ledger.reason;
  return { detail: detail.value, ledger: ledger.value };
}

interface Loop {
  detection: Detection;
  cases: Cases;
  remedy: Remedy;
  bus: Bus;
}

const catalogDirs = (config: Config): string[] => [join(productDir, 'catalog'), ...config.catalog.dirs];

/** Detection opens cases and cases ask for a diagnosis of what detection sees: the one knot, tied here. */
async function createLoop(config: Config, log: Logger, stores: Stores): Promise<Loop> {
  const { detail, ledger } = stores;
  const bus = createBus({ ledger, clock, log });
  const rules = await loadObjectives(catalogDirs(config));
  const cases: Cases = createCases({
    ledger,
    clock,
    log,
    bus,
    automatic: config.cases.automatic,
    diagnose: (tenant, input) => diagnosis.diagnose(tenant, input),
    evidenceRows: async (tenant, filter, limit) => (await readRows(detail, tenant, filter, limit)).rows,
  });
  const detection = createDetection({
    store: detail,
    ledger,
    clock,
    log,
    newId: newUuid,
    tenant: config.tenant,
    config: config.detect,
    rules,
    cases: {
      openIncident: (incident) => cases.openIncident(incident),
      attachSignals: ({ caseId, signals }) => cases.attachSignals(caseId, signals),
      signalsEnded: ({ caseId, fingerprints }) => cases.signalsEnded(caseId, fingerprints),
      caseStatus: (_tenant, caseId) => stateOf(cases, caseId),
    },
  });
  const diagnosis = createDiagnosis({
    store: detail,
    live: detection.live,
    clock,
    log,
    baselineS: config.detect.baselineS,
  });
  const remedy = createRemedy({
    ledger,
    clock,
    log,
    bus,
    cases,
    limits: config.remedy,
    verifyWindowS: config.cases.verifyWindowS,
    catalogDirs: catalogDirs(config),
    readObjective: (tenant, objectiveId, windowS) => detection.readObjective(tenant, objectiveId, windowS),
    hasActiveSignal: async (tenant, about) =>
      detection.activeSignals(tenant).some(
        (signal) =>
          // An alert may have been firing long before: it counts where it belongs to the incident.
          (signal.kind !== 'alert' && signal.resource === about.resource) ||
          about.fingerprints.includes(signal.fingerprint),
      ),
  });
  return { detection, cases, remedy, bus };
}

async function stateOf(cases: Cases, caseId: string) {
  try {
    return (await cases.head(caseId)).status;
  } catch (error) {
    if (isClewError(error) && error.code === 'not_found') return null;
    throw error;
  }
}

/** Bus first, so that what cases and remedy take up again can be delivered; detection last, it only adds work. */
async function startLoop(loop: Loop, started: Started): Promise<void> {
  await loop.bus.start();
  started.add('bus', () => loop.bus.stop());
  await loop.cases.start();
  started.add('cases', () => loop.cases.stop());
  await loop.remedy.start();
  started.add('remedy', () => loop.remedy.stop());
  await loop.detection.start();
  started.add('detection', () => loop.detection.stop());
}

function startRollup(config: Config, log: Logger, stores: Stores, started: Started): Rollup {
  const rollup = createRollup({
    ...stores,
    config: config.rollup,
    tenants: async () => [config.tenant],
    clock,
    log,
    worker: newUuid(),
  });
  if (config.rollup.enabled) {
    rollup.start();
    started.add('rollup', () => rollup.stop());
  }
  return rollup;
}

interface OtlpParts {
  config: Config;
  log: Logger;
  door: Door;
  otlp: OtlpIntake;
  ready: () => boolean;
}

/** OTLP on its own two ports, as every exporter has them by default. */
async function startOtlp(parts: OtlpParts, started: Started): Promise<{ otlpUrl: string; otlpGrpc: string }> {
  const { config, otlp, log, door, ready } = parts;
  const { connections } = config;
  const deps = { door, config: config.ingest, connections, clock, log, ready };
  const http = createOtlpServer(deps, otlp);
  const otlpUrl = await listen(http, config.otlpHttp, 'otlp_http');
  started.add('otlp/http', () => http.close());
  const grpc = createOtlpGrpcServer(deps, otlp);
  const otlpGrpc = await listen(grpc, config.otlpGrpc, 'otlp_grpc');
  started.add('otlp/grpc', () => grpc.close());
  return { otlpUrl, otlpGrpc };
}

/** Off unless asked for: datagrams carry no credentials. */
async function startFlows(
  config: Config,
  log: Logger,
  door: Door,
  started: Started,
): Promise<FlowListener | null> {
  if (!config.flow.enabled) return null;
  const { tenant, flow, ingest: limits } = config;
  const listener = await startFlowListener({ door, config: flow, limits, tenant, clock, log });
  started.add('flows', () => listener.stop());
  log.info({ host: flow.host, ...listener.ports }, 'receiving flows');
  return listener;
}

/** What happens to records before they are stored. It goes with the limits to all receivers alike. */
async function createPipelines(config: Config, log: Logger): Promise<Pipelines> {
  const masker = createMasker(await loadMasking(catalogDirs(config), clock), config.masking);
  const pipelines = new Pipelines({ catalogDirs: catalogDirs(config), masker, clock, log });
  await pipelines.loadFiles();
  return pipelines;
}

async function listen(
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

const anySyslog = ({ syslog }: Config): boolean =>
  syslog.tcp.enabled || syslog.udp.enabled || syslog.tls.enabled;

async function diskFree(dir: string): Promise<number> {
  const { bavail, bsize } = await statfs(dir);
  return bavail * bsize;
}

/** Starts every part. Throws a ClewError that says what to change when one can't start; nothing is left running then. */
export async function startClew(settings: Config, log: Logger): Promise<Clew> {
  requireCredentialsBeyondLoopback(settings);
  inlineMore();
  requireAllowBeyondLoopback(settings);
  const pipelines = await createPipelines(settings, log);
  const config: Config = { ...settings, ingest: Object.assign({ refinery: pipelines }, settings.ingest) };
  const started = new Started(log);
  try {
    const stores = await openStores(config, log, started);
    started.add('pipelines', () => pipelines.stop());
    await pipelines.start(stores.ledger);
    const door = createAdmission({
      config,
      clock,
      log,
      append: (block) => stores.detail.append(block),
      expectAgain: (request, table) => stores.detail.expectAgain(request, table),
      pendingBytes: () => stores.detail.health().pendingBytes,
      diskFreeBytes: createDiskWatch(() => diskFree(config.dataDir), clock, log).free,
    });
    const guard = createCardinality(config.limits);
    const intake = createIntake({ clock, detail: stores.detail, door, guard });
    const syslog = createSyslog({ door, config, clock, log });
    const loop = await createLoop(config, log, stores);
    let flows: FlowListener | null = null;
    const scraper = new Scraper({ door, guard, config, clock, log });
    const health = createHealth(clock, [
      processSource(config.dataDir),
      detailSource(stores.detail),
      doorSource(config, stores.detail, door),
      cardinalitySource(guard, clock),
      ledgerSource(stores.ledger),
      busSource(loop.bus),
      rollupSource(stores.ledger, clock, config.rollup, config.tenant),
      ...(anySyslog(config) ? [syslogSource(syslog)] : []),
      ...(config.flow.enabled ? [flowSource(() => flows)] : []),
      ...(config.scrape.configFile === '' ? [] : [scrapeSource(() => scraper.state())]),
    ]);
    await startLoop(loop, started);
    intake.start();
    started.add('intake', () => intake.stop());
    const rollup = startRollup(config, log, stores, started);
    const otlp = createOtlpIntake({ door, guard, config: config.ingest, clock });
    const shown = {
      config,
      log,
      clock,
      health,
      pipelines,
      door,
      guard,
      intake,
      otlp,
      rollup,
      scraper,
      productDir,
    };
    const api = await createApi({ ...shown, ...stores, ...loop });
    const url = await listen(api, config.http, 'http');
    started.add('api', () => api.close());
    const ready = () => stores.detail.health().ready;
    const addresses = await startOtlp({ config, log, door, otlp, ready }, started);
    started.add('syslog', () => syslog.stop());
    await syslog.start();
    flows = await startFlows(config, log, door, started);
    started.add('scraper', () => scraper.stop());
    await scraper.start();
    collectGarbage();
    return { url, ...addresses, stop: () => started.stop() };
  } catch (error) {
    await started.stop();
    throw error;
  }
}
