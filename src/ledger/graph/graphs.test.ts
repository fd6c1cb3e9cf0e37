import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger, systemClock } from '../../lib/index.ts';
import type { Ledger } from '../contract.ts';
import { openTestLedger } from '../testing.ts';
import type { CallsGraph, CallsGraphs } from './contract.ts';
import { openGraphs } from './open.ts';
import { runCypher } from './sql.ts';

const log = createLogger({ level: 'silent' });
const dir = mkdtempSync(join(tmpdir(), 'clew-graph-'));
const limits = { timeoutMs: 30_000, rowsMax: 100 };
let ledger: Ledger;
let graphs: CallsGraphs;
let shop: number;
let rival: number;

const open = (mode: 'auto' | 'off' = 'auto') =>
  openGraphs({ ledger, mode, dir, defaultTenantId: shop, clock: systemClock, log });
/** `ab` is a call from a to b. */
const graphOf = (pairs: readonly string[], prefix = ''): CallsGraph => {
  const names = [...new Set(pairs.flatMap((pair) => [...pair]))];
  const id = (name: string) => String(name.charCodeAt(0));
  return {
    vertices: names.map((name) => ({
      id: id(name),
      properties: { name: `${prefix}${name}`, urn: `urn:svc:${prefix}${name}` },
    })),
    edges: pairs.map((pair) => ({
      src: id(pair.charAt(0)),
      dst: id(pair.charAt(1)),
      properties: { rps: 1.5, note: 'it\'s "quoted" \\ $$' },
    })),
  };
};
const put = (tenant: number, graph: CallsGraph) =>
  ledger.transaction((tx) => graphs.replace(tx, tenant, graph));
const ask = async (tenant: number, text: string, more: Partial<typeof limits> = {}) =>
  (await graphs.ask(tenant, text, { ...limits, ...more })).rows;

beforeAll(async () => {
  ledger = await openTestLedger();
  shop = await ledger.tenantId('shop');
  rival = await ledger.tenantId('rival');
  graphs = open();
}, 60_000);
afterAll(async () => {
  await graphs.close();
  await ledger.close();
  rmSync(dir, { recursive: true, force: true });
});

it('switched off it says so', async () => {
  await expect(open('off').ask(shop, 'RETURN 1', limits)).rejects.toMatchObject({
    code: 'not_available',
    status: 501,
    message: 'Cypher is not available: it is switched off (ledger.graph).',
  });
});

it('where the server has no AGE it says so', async (test) => {
  if (graphs.unavailable === null) return test.skip('here is AGE');
  await expect(ask(shop, 'RETURN 1')).rejects.toThrow(/^Cypher is not available: .+/);
  await put(shop, graphOf(['ab']));
});

