/** Prometheus remote write behind a real port of the API's server, into a real detail store: one per test file. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll } from 'vitest';
import { Credentials, createAdmission } from '../../src/admit/index.ts';
import { configSchema } from '../../src/config/index.ts';
import { type DetailStore, openDetailStore } from '../../src/detail/index.ts';
import { ClewError, createLogger, systemClock } from '../../src/lib/index.ts';
import { remoteWrite } from '../../src/receive/index.ts';
import { createServer } from '../../src/serve/server.ts';
import {
  encodeFirst,
  encodeSecond,
  type FamilyMetadata,
  type Series,
  snappyOf,
} from '../support/remote-write.ts';

export const config = configSchema.parse({ ingest: { bodyBytesMax: 200_000, clockSkewS: 60 } });
const log = createLogger({ level: 'silent' });
export const pretended = { pendingBytes: 0, broken: false };
let dir = '';
let store: DetailStore;
let server: FastifyInstance;
let url = '';

export async function makeServer(token: string): Promise<FastifyInstance> {
  const credentials = new Credentials({ config: { ...config, auth: { token } }, clock: systemClock, log });
  const app = await createServer({
    log,
    callerOf: (authorization) => credentials.callerOf(authorization),
    bodyBytesMax: config.ingest.bodyBytesMax,
  });
  const door = createAdmission({
    config,
    credentials,
    clock: systemClock,
    log,
    append: async (block) => {
      if (pretended.broken) throw new ClewError('unavailable', 'the disk refuses');
      await store.append(block);
    },
    pendingBytes: () => pretended.pendingBytes + store.health().pendingBytes,
  });
  await app.register(remoteWrite({ door, config: config.ingest, clock: systemClock, log }), {
    prefix: '/api/v1',
  });
  return app;
}

export function useRemoteWrite(): void {
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'clew-remote-write-'));
    store = await openDetailStore({ dir, config, clock: systemClock, log });
    server = await makeServer('');
    url = await server.listen({ host: '127.0.0.1', port: 0 });
  });
  afterAll(async () => {
    await server.close();
    await store.close();
    await rm(dir, { recursive: true, force: true });
  });
}

export const address = (): string => url;
export const first = 'application/x-protobuf';
export const second = 'application/x-protobuf;proto=io.prometheus.write.v2.Request';

export async function post(body: Uint8Array, type = first, headers: Record<string, string> = {}, base = url) {
  const response = await fetch(`${base}/api/v1/write`, {
    method: 'POST',
    headers: { 'content-type': type, 'content-encoding': 'snappy', ...headers },
    body: Buffer.from(body),
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
}
export const sendFirst = (series: Series[], metadata: FamilyMetadata[] = []) =>
  post(snappyOf(encodeFirst(series, metadata)));
export const sendSecond = (series: Series[]) => post(snappyOf(encodeSecond(series)), second);
export const writtenOf = (headers: Headers) =>
  ['samples', 'histograms', 'exemplars'].map((name) =>
    headers.get(`x-prometheus-remote-write-${name}-written`),
  );

type Row = Record<string, unknown>;
export async function rows(table: string, metric: string, columns = '*'): Promise<Row[]> {
  await store.flush();
  const answer = await store.query<Row>({
    name: 'test.rows',
    tenant: 'default',
    window: { from: 0, to: Date.now() + 1000 },
    sql: `SELECT ${columns} FROM ${table} WHERE Tenant = {tenant:String} AND MetricName = {metric:String} ORDER BY EventId`,
    params: { metric },
  });
  return answer.rows;
}
export async function letters(): Promise<Row[]> {
  await store.flush();
  const window = { from: 0, to: Date.now() + 1000 };
  const sql = 'SELECT * FROM dead_letters WHERE Tenant = {tenant:String} ORDER BY EventId';
  return (await store.query<Row>({ name: 'test.letters', tenant: 'default', window, sql })).rows;
}
