import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { topology as command } from '../cli/topology.ts';
import { type Ledger, openGraphs } from '../ledger/index.ts';
import { openTestLedger } from '../ledger/testing.ts';
import { createLogger, systemClock } from '../lib/index.ts';
import { applySnapshot } from '../topology/history.ts';
import { cypherWindow } from '../topology/index.ts';
import { cypherRoutes } from './cypher.ts';
import { createServer } from './server.ts';
import { topologyTimeRoutes } from './topology-time.ts';

const noon = Date.UTC(2026, 10, 20, 12);
const minute = 60_000;
let ledger: Ledger;
let app: FastifyInstance;
let url = '';

beforeAll(async () => {
  ledger = await openTestLedger();
  const id = await ledger.tenantId('shop');
  const ids = new Map<string, string>();
  for (const name of ['web', 'db', 'cache']) {
    const [row] = await ledger.query<{ resource_id: string }>(
      `INSERT INTO dim_resource (tenant_id, urn, type, name) VALUES ($1, $2, 'host', $3) RETURNING resource_id`,
      [id, `urn:host:${name}`, name],
    );
    ids.set(name, row?.resource_id ?? '');
  }
  const tell = (at: number, targets: string[]) =>
    ledger.transaction((tx) =>
      applySnapshot(tx, id, {
        source: 'ansible:prod',
        at,
        hash: '',
        edges: targets.map((dst) => ({
          srcId: ids.get('web') ?? '',
          dstId: ids.get(dst) ?? '',
          relation: 'DEPENDS_ON',
        })),
      }),
    );
  await tell(noon, ['db']);
  await tell(noon + 10 * minute, ['cache']);
  app = await createServer({ log: createLogger({ level: 'silent' }), bodyBytesMax: 1e6 });
  await app.register(topologyTimeRoutes({ ledger, clock: systemClock, tenantOf: () => 'shop' }), {
    prefix: '/api/v1',
  });
  const off = openGraphs({
    ledger,
    mode: 'off',
    dir: '',
    defaultTenantId: id,
    clock: systemClock,
    log: createLogger({ level: 'silent' }),
  });
  const ask = cypherWindow({ ledger, graphs: off, clock: systemClock });
  await app.register(cypherRoutes({ ledger, clock: systemClock, tenantOf: () => 'shop', ask }), {
    prefix: '/api/v1',
  });
  url = await app.listen({ port: 0, host: '127.0.0.1' });
});
afterAll(async () => {
  await app.close();
  await ledger.close();
});

const get = async (path: string) => (await app.inject({ url: `/api/v1/topology${path}` })).json();

describe('topology over time by API', () => {
  it('answers what held at a moment', async () => {
    const { data } = await get(`?at=${noon + minute}`);
    expect(data).toEqual({
      at: noon + minute,
      nodes: ['db', 'web'].map((name) => ({
        urn: `urn:host:${name}`,
        name,
        type: 'host',
        region: null,
        zone: null,
        labels: {},
      })),
      edges: [
        {
          src: 'urn:host:web',
          dst: 'urn:host:db',
          relation: 'DEPENDS_ON',
          sources: ['ansible:prod'],
          since: noon,
          until: noon + 10 * minute,
        },
      ],
      truncated: false,
    });
    expect((await get('')).data.edges).toMatchObject([{ dst: 'urn:host:cache', until: null }]);
  });

  it('answers what is different, and when it became so', async () => {
    const { data } = await get(`/diff?from=${noon + minute}&to=${noon + 20 * minute}&changes=only`);
    expect(data.edges.map((edge: { dst: string; status: string }) => `${edge.dst} ${edge.status}`)).toEqual([
      'urn:host:cache added',
      'urn:host:db removed',
    ]);
    expect(data.nodes).toHaveLength(2);
    expect((await get(`/moments?from=${noon - 1}`)).data).toEqual([
      { at: noon, opened: 1, closed: 0 },
      { at: noon + 10 * minute, opened: 1, closed: 1 },
    ]);
  });

  it('answers who is affected, what is needed, and the way between', async () => {
    expect((await get(`/reach?urn=urn:host:db&at=${noon}`)).data.reached).toEqual([
      { urn: 'urn:host:web', distance: 1 },
    ]);
    expect((await get(`/reach?urn=urn:host:web&direction=down`)).data.reached).toEqual([
      { urn: 'urn:host:cache', distance: 1 },
    ]);
    expect((await get(`/path?src=urn:host:web&dst=urn:host:db&at=${noon}`)).data.path).toEqual([
      'urn:host:web',
      'urn:host:db',
    ]);
    expect((await get(`/path?src=urn:host:db&dst=urn:host:web&at=${noon}`)).data.path).toBeNull();
  });

  it('names the parameter that is wrong', async () => {
    expect((await get('?relation=LIKES')).error.message).toContain('relation');
    expect((await get('/diff?from=5&to=4')).error.message).toContain('to: 4 is before from');
    expect((await get('/diff')).error.message).toContain('from');
    expect((await get('/reach?urn=web')).error.message).toContain('urn');
    expect((await get('/reach?urn=urn:host:nobody')).error).toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('urn:host:nobody'),
    });
    expect((await get('/path?src=urn:host:web&dst=urn:host:db')).error.message).toContain('dst: urn:host:db');
  });
});