describe('the graph of active calls', { timeout: 120_000 }, () => {
  const present = (test: { skip: (note: string) => void }) => {
    if (graphs.unavailable !== null) test.skip(`no Cypher: ${graphs.unavailable}`);
  };

  it('answers Cypher: vertices, edges, paths, figures', async (test) => {
    present(test);
    await put(shop, graphOf(['ab', 'bc', 'cd', 'da']));
    expect(
      await ask(
        shop,
        'MATCH (a)-[c:CALLS]->(b) RETURN a.name, b.name, c.rps, c.note ORDER BY a.name LIMIT 1',
      ),
    ).toEqual([['a', 'b', 1.5, 'it\'s "quoted" \\ $$']]);
    expect(
      await ask(
        shop,
        "MATCH p = (a {name: 'a'})-[:CALLS*1..2]->(b) RETURN b.name, length(p) ORDER BY length(p)",
      ),
    ).toEqual([
      ['b', 1],
      ['c', 2],
    ]);
    expect(await ask(shop, 'MATCH (n:Resource) RETURN count(n)')).toEqual([[4]]);
    const [[vertex]] = (await ask(shop, "MATCH (n {name: 'a'}) RETURN n")) as [
      [{ label: string; properties: object }],
    ];
    expect(vertex).toMatchObject({ label: 'Resource', properties: { urn: 'urn:svc:a' } });
  });

  it('holds exactly the last refresh, however often it is done', async (test) => {
    present(test);
    await put(shop, graphOf(['ab', 'bc']));
    await put(shop, graphOf(['ab', 'bc']));
    expect(await ask(shop, 'MATCH ()-[c]->() RETURN count(c)')).toEqual([[2]]);
    await put(shop, graphOf(['xy']));
    expect(await ask(shop, 'MATCH (n) RETURN n.name ORDER BY n.name')).toEqual([['x'], ['y']]);
    await put(shop, graphOf([]));
    expect(await ask(shop, 'MATCH (n) RETURN n.name')).toEqual([]);
  });

  it('takes 300 vertices and 1 500 edges, none lost', async (test) => {
    present(test);
    const vertices = Array.from({ length: 300 }, (_, index) => ({
      id: String(index + 1),
      properties: { name: `s${index}` },
    }));
    const edges = Array.from({ length: 1_500 }, (_, index) => ({
      src: String(1 + (index % 300)),
      dst: String(1 + ((index * 7 + Math.floor(index / 300)) % 300)),
      properties: { rps: index },
    }));
    await put(shop, { vertices, edges });
    expect(await ask(shop, 'MATCH (a)-[c:CALLS]->(b) RETURN count(c), max(c.rps)')).toEqual([[1_500, 1_499]]);
  });

  it('more rows than asked for are told', async (test) => {
    present(test);
    await put(shop, graphOf(['ab', 'bc', 'cd']));
    const answer = await graphs.ask(shop, 'MATCH (n) RETURN n.name', { ...limits, rowsMax: 2 });
    expect(answer).toMatchObject({ columns: ['n.name'], truncated: true });
    expect(answer.rows).toHaveLength(2);
  });

  it('a tenant reaches no vertex of another, whatever it asks', async (test) => {
    present(test);
    await put(shop, graphOf(['ab']));
    await put(rival, graphOf(['ab', 'bc'], 'secret-'));
    expect(await ask(rival, 'MATCH (n) RETURN count(n)')).toEqual([[3]]);
    const theirs = graphs.nameOf(rival);
    const hostile = [
      'MATCH (n) RETURN n',
      'MATCH (n) WHERE true OR n.tenant_id <> 0 RETURN n',
      'MATCH (n) RETURN n UNION MATCH (m) RETURN m',
      "MATCH (n {name: 'secret-a'}) RETURN n",
      `MATCH (n:${theirs}) RETURN n`,
      `MATCH (n:\`${theirs}"."Resource\`) RETURN n`,
      `MATCH (n) RETURN n $clew$) AS (r ag_catalog.agtype) UNION SELECT properties FROM "${theirs}"."Resource" --`,
      `MATCH (n) RETURN n.name) AS (r agtype), "${theirs}"."Resource" --`,
      `RETURN '$clew$) AS (r agtype) UNION SELECT properties::agtype FROM "${theirs}"."Resource" --'`,
      `RETURN "' $clew$) as (c0 agtype); SET search_path = ${theirs}; --"`,
      `RETURN ag_catalog.age_vertex_stats('${theirs}', 1)`,
      `RETURN ag_catalog.cypher('${theirs}', 'MATCH (n) RETURN n')`,
      `RETURN pg_catalog.query_to_xml('select * from ${theirs}."Resource"', true, true, '')`,
      `WITH 1 AS x MATCH (n) WHERE exists((n)-[*1..20]-()) RETURN collect(n)`,
      'MATCH p = ()-[*0..3]-() RETURN p, nodes(p), relationships(p)',
    ];
    for (const text of hostile) {
      const answer = await ask(shop, text).catch((error: Error) => error.message);
      // The question itself may come back in an error; what only the other tenant knows may not.
      expect(JSON.stringify(answer).replaceAll(text, ''), text).not.toMatch(/secret-[bc]|urn:svc:secret/);
    }
    expect(await ask(rival, 'MATCH (n) RETURN count(n)')).toEqual([[3]]);
  });

  it('writes are refused, by the guard and, past the guard, by the engine', async (test) => {
    present(test);
    await put(shop, graphOf(['ab']));
    for (const text of [
      'CREATE (n) RETURN n',
      'MATCH (n) SET n.x = 1 RETURN n',
      'MATCH (n) DETACH DELETE n',
      'MERGE (n:New) RETURN n',
    ])
      await expect(ask(shop, text)).rejects.toMatchObject({ code: 'unprocessable', status: 422 });
    expect(await ask(shop, 'MATCH (n) RETURN count(n)')).toEqual([[2]]);
    if (ledger.capabilities.embedded) return;
    const write = ledger.transaction(async (tx) => {
      await tx.query('SELECT ag_catalog._graphid(1, 1)::text');
      await runCypher(tx, graphs.nameOf(shop), 'RETURN 1', limits);
      await tx.query(
        `SELECT * FROM ag_catalog.cypher('${graphs.nameOf(shop)}', $$ CREATE (n:Resource) RETURN n $$) AS (n ag_catalog.agtype)`,
      );
    });
    await expect(write).rejects.toMatchObject({ code: '25006' });
  });

  it('a question that is wrong is told what is wrong with it', async (test) => {
    present(test);
    for (const [text, message] of [
      ['MATCH (a) RETURN b', /query: .*b/],
      ['MATCH (a RETURN a)', /query: /],
      ['RETURN 1 + ', /query: /],
      ['RETURN 1 / 0', /query: .*zero/],
    ] as const)
      await expect(ask(shop, text)).rejects.toThrow(message);
    expect(await ask(shop, 'RETURN 1')).toEqual([[1]]);
  });

  it('a question without end is ended, and the next one is answered', async (test) => {
    present(test);
    const names = Array.from({ length: 120 }, (_, index) => ({
      id: String(index + 1),
      properties: { name: `s${index}` },
    }));
    await put(shop, { vertices: names, edges: [] });
    const started = systemClock.monotonic();
    const ticks: number[] = [];
    const timer = setInterval(() => ticks.push(systemClock.monotonic()), 50);
    const endless = ask(shop, 'MATCH (a), (b), (c), (d), (e) RETURN count(*)', { timeoutMs: 1_500 });
    await expect(endless).rejects.toMatchObject({ code: 'timeout', status: 504 });
    clearInterval(timer);
    expect(systemClock.monotonic() - started).toBeLessThan(20_000);
    // The program itself went on meanwhile.
    expect(ticks.length).toBeGreaterThan(10);
    expect(await ask(shop, 'MATCH (n) RETURN count(n)')).toEqual([[120]]);
  });

  it('questions at once are answered one after the other, more than a few are refused', async (test) => {
    present(test);
    const answers = await Promise.allSettled(
      Array.from({ length: 12 }, (_, index) => ask(shop, `RETURN ${index}`)),
    );
    const done = answers.filter((one) => one.status === 'fulfilled');
    expect(done.length).toBeGreaterThanOrEqual(2);
    for (const one of answers)
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'overloaded', status: 429 });
    expect(done.length).toBeLessThan(12);
  });
});
