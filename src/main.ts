/**
 * The wiring: which parts there are, what each is handed, the order in which they start, and the reverse in which they
 * stop. Rooms know only rooms to their left; everything else they need comes from here as functions.
 */
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { createCardinality } from './admit/index.ts';
import { type Bus, createBus } from './bus/index.ts';
import { type Cases, createCases, namedCause } from './cases/index.ts';
import {
  type Config,
  directoriesOf,
  requireAllowBeyondLoopback,
  requireCredentialsBeyondLoopback,
  rolesOf,
} from './config/index.ts';
import { openDetailStore, type WritableStore } from './detail/index.ts';
import { anomalyJob, createDetections, type Detections, loadObjectives } from './detect/index.ts';
import {
  createDiagnosis,
  createLearning,
  type Indicator,
  type Learning,
  loadIndicators,
} from './diagnose/index.ts';
import { type CallsGraphs, type Ledger, openGraphs, openLedger } from './ledger/index.ts';
import { collectGarbage, inlineMore, isClewError, type Logger, newUuid, sha256Hex } from './lib/index.ts';
import {
  busSource,
  cardinalitySource,
  createHealth,
  createIntake,
  createStorage,
  detailSource,
  doorSource,
  ledgerSource,
  lockRoles,
  makeDataDir,
  processSource,
  rollupSource,
  type Storage,
} from './operate/index.ts';
import { readRows } from './query/index.ts';
import { createOtlpIntake } from './receive/index.ts';
import { createRemedy, type Remedy } from './remedy/index.ts';
import { createRollup, knownTenants, loadSources, type Rollup } from './rollup/index.ts';
import { createApi } from './serve/index.ts';
import { ageRefresh, topologyJobs } from './topology/index.ts';
import {
  type Clew,
  catalogDirs,
  clock,
  createCredentials,
  createDoor,
  createPipelines,
  createReceivers,
  listen,
  productDir,
  Started,
  tenantsServed,
} from './wiring.ts';

interface Stores {
  detail: WritableStore;
  ledger: Ledger;
  graphs: CallsGraphs;
}

async function openStores(config: Config, log: Logger, started: Started): Promise<Stores> {
  const besideIngest = !rolesOf(config).includes('ingest');
  const [detail, ledger] = await Promise.allSettled([
    openDetailStore({ dir: join(config.dataDir, 'detail'), config, clock, log, besideIngest }),
    openLedger({ dir: join(config.dataDir, 'ledger'), ...config.ledger, clock, log }),
  ]);
  if (ledger.status === 'fulfilled') started.add('ledger', () => ledger.value.close());
  if (detail.status === 'fulfilled') started.add('detail', () => detail.value.close());
  if (detail.status === 'rejected') throw detail.reason;
  if (ledger.status === 'rejected') throw ledger.reason;
  const graphs = openGraphs({
    ledger: ledger.value,
    mode: config.ledger.graph,
    dir: join(config.dataDir, 'graph'),
    defaultTenantId: await ledger.value.tenantId(config.tenant),
    clock,
    log,
  });
  started.add('graphs', () => graphs.close());
  return { detail: detail.value, ledger: ledger.value, graphs };
}

interface Loop {
  detection: Detections;
  cases: Cases;
  remedy: Remedy;
  bus: Bus;
  /** The catalogue of checks. */
  indicators: readonly Indicator[];
  learning: Learning;
}

