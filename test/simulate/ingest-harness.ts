import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll } from 'vitest';
import { createAdmission } from '../../src/admit/index.ts';
import { configSchema } from '../../src/config/index.ts';
import { type DetailStore, openDetailStore } from '../../src/detail/index.ts';
import { type Clock, createLogger, systemClock } from '../../src/lib/index.ts';
import { createOtlpGrpcServer, createOtlpIntake, createOtlpServer } from '../../src/receive/index.ts';

/** The ingest path behind a real port: one per test file, started and stopped with it. */
export const config = configSchema.parse({
  ingest: { bodyBytesMax: 200_000, attributeBytesMax: 100, bodyFieldBytesMax: 200, clockSkewS: 60 },
});
const log = createLogger({ level: 'silent' });
let dir = '';
let store: DetailStore;
let server: FastifyInstance;
let url = '';
/** What the store is made to look like. */
export const pretended = {
  /** Bytes that the door is told are pending, on top of the real ones. */
  pendingBytes: 0,
  /** Held up, or rejected, before a block reaches the store. */
  beforeAppend: async (): Promise<void> => undefined,
  /** Held up when it is durable, before the door knows. */
  afterAppend: async (): Promise<void> => undefined,
  /** How far the door's clock is ahead: the process stood still so long. */
  stoodMs: 0,
};
const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() + pretended.stoodMs };
export const address = (): string => url;

const makeDoor = (token: string) =>
  createAdmission({
    config: { ...config, auth: { token } },
    clock,
    log,
    append: async (block) => {
      await pretended.beforeAppend();
      await store.append(block);
      await pretended.afterAppend();
    },
    expectAgain: (request, table) => store.expectAgain(request, table),
    pendingBytes: () => pretended.pendingBytes + store.health().pendingBytes,
  });

export const makeServer = (token = '') =>
  createOtlpServer({ door: makeDoor(token), config: config.ingest, clock: systemClock, log });

export function makeGrpcServer(token = '', connections = config.connections) {
  const ready = () => store.health().ready;
  const deps = { door: makeDoor(token), config: config.ingest, connections, clock: systemClock, log, ready };
  return createOtlpGrpcServer(deps, createOtlpIntake(deps));
}

export function useIngest(): void {
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'clew-otlp-'));
    store = await openDetailStore({ dir, config, clock: systemClock, log });
    server = makeServer();
    url = await server.listen({ host: '127.0.0.1', port: 0 });
  });
  afterAll(async () => {
    await server.close();
    await store.close();
    await rm(dir, { recursive: true, force: true });
  });
}

export type Row = Record<string, unknown>;
export async function rows(table: string, service: string): Promise<Row[]> {
  await store.flush();
  const answer = await store.query<Row>({
    name: 'test.rows',
    tenant: 'default',
    window: { from: 0, to: Date.now() + 1000 },
    sql: `SELECT * FROM ${table} WHERE Tenant = {tenant:String} AND ServiceName = {service:String} ORDER BY EventId`,
    params: { service },
  });
  return answer.rows;
}
export async function letters(): Promise<Row[]> {
  await store.flush();
  const window = { from: 0, to: Date.now() + 1000 };
  const sql = 'SELECT * FROM dead_letters WHERE Tenant = {tenant:String} ORDER BY EventId';
  return (await store.query<Row>({ name: 'test.letters', tenant: 'default', window, sql })).rows;
}
export const post = (signal: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  fetch(`${url}/v1/${signal}`, {
    method: 'POST',
    headers: {
      'content-type': typeof body === 'string' ? 'application/json' : 'application/x-protobuf',
      ...headers,
    },
    body: typeof body === 'string' ? body : Buffer.from(body),
  });
export const text = (value: string) => ({ stringValue: value });
export const attribute = (key: string, value: unknown) => ({ key, value });
export const nowNs = () => `${Date.now()}000000`;
export const resourceOf = (service: string) => ({ attributes: [attribute('service.name', text(service))] });
export const logsOf = (service: string, records: Row[]) =>
  JSON.stringify({
    resourceLogs: [{ resource: resourceOf(service), scopeLogs: [{ logRecords: records }] }],
  });
export const metricsOf = (service: string, metrics: Row[]) =>
  JSON.stringify({ resourceMetrics: [{ resource: resourceOf(service), scopeMetrics: [{ metrics }] }] });
export const spansOf = (service: string, spans: Row[]) =>
  JSON.stringify({ resourceSpans: [{ resource: resourceOf(service), scopeSpans: [{ spans }] }] });
