/** Clew's scraper in front of a real detail store, and targets that do as a test says: one per test file. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { createAdmission } from '../../src/admit/index.ts';
import { configSchema } from '../../src/config/index.ts';
import { type DetailStore, openDetailStore } from '../../src/detail/index.ts';
import { createLogger, systemClock } from '../../src/lib/index.ts';
import { type Door, Scraper, type TargetState } from '../../src/receive/index.ts';
import { until } from '../support/until.ts';

const log = createLogger({ level: 'silent' });
export const pretended = { pendingBytes: 0 };
export let dir = '';
export let store: DetailStore;
let door: Door;
let files = 0;
const running: (Scraper | Server)[] = [];
export const config = configSchema.parse({});

export function useScraper(): void {
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'clew-scrape-'));
    store = await openDetailStore({ dir: join(dir, 'store'), config, clock: systemClock, log });
    door = createAdmission({
      config,
      clock: systemClock,
      log,
      append: (block) => store.append(block),
      pendingBytes: () => pretended.pendingBytes + store.health().pendingBytes,
    });
  });
  afterEach(async () => {
    pretended.pendingBytes = 0;
    for (const part of running.splice(0).toReversed()) {
      if (part instanceof Scraper) await part.stop();
      else {
        part.closeAllConnections();
        await new Promise((resolve) => part.close(resolve));
      }
    }
  });
  afterAll(async () => {
    await store.close();
    await rm(dir, { recursive: true, force: true });
  });
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;
/** A target; `serve` may be changed while it runs. */
export async function target(
  first: string | Handler,
  listen: (handler: Handler) => Server = (handler) => createServer(handler),
) {
  const state = { serve: first, requests: 0, address: '' };
  const server = listen((request, response) => {
    state.requests += 1;
    if (typeof state.serve === 'function') state.serve(request, response);
    else response.end(state.serve);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  state.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  running.push(server);
  return state;
}

const quick = { scrape_interval: '200ms', scrape_timeout: '150ms' };
export async function scrape(jobs: object[], limits: object = {}, global: object = {}) {
  const path = join(dir, `scrape-${files++}.yml`);
  const write = async (next: object[] | string) => {
    const text =
      typeof next === 'string'
        ? next
        : JSON.stringify({ global: { ...quick, ...global }, scrape_configs: next });
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  };
  await write(jobs);
  const scraper = new Scraper({
    door,
    config: configSchema.parse({ scrape: { configFile: path, ...limits } }),
    clock: systemClock,
    log,
  });
  await scraper.start();
  running.push(scraper);
  return { scraper, write };
}
export const job = (name: string, address: string, more: object = {}) => ({
  job_name: name,
  static_configs: [{ targets: [address] }],
  ...more,
});

export const stateOf = (scraper: Scraper, name: string): TargetState | undefined =>
  scraper.state().active.find((one) => one.job === name);
export const down = (scraper: Scraper, name: string) =>
  until(`${name} is down`, () => stateOf(scraper, name)?.health === 'down' && stateOf(scraper, name));
export const up = (scraper: Scraper, name: string) =>
  until(`${name} is up`, () => stateOf(scraper, name)?.health === 'up' && stateOf(scraper, name));

type Row = Record<string, unknown>;
export async function sql(text: string): Promise<Row[]> {
  await store.flush();
  const window = { from: 0, to: Date.now() + 1000 };
  return (await store.query<Row>({ name: 'test.scrape', tenant: 'default', window, sql: text })).rows;
}
/** The samples of one metric of one job, oldest first; `stale` where the series ended. */
export const samplesOf = async (name: string, service: string): Promise<unknown[]> =>
  (
    await sql(
      `SELECT if(Flags = 1, 'stale', toString(Value)) AS value FROM metric_samples WHERE Tenant = {tenant:String} AND MetricName = '${name}' AND ServiceName = '${service}' ORDER BY Timestamp, EventId`,
    )
  ).map(({ value }) => value);
export const withoutRepeats = (values: unknown[]) => values.filter((value, at) => value !== values[at - 1]);