/** Detection opens cases and cases ask for a diagnosis of what detection sees: the one knot, tied here. */
async function createLoop(
  config: Config,
  log: Logger,
  stores: Stores,
  tenants: () => readonly string[],
): Promise<Loop> {
  const { detail, ledger } = stores;
  const bus = createBus({ ledger, clock, log });
  const rules = await loadObjectives(catalogDirs(config));
  const indicators = loadIndicators(catalogDirs(config));
  const cases: Cases = createCases({
    ledger,
    clock,
    log,
    bus,
    automatic: config.cases.automatic,
    diagnose: async (tenant, input) => learning.applied(tenant, await diagnosis.diagnose(tenant, input)),
    evidenceRows: async (tenant, filter, limit) => (await readRows(detail, tenant, filter, limit)).rows,
  });
  const detection = createDetections({
    store: detail,
    ledger,
    clock,
    log,
    newId: newUuid,
    tenants,
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
    liveOf: (tenant) => detection.liveOf(tenant),
    clock,
    baselineS: config.detect.baselineS,
    indicators,
  });
  const learning = createLearning({
    ledger,
    clock,
    bus,
    enabled: config.diagnose.learning,
    causeOf: (caseId) => namedCause(cases, caseId),
  });
  const remedy = createRemedy({
    ledger,
    clock,
    log,
    bus,
    cases,
    limits: config.remedy,
    reaches: (tenant) => tenant === config.tenant || config.remedy.tenants.includes(tenant),
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
  return { detection, cases, remedy, bus, indicators, learning };
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

const createJobs = async (
  config: Config,
  log: Logger,
  stores: Stores,
  detection: Detections,
  tenants: () => readonly string[],
): Promise<Rollup> =>
  createRollup({
    ...stores,
    sources: await loadSources(stores.detail, { file: config.rollup.sourcesFile, mock: config.mock }),
    config: config.rollup,
    patterns: config.patterns,
    tenants: async () => [...new Set([...(await knownTenants(stores.ledger, config.tenant)), ...tenants()])],
    clock,
    log,
    worker: newUuid(),
    jobs: [
      ...createTopologyJobs(config, stores.ledger),
      ageRefresh(stores.graphs, stores.ledger, config.rollup.delayS * 1_000),
      ...createAnomalyJob(config, stores.ledger, detection),
    ],
  });

const createAnomalyJob = ({ detect, rollup }: Config, ledger: Ledger, detection: Detections) =>
  detect.enabled
    ? [
        anomalyJob({
          ledger,
          delayMs: rollup.delayS * 1_000,
          initialLookbackMs: rollup.initialLookbackS * 1_000,
          notice: (tenant, anomalies) => detection.noticeAnomalies(tenant, anomalies),
        }),
      ]
    : [];

const createTopologyJobs = ({ topology, rollup, tenant }: Config, ledger: Ledger) =>
  topologyJobs({
    ledger,
    iacDirs: (code) => directoriesOf(topology.iacDirs, code, tenant),
    ansibleDirs: (code) => directoriesOf(topology.ansibleDirs, code, tenant),
    iacEveryMs: topology.iacEveryS * 1_000,
    ansibleEveryMs: topology.ansibleEveryS * 1_000,
    callsIdleMs: topology.callsIdleS * 1_000,
    delayMs: rollup.delayS * 1_000,
    initialLookbackMs: rollup.initialLookbackS * 1_000,
  });

function startRollup(rollup: Rollup, config: Config, started: Started): void {
  if (!config.rollup.enabled) return;
  rollup.start();
  started.add('rollup', () => rollup.stop());
}

function startStorage(config: Config, log: Logger, stores: Stores, started: Started): Storage {
  const { dataDir } = config;
  const storage = createStorage({
    ...stores,
    dataDir,
    instance: sha256Hex(`${hostname()}:${resolve(dataDir)}`).slice(0, 12),
    keepFreeBytes: config.ingest.diskFreeBytesMin,
    clock,
    log,
  });
  storage.start();
  started.add('storage', () => storage.stop());
  return storage;
}

/** Starts every part. Throws a ClewError that says what to change when one can't start; nothing is left running then. */
export async function startClew(settings: Config, log: Logger): Promise<Clew> {
  const roles = rolesOf(settings);
  requireCredentialsBeyondLoopback(settings);
  inlineMore();
  requireAllowBeyondLoopback(settings);
  const pipelines = await createPipelines(settings, log);
  const config: Config = { ...settings, ingest: Object.assign({ refinery: pipelines }, settings.ingest) };
  const started = new Started(log);
  try {
    makeDataDir(config.dataDir);
    const unlock = lockRoles(config.dataDir, roles);
    started.add('roles', async () => unlock());
    const stores = await openStores(config, log, started);
    started.add('pipelines', () => pipelines.stop());
    await pipelines.start(stores.ledger);
    const credentials = await createCredentials(config, log, started);
    const tenants = () => tenantsServed(config, credentials);
    const { masker } = pipelines;
    const door = createDoor({ config, log, store: stores.detail, masker, credentials });
    const guard = createCardinality(config.limits);
    const intake = createIntake({ clock, detail: stores.detail, door, guard });
    const loop = await createLoop(config, log, stores, tenants);
    const otlp = createOtlpIntake({ door, guard, config: config.ingest, clock });
    const ready = () => stores.detail.health().ready;
    const receivers = createReceivers({ config, log, door, guard, otlp, ready });
    const receives = roles.includes('ingest');
    const rollup = await createJobs(config, log, stores, loop.detection, tenants);
    const health = createHealth(clock, [
      processSource(config.dataDir),
      detailSource(stores.detail),
      doorSource(config, stores.detail, door),
      cardinalitySource(guard, clock),
      ledgerSource(stores.ledger),
      busSource(loop.bus),
      rollupSource(stores.ledger, clock, { jobs: rollup.jobs, enabled: config.rollup.enabled }, tenants),
      ...(receives ? receivers.sources : []),
    ]);
    await startLoop(loop, started);
    intake.start();
    started.add('intake', () => intake.stop());
    startRollup(rollup, config, started);
    const storage = startStorage(config, log, stores, started);
    const shown = {
      config,
      log,
      clock,
      health,
      pipelines,
      credentials,
      door,
      guard,
      intake,
      otlp,
      rollup,
      storage,
      scraper: receivers.scraper,
      receives,
      productDir,
    };
    const api = await createApi({ ...shown, ...stores, ...loop });
    const url = await listen(api, config.http, 'http');
    started.add('api', () => api.close());
    const addresses = receives ? await receivers.start(started) : null;
    collectGarbage();
    return { url, otlp: addresses, roles, stop: () => started.stop() };
  } catch (error) {
    await started.stop();
    throw error;
  }
}
