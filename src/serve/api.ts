import { join } from 'node:path';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import type { Admission, Cardinality, Credentials, Pipelines } from '../admit/index.ts';
import type { Cases } from '../cases/index.ts';
import type { Config } from '../config/index.ts';
import type { WritableStore } from '../detail/index.ts';
import type { Detections } from '../detect/index.ts';
import type { Indicator, Learning } from '../diagnose/index.ts';
import type { CallsGraphs, Ledger } from '../ledger/index.ts';
import { type Clock, type Logger, newUuid } from '../lib/index.ts';
import { greyFailures, type Health, type Intake, type Storage } from '../operate/index.ts';
import {
  alertRoutes,
  changeBlock,
  createOtlpIntake,
  type Door,
  dynamicRoutes,
  type FrontDeps,
  maskedChanges,
  type OtlpIntake,
  type Scraper,
} from '../receive/index.ts';
import type { Remedy } from '../remedy/index.ts';
import { createPatternBook, patientLookup, patternLookup, type Rollup } from '../rollup/index.ts';
import { cypherWindow, liveCallsFrom, liveLoadFrom } from '../topology/index.ts';
import { callerOf, callersLedger } from './caller.ts';
import { caseRoutes } from './cases.ts';
import { changeRoutes } from './changes.ts';
import { cypherRoutes } from './cypher.ts';
import { deadLetterRoutes } from './dead-letters.ts';
import { diagnoseRoutes, edgesAt } from './diagnose.ts';
import { diagnoseFileRoutes } from './diagnose-files.ts';
import { docsRoutes } from './docs.ts';
import { etlRoutes } from './etl.ts';
import { evidenceRoutes } from './evidence.ts';
import { exploreRoutes } from './explore.ts';
import { flowRoutes } from './flows.ts';
import { healthRoutes } from './health.ts';
import { intakeRoutes } from './intake.ts';
import { objectiveRoutes } from './objectives.ts';
import { patternRoutes } from './patterns/index.ts';
import { pipelineRoutes } from './pipelines.ts';
import { priorRoutes } from './priors.ts';
import { questionRoutes } from './questions.ts';
import { createReplay } from './replay.ts';
import { telemetrySenders } from './senders.ts';
import { seriesRoutes } from './series.ts';
import { createServer, type RouteGroup } from './server.ts';
import { sqlRoutes } from './sql.ts';
import { consoleRoutes } from './static.ts';
import { storageRoutes } from './storage.ts';
import { targetRoutes } from './targets.ts';
import { type NodeHealth, topologyRoutes } from './topology.ts';
import { topologyTimeRoutes } from './topology-time.ts';
import type { TenantOf } from './window.ts';

export interface ApiDeps {
  config: Config;
  log: Logger;
  clock: Clock;
  health: Health;
  credentials: Credentials;
  door: Admission;
  pipelines: Pipelines;
  guard: Cardinality;
  intake: Intake;
  otlp: OtlpIntake;
  detail: WritableStore;
  ledger: Ledger;
  graphs: CallsGraphs;
  rollup: Rollup;
  storage: Pick<Storage, 'report'>;
  scraper: Pick<Scraper, 'state'>;
  /** Whether telemetry is taken in at this port; otherwise another process does. */
  receives: boolean;
  detection: Detections;
  cases: Cases;
  remedy: Remedy;
  /** The catalogue of checks. */
  indicators: readonly Indicator[];
  learning: Learning;
  /** Where `web/dist` lies. */
  productDir: string;
}

/** Acknowledged a change only when it is on disk, through the same door as all telemetry. */
async function appendChanges(
  deps: ApiDeps,
  tenant: string,
  events: Parameters<typeof changeBlock>[1],
): Promise<void> {
  const block = changeBlock(tenant, maskedChanges(deps.config.ingest, tenant, events));
  const startedAt = deps.clock.monotonic();
  const leave = deps.door.enter(block.bytes.length, tenant);
  try {
    await deps.door.deliver({
      tenant,
      signal: 'changes',
      blocks: [block],
      records: events.length,
      rejected: 0,
      bytes: block.bytes.length,
      startedAt,
    });
  } finally {
    leave();
  }
}

function readiness(deps: ApiDeps): { ready: boolean; reason: string } {
  const { config, door } = deps;
  const detail = deps.detail.health();
  if (!detail.ready)
    return { ready: false, reason: detail.lastError ?? 'write-ahead segments are being replayed' };
  const [reason] = greyFailures(config, detail, door.state());
  return reason === undefined ? { ready: true, reason: 'ok' } : { ready: false, reason };
}

/** What detection says of each service that it watches: a broken objective is failing, another signal suspect. */
function healthNow(detection: Detections, tenant: string): Map<string, NodeHealth> {
  const health = new Map<string, NodeHealth>(
    detection.objectives(tenant).map(({ service }) => [service, 'ok']),
  );
  for (const signal of detection.activeSignals(tenant)) {
    if (signal.kind === 'slo_violation') health.set(signal.service, 'failing');
    else if (health.get(signal.service) !== 'failing') health.set(signal.service, 'suspect');
  }
  return health;
}

const tenantOf: TenantOf = (request) => callerOf(request).tenant;