describe('clew topology', () => {
  const run = async (words: string[], flags: Record<string, string>) => {
    let text = '';
    const code = await command(words, flags, {
      url,
      token: '',
      nowMs: noon + 20 * minute,
      write: (part) => {
        text += part;
      },
    });
    return { code, text };
  };

  it('prints a moment and a difference, as a table, JSON and for Graphviz', async () => {
    expect((await run([], { at: '2026-11-20T12:01:00Z' })).text).toBe(
      'urn:host:web\tDEPENDS_ON\turn:host:db\t2026-11-20T12:00:00.000Z\t2026-11-20T12:10:00.000Z\tansible:prod\n2 resources, 1 edges\n',
    );
    expect((await run(['now'], { diff: '15m' })).text).toBe(
      '+ urn:host:web\tDEPENDS_ON\turn:host:cache\t2026-11-20T12:10:00.000Z\t\tansible:prod\n' +
        '- urn:host:web\tDEPENDS_ON\turn:host:db\t2026-11-20T12:00:00.000Z\t2026-11-20T12:10:00.000Z\tansible:prod\n' +
        '1 resources and 1 edges added, 1 resources and 1 edges removed\n',
    );
    expect((await run(['12m'], { diff: '15m' })).text).toBe('nothing is different\n');
    expect(JSON.parse((await run([], { at: String(noon), format: 'json' })).text).edges).toHaveLength(1);
    const { text } = await run(['now'], { diff: '15m', format: 'dot' });
    expect(text).toContain('"urn:host:web" -> "urn:host:db" [label="DEPENDS_ON", color=red, style=dashed];');
    expect(text).toContain('"urn:host:cache" [label="cache", color=darkgreen];');
  });

  it.each([
    [[], { at: 'tomorrow-ish' }, '--at: "tomorrow-ish" is no moment'],
    [[], { format: 'xml' }, '--format is "xml"'],
    [['x'], {}, '"x" is one word too many'],
    [[], { at: '1h', diff: '2h' }, 'give one of them'],
    [[], { relation: 'likes' }, 'relation'],
  ])('says what is wrong with %j %j', async (words, flags, message) => {
    await expect(run(words, flags as unknown as Record<string, string>)).rejects.toThrow(message);
  });
});

describe('Cypher by API', () => {
  it('refuses what is malformed by name, and says where there is no Cypher', async () => {
    const post = async (payload: object) => {
      const answer = await app.inject({ method: 'POST', url: '/api/v1/cypher', payload });
      return { status: answer.statusCode, error: answer.json().error };
    };
    expect(await post({})).toMatchObject({
      status: 400,
      error: { message: expect.stringContaining('query') },
    });
    expect(await post({ query: 'x', limit: 1e9 })).toMatchObject({
      status: 400,
      error: { message: expect.stringContaining('limit') },
    });
    expect(await post({ query: 'RETURN 1', tenant: 'other' })).toMatchObject({ status: 400 });
    expect(await post({ query: 'RETURN 1' })).toMatchObject({
      status: 501,
      error: {
        code: 'not_available',
        message: 'Cypher is not available: it is switched off (ledger.graph).',
      },
    });
  });
});
