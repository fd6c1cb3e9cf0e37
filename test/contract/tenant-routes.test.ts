/**
 * What routes show of jobs, cases and the graph of calls is read as one tenant: the ledger itself keeps rows of others back,
 * also from a statement that asks for them. Runs on both twins (vitest.config.ts).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readCase, readTimeline } from '../../src/cases/read.ts';
import { type Ledger, openGraphs, tenantLedger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { type Clock, systemClock } from '../../src/lib/index.ts';
import { upperBound } from '../../src/rollup/windows.ts';
import { caseRoutes } from '../../src/serve/cases.ts';
import { cypherRoutes } from '../../src/serve/cypher.ts';
import { etlRoutes } from '../../src/serve/etl.ts';
import { createServer } from '../../src/serve/index.ts';
import { activeGraph, cypherWindow } from '../../src/topology/index.ts';
import { log, type World, worldOn } from './cases-support.ts';

const minute = 60_000;
const noon = Date.UTC(2026, 10, 20, 12);
const clock: Clock = { ...systemClock, now: () => noon + 10 * minute };
const time = (ms: number) => new Date(ms).toISOString();
const job = {
  name: 'work',
  after: [],
  alignMs: minute,
  delayMs: 0,
  initialLookbackMs: minute,
  run: () => Promise.reject(new Error('is not run here')),
};

let ledger: Ledger;
let dir = '';
let graphsThere = false;
let world: World;
const caseOf = new Map<string, string>();

/** A failed window, a case and a call that tell whose they are. */
async function furnish(tenant: string): Promise<void> {
  const id = await ledger.tenantId(tenant);
  await ledger.query(
    `INSERT INTO etl_job_run (job, tenant_id, window_from, window_to, state, error) VALUES ('work', $1, $2, $3, 'failed', $4)`,
    [id, time(noon), time(noon + minute), `secret of ${tenant}`],
  );
  await ledger.query('SELECT ensure_partitions($1)', [time(noon)]);
  await ledger.query(
    `WITH made AS (
       INSERT INTO dim_resource (tenant_id, urn, type, name)
       VALUES ($1, 'urn:svc:a', 'service', $2 || '-a'), ($1, 'urn:svc:b', 'service', $2 || '-b') RETURNING resource_id, urn
     )
     INSERT INTO service_call_5m (bucket, tenant_id, src_resource_id, dst_resource_id, rps, err_rate, p50_ms, p95_ms)
     SELECT $3, $1, a.resource_id, b.resource_id, 1, 0, 1, 1 FROM made a, made b WHERE a.urn < b.urn`,
    [id, tenant, time(noon + 5 * minute)],
  );
  const head = await world.cases.orchestrator.create({
    title: `secret of ${tenant}`,
    tenant,
    severity: 'ERROR',
    service: '',
    resource: '',
    automatic: false,
    actor: 'test',
    incidentKey: null,
    traceId: 'x',
    idempotency: null,
  });
  caseOf.set(tenant, head.id);
}

/** The routes of a server of `north`; `asks` is whom its statements ask for. */
async function serverOf(asks: string) {
  const app = await createServer({ log, bodyBytesMax: 1_048_576 });
  const reader = tenantLedger(ledger, 'north');
  const asking = { tenant: 'north', operator: false };
  const rollup = { jobs: [job], config: { replayWindowsMax: 1 } } as never;
  await app.register(
    etlRoutes({ ledger, reader, rollup, clock, tenantOf: () => asks, callerOf: () => asking }),
  );
  const { cases, remedy } = world;
  await app.register(caseRoutes({ ledger, clock, cases, remedy, callerOf: () => asking }));
  const graphs = openGraphs({
    ledger,
    mode: 'auto',
    dir,
    defaultTenantId: await ledger.tenantId('north'),
    clock,
    log,
  });
  graphsThere = graphs.unavailable === null;
  app.addHook('onClose', () => graphs.close());
  const ask = cypherWindow({ ledger, graphs, clock });
  await app.register(cypherRoutes({ ledger: reader, clock, tenantOf: () => asks, ask }));
  await app.ready();
  return app;
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'clew-tenant-routes-'));
  ledger = await openTestLedger();
  world = worldOn(ledger);
  await world.start();
  for (const tenant of ['north', 'south']) await furnish(tenant);
});
afterAll(async () => {
  await world.stop();
  await ledger.close();
  await rm(dir, { recursive: true, force: true });
});

const told = async (app: Awaited<ReturnType<typeof serverOf>>, url: string): Promise<string> => {
  const answer = await app.inject({ url });
  expect(answer.statusCode).toBe(200);
  return answer.body;
};
const range = `from=${noon}&to=${noon + 10 * minute}`;

it('shows windows, health and history of jobs of one tenant, even when it asks for another', async () => {
  const own = await serverOf('north');
  expect(await told(own, '/etl/runs')).toContain('secret of north');
  expect(await told(own, '/etl/jobs')).toContain('secret of north');
  expect(await told(own, `/etl/jobs/work/history?${range}`)).toContain('"failed":1');
  await own.close();
  const other = await serverOf('south');
  expect(JSON.parse(await told(other, '/etl/runs')).data).toEqual([]);
  expect(await told(other, '/etl/jobs')).not.toContain('secret');
  expect(JSON.parse(await told(other, `/etl/jobs/work/history?${range}`)).data.cells).toEqual([]);
  await other.close();
  expect(upperBound(clock.now(), job)).toBeGreaterThan(noon + minute);
});

it('lists the cases of its own tenant, and reads nothing of another one’s case as its own', async () => {
  const app = await serverOf('north');
  const list = await told(app, '/case');
  expect(list).toContain('secret of north');
  expect(list).not.toContain('secret of south');
  await app.close();
  const south = caseOf.get('south') ?? '';
  const reader = tenantLedger(ledger, 'north');
  await expect(readCase(reader, south)).rejects.toMatchObject({ code: 'not_found' });
  await expect(readTimeline(reader, south)).rejects.toMatchObject({ code: 'not_found' });
  expect((await readCase(tenantLedger(ledger, 'south'), south)).title).toBe('secret of south');
});

it('builds the graph that Cypher asks from the calls of one tenant, even when it asks for another', async () => {
  const [north, south] = [await ledger.tenantId('north'), await ledger.tenantId('south')];
  const own = await activeGraph(ledger.forTenant(north), north, clock.now());
  expect(own.vertices.map((each) => each.properties.name).sort()).toEqual(['north-a', 'north-b']);
  expect((await activeGraph(ledger.forTenant(north), south, clock.now())).edges).toEqual([]);
  const app = await serverOf('north');
  const answer = await app.inject({
    method: 'POST',
    url: '/cypher',
    payload: { query: 'MATCH (r:Resource) RETURN r.name ORDER BY r.name' },
  });
  await app.close();
  // 501 with the reason where there is no AGE.
  expect(answer.statusCode).toBe(graphsThere ? 200 : 501);
  if (graphsThere) expect(answer.body).toContain('north-a');
  expect(answer.body).not.toContain('south');
});