/** Everything under /api/v1. */
function versioned(deps: ApiDeps): RouteGroup {
  const { config, clock, detail, ledger, detection } = deps;
  // What answers users reads as their tenant; what changes something, or speaks for all, has the whole ledger.
  const reader = callersLedger(ledger);
  const names = patientLookup(patternLookup(reader), clock);
  const common = { detail, ledger: reader, clock, tenantOf, windowMsMax: config.query.windowSMax * 1_000 };
  return async (app) => {
    await app.register(
      exploreRoutes({
        ...common,
        openSignals: async (tenant) => detection.activeSignals(tenant),
        objectives: async (tenant) => detection.objectives(tenant),
        ...names,
      }),
    );
    const inBackground = (work: () => Promise<unknown>) =>
      void work().catch((error: unknown) =>
        deps.log.error({ err: error }, 'patterns could not be mined again'),
      );
    const book = createPatternBook({ ledger, detail, clock, inBackground });
    await app.register(patternRoutes({ ...common, ...patternLookup(reader), book }));
    await app.register(
      changeRoutes({
        ...common,
        newId: newUuid,
        clockSkewMsMax: config.ingest.clockSkewS * 1_000,
        appendChanges: (tenant, events) => appendChanges(deps, tenant, events),
      }),
    );
    await app.register(
      evidenceRoutes({
        ...common,
        frozenRows: async (tenant, evidenceId) => (await deps.cases.evidence(tenant, evidenceId)).frozen,
      }),
    );
    await app.register(
      deadLetterRoutes({ ...common, letters: createReplay({ ...deps, fronts: replayed(deps) }) }),
    );
    await app.register(flowRoutes(common));
    await app.register(questionRoutes({ ...common, ...names }));
    await app.register(seriesRoutes(common));
    await app.register(intakeRoutes(deps.intake));
    await app.register(storageRoutes(deps.storage));
    await app.register(sqlRoutes({ detail, tenantOf, dataDir: config.dataDir }));
    await app.register(objectiveRoutes({ ...common, detection }));
    await app.register(diagnoseFileRoutes(deps));
    await app.register(diagnoseRoutes({ ...common, edges: edgesAt(ledger), indicators: deps.indicators }));
    await app.register(priorRoutes({ learning: deps.learning, enabled: config.diagnose.learning, tenantOf }));
    await app.register(pipelineRoutes({ pipelines: deps.pipelines, tenantOf }));
    await app.register(targetRoutes({ state: () => deps.scraper.state() }));
    await app.register(topologyTimeRoutes({ ledger: reader, clock, tenantOf }));
    await app.register(cypherRoutes({ ledger: reader, clock, tenantOf, ask: cypherWindow(deps) }));
    await app.register(
      topologyRoutes({
        ledger: reader,
        clock,
        log: deps.log,
        tenantOf,
        liveCalls: liveCallsFrom(detail),
        liveLoad: liveLoadFrom(detail),
        healthOf: async (tenant) => healthNow(detection, tenant),
      }),
    );
  };
}

const frontOf = (deps: ApiDeps, door: Door = deps.door): FrontDeps => ({
  door,
  guard: deps.guard,
  clock: deps.clock,
  log: deps.log,
  config: deps.config.ingest,
  ready: () => readiness(deps),
});

/** Senders whose requests need more than the door: alerts go to detection too, tables are registered in the ledger. */
function ownSenders(deps: ApiDeps, front: FrontDeps): FastifyPluginAsync {
  return async (app) => {
    await app.register(
      alertRoutes({
        ...front,
        openCases: deps.config.alerts.openCases.map((severity) => severity.toLowerCase()),
        onAlerts: (tenant, alerts) => deps.detection.noticeAlerts(tenant, alerts),
      }),
    );
    for (const prefix of ['', '/api/v1'])
      await app.register(dynamicRoutes({ ...front, registry: deps.ledger }), { prefix });
  };
}

/** The receivers of this port before another door. */
const replayed =
  (deps: ApiDeps) =>
  (door: Door): FastifyPluginAsync =>
  async (app) => {
    const otlp = createOtlpIntake({
      door,
      guard: deps.guard,
      clock: deps.clock,
      config: deps.config.ingest,
    });
    await app.register(telemetrySenders(deps.config, frontOf(deps, door), otlp));
    await app.register(ownSenders(deps, frontOf(deps, door)));
  };

/** The whole HTTP face. The caller listens and closes. */
export async function createApi(deps: ApiDeps): Promise<FastifyInstance> {
  const { config, log, ledger, rollup } = deps;
  const { connections, ingest } = config;
  const app = await createServer({
    log,
    callerOf: (authorization) => deps.credentials.callerOf(authorization),
    bodyBytesMax: ingest.bodyBytesMax,
    connections,
  });
  await app.register(healthRoutes({ health: deps.health, ready: () => readiness(deps) }));
  await app.register(versioned(deps), { prefix: '/api/v1' });
  await app.register(caseRoutes({ ...deps, callerOf }));
  // The source writes this call without a prefix; both are the same handlers.
  for (const prefix of ['', '/api/v1']) {
    await app.register(
      etlRoutes({
        ledger,
        reader: callersLedger(ledger),
        rollup,
        clock: deps.clock,
        tenantOf,
        callerOf,
      }),
      { prefix },
    );
  }
  if (deps.receives) await app.register(telemetrySenders(config, frontOf(deps), deps.otlp));
  await app.register(ownSenders(deps, frontOf(deps)));
  await app.register(docsRoutes());
  await app.register(consoleRoutes({ distDir: join(deps.productDir, 'web', 'dist') }));
  return app;
}
