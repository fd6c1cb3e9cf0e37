import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CallsGraphs, type Ledger, openGraphs } from '../ledger/index.ts';
import { openTestLedger } from '../ledger/testing.ts';
import { createLogger, systemClock } from '../lib/index.ts';
import { activeGraph, ageRefresh, cypherWindow } from './active-graph.ts';

const dir = mkdtempSync(join(tmpdir(), 'clew-graph-'));
const limits = { timeoutMs: 30_000, rowsMax: 100 };
const fiveMinutes = 300_000;
let ledger: Ledger;
let graphs: CallsGraphs;
let tenantId: number;
/** The newest bucket that ended. */
const now = Math.floor(systemClock.now() / fiveMinutes) * fiveMinutes;

beforeAll(async () => {
  ledger = await openTestLedger();
  tenantId = await ledger.tenantId('shop');
  graphs = openGraphs({
    ledger,
    mode: 'auto',
    dir,
    defaultTenantId: tenantId,
    clock: systemClock,
    log: createLogger({ level: 'silent' }),
  });
  await ledger.query('SELECT ensure_partitions($1)', [new Date(now - 3_600_000)]);
  await ledger.query('SELECT ensure_partitions($1)', [new Date(now)]);
  await ledger.query(
    `INSERT INTO dim_resource (tenant_id, urn, type, name) SELECT $1, 'urn:svc:' || n, 'service', n FROM unnest($2::text[]) n`,
    [tenantId, ['web', 'cart', 'old']],
  );
});
afterAll(async () => {
  await graphs.close();
  await ledger.close();
  rmSync(dir, { recursive: true, force: true });
});

const call = (src: string, dst: string, agoMs: number, rps: number, errors: number, p95: number) =>
  ledger.query(
    `INSERT INTO service_call_5m (bucket, tenant_id, src_resource_id, dst_resource_id, rps, err_rate, p95_ms)
     SELECT $1, $2, s.resource_id, d.resource_id, $5, $6, $7 FROM dim_resource s, dim_resource d WHERE s.name = $3 AND d.name = $4
     ON CONFLICT (bucket, tenant_id, src_resource_id, dst_resource_id) DO UPDATE SET rps = excluded.rps`,
    [new Date(now - agoMs), tenantId, src, dst, rps, errors, p95],
  );

it('the graph holds the calls of the last ten minutes, with their means and when they were seen', async () => {
  await call('web', 'cart', fiveMinutes, 10, 0.1, 40);
  await call('web', 'cart', 2 * fiveMinutes, 30, 0.3, 80);
  await call('web', 'old', 6 * fiveMinutes, 5, 0, 1);
  const graph = await activeGraph(ledger, tenantId, now);
  expect(graph.vertices.map((one) => one.properties.name).sort()).toEqual(['cart', 'web']);
  expect(graph.edges.map((one) => one.properties)).toEqual([
    {
      first_seen: new Date(now - 2 * fiveMinutes).toISOString(),
      last_seen: new Date(now - fiveMinutes).toISOString(),
      rps: 20,
      err_rate: 0.25,
      p95: 70,
    },
  ]);
});

it('questions see the graph as it is now; the job twice changes nothing', {
  timeout: 120_000,
}, async (test) => {
  if (graphs.unavailable !== null) return test.skip(`no Cypher: ${graphs.unavailable}`);
  const ask = cypherWindow({ ledger, graphs, clock: systemClock });
  const question = 'MATCH (a)-[c:CALLS]->(b) RETURN a.name, b.name, c.err_rate';
  const first = await ask(tenantId, question, limits);
  expect(first).toMatchObject({
    rows: [['web', 'cart', 0.25]],
    graph: { name: 'ops', vertices: 2, edges: 1 },
  });
  await call('cart', 'old', fiveMinutes, 1, 0, 1);
  const job = ageRefresh(graphs, ledger, 0);
  const run = () =>
    job.run({
      tenant: { code: 'shop', id: tenantId },
      window: { from: now - fiveMinutes, to: now },
      completeTo: now,
      signal: new AbortController().signal,
      commit: (work) => ledger.transaction(work),
    });
  expect(await run()).toMatchObject({ rowsRead: 2, rowsWritten: 5 });
  expect(await run()).toMatchObject({ rowsRead: 2, rowsWritten: 5 });
  expect((await ask(tenantId, 'MATCH ()-[c:CALLS]->() RETURN count(c)', limits)).rows).toEqual([[2]]);
});
