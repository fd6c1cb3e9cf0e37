import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll } from 'vitest';
import { Credentials, createAdmission, createMasker, loadMasking, Pipelines } from '../../src/admit/index.ts';
import { configSchema } from '../../src/config/index.ts';
import { type DetailStore, openDetailStore } from '../../src/detail/index.ts';
import { createLogger, newUuid, systemClock } from '../../src/lib/index.ts';
import type { Alert } from '../../src/model/index.ts';
import {
  alertRoutes,
  cloudFlowRoutes,
  createOtlpIntake,
  elasticRoutes,
  eventRoutes,
  jaegerRoutes,
  journaldRoutes,
  lokiRoutes,
  ndjsonRoutes,
  otlpRoutes,
  zipkinRoutes,
} from '../../src/receive/index.ts';
import { createServer } from '../../src/serve/index.ts';
import { consoleRoutes } from '../../src/serve/static.ts';

/** The receivers on the port of the API, behind a real port and before a real detail store. */
export const config = configSchema.parse({
  ingest: { bodyBytesMax: 200_000, attributeBytesMax: 100, bodyFieldBytesMax: 200, clockSkewS: 60 },
});
const log = createLogger({ level: 'silent' });
/** What the store is made to look like. */
export const pretended = {
  pendingBytes: 0,
  ready: true,
  /** Held up, or rejected, before a block reaches the store. */
  beforeAppend: async (): Promise<void> => undefined,
};

/** What refines records: one for each server, in effect when a test starts it. */
export const pipelines: Pipelines[] = [];

/** Alerts that were handed on. */
export const told: Alert[] = [];

export interface Fronts {
  url: string;
  guardedUrl: string;
  rows(service: string): Promise<Row[]>;
  spans(service: string): Promise<Row[]>;
  letters(source: string): Promise<Row[]>;
  flows(accountOrExporter: string): Promise<Row[]>;
  changes(service: string): Promise<Row[]>;
}
export type Row = Record<string, unknown>;

async function serve(store: DetailStore, token: string): Promise<FastifyInstance> {
  const credentials = new Credentials({ config: { ...config, auth: { token } }, clock: systemClock, log });
  const app = await createServer({
    log,
    callerOf: (authorization) => credentials.callerOf(authorization),
    bodyBytesMax: config.ingest.bodyBytesMax,
  });
  const masker = createMasker(await loadMasking(['catalog'], systemClock), config.masking);
  const door = createAdmission({
    config,
    credentials,
    clock: systemClock,
    log,
    append: async (block) => {
      await pretended.beforeAppend();
      await store.append(block);
    },
    pendingBytes: () => pretended.pendingBytes + store.health().pendingBytes,
    masker,
  });
  const ready = () => ({ ready: pretended.ready, reason: pretended.ready ? 'ok' : 'segments are replayed' });
  const refinery = new Pipelines({ catalogDirs: ['catalog'], masker, clock: systemClock, log });
  pipelines.push(refinery);
  const refined = { ...config.ingest, refinery };
  const deps = { door, config: refined, clock: systemClock, log, ready };
  await app.register(lokiRoutes(deps));
  await app.register(otlpRoutes(deps, createOtlpIntake(deps)));
  await app.register(zipkinRoutes(deps));
  await app.register(jaegerRoutes(deps));
  await app.register(elasticRoutes({ ...deps, newId: newUuid }));
  await app.register(journaldRoutes(deps));
  await app.register(ndjsonRoutes(deps), { prefix: '/api/v1' });
  await app.register(eventRoutes({ ...deps, secret: token }), { prefix: '/api/v1' });
  await app.register(cloudFlowRoutes(deps), { prefix: '/api/v1' });
  await app.register(
    alertRoutes({ ...deps, openCases: ['critical'], onAlerts: (_, alerts) => told.push(...alerts) }),
  );
  await app.register(consoleRoutes({ distDir: '/nowhere' }));
  return app;
}

export function useFronts(): Fronts {
  let dir = '';
  let store: DetailStore;
  const servers: FastifyInstance[] = [];
  const read = async (name: string, sql: string, params: Record<string, string>): Promise<Row[]> => {
    await store.flush();
    const window = { from: 0, to: systemClock.now() + 1000 };
    return (await store.query<Row>({ name, tenant: 'default', window, sql, params })).rows;
  };
  const fronts: Fronts = {
    url: '',
    guardedUrl: '',
    rows: (service) =>
      read(
        'test.rows',
        'SELECT * FROM otel_logs WHERE Tenant = {tenant:String} AND ServiceName = {service:String} ORDER BY EventId',
        { service },
      ),
    spans: (service) =>
      read(
        'test.spans',
        'SELECT * FROM otel_traces WHERE Tenant = {tenant:String} AND ServiceName = {service:String} ORDER BY EventId',
        { service },
      ),
    flows: (owner) =>
      read(
        'test.flows',
        'SELECT * FROM network_flows WHERE Tenant = {tenant:String} AND (AccountId = {owner:String} OR Exporter = {owner:String}) ORDER BY EventId',
        { owner },
      ),
    letters: (source) =>
      read(
        'test.letters',
        'SELECT * FROM dead_letters WHERE Tenant = {tenant:String} AND Source = {source:String} ORDER BY EventId',
        { source },
      ),
    changes: (service) =>
      read(
        'test.changes',
        'SELECT * FROM change_events WHERE Tenant = {tenant:String} AND ServiceName = {service:String} ORDER BY EventId',
        { service },
      ),
  };
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'clew-fronts-'));
    store = await openDetailStore({ dir, config, clock: systemClock, log });
    for (const token of ['', 'secret']) servers.push(await serve(store, token));
    const [open, guarded] = servers;
    fronts.url = (await open?.listen({ host: '127.0.0.1', port: 0 })) ?? '';
    fronts.guardedUrl = (await guarded?.listen({ host: '127.0.0.1', port: 0 })) ?? '';
  });
  afterAll(async () => {
    for (const server of servers) await server.close();
    await store.close();
    await rm(dir, { recursive: true, force: true });
  });
  return fronts;
}
