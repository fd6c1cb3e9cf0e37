import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger, systemClock } from '../../src/lib/index.ts';
import { flowsQuery, topFlowsQuery } from '../../src/query/flows.ts';
import { flowRoutes } from '../../src/serve/flows.ts';
import { createServer } from '../../src/serve/server.ts';
import { openSqlDetail, type SqlDetail } from '../support/detail.ts';

const from = Date.UTC(2026, 0, 1);
const window = { from, to: from + 3_600_000 };
let detail: SqlDetail;
let app: FastifyInstance;

/** Source, destination, port, protocol, bytes, packets, action, minute. */
const flows = [
  ['10.0.0.1', '192.0.2.7', 443, 6, 1_000, 10, 'ACCEPT', 1],
  ['10.0.0.1', '192.0.2.7', 443, 6, 3_000, 10, 'ACCEPT', 2],
  ['10.0.0.2', '192.0.2.7', 22, 6, 60, 1, 'REJECT', 3],
  ['10.9.0.3', '10.0.0.53', 53, 17, 100, 50, '', 4],
  ['2001:db8::1', '2001:db8::2', 443, 6, 500, 5, '', 5],
  ['', '', 0, 0, 7, 1, '', 6],
  ['10.0.0.1', '192.0.2.7', 443, 6, 9_999_999, 10, 'ACCEPT', 61],
] as const;

beforeAll(async () => {
  detail = await openSqlDetail();
  const rows = flows.map(
    ([src, dst, port, protocol, bytes, packets, action, minute], i) =>
      `('t', '${new Date(from + minute * 60_000).toISOString().slice(0, 19)}', 'netflow9', '192.0.2.250', '${src}', '${dst}', ${port}, ${protocol}, '${protocol === 6 ? 'tcp' : protocol === 17 ? 'udp' : ''}', ${bytes}, ${packets}, '${action}', ${i})`,
  );
  const columns =
    'Tenant, Timestamp, FlowType, Exporter, SrcAddr, DstAddr, DstPort, Protocol, ProtocolName, Bytes, Packets, Action, EventId';
  await detail.exec(`INSERT INTO network_flows (${columns}) VALUES ${rows.join(', ')}`);
  await detail.exec(
    `INSERT INTO network_flows (${columns}) VALUES ${rows[0]?.replace("('t'", "('somebody else'")}`,
  );
  app = await createServer({ log: createLogger({ level: 'silent' }), bodyBytesMax: 10_000 });
  const deps = { detail, clock: systemClock, tenantOf: () => 't', windowMsMax: 86_400_000 };
  await app.register(flowRoutes(deps), { prefix: '/api/v1' });
});
afterAll(async () => {
  await app.close();
  await detail.close();
});

async function ask(path: string, query: Record<string, string>) {
  const search = new URLSearchParams({ from: `${window.from}`, to: `${window.to}`, ...query });
  const answer = await app.inject(`/api/v1/${path}?${search}`);
  return { status: answer.statusCode, ...answer.json() };
}

describe('the top of the flows', () => {
  it('adds up conversations of the window and tenant, largest first', async () => {
    const { data } = await ask('flows/top', { limit: '2' });
    expect(data).toEqual([
      {
        key: { SrcAddr: '10.0.0.1', DstAddr: '192.0.2.7', DstPort: 443, ProtocolName: 'tcp' },
        ...{ bytes: 4_000, packets: 20, flows: 2, rejected: 0 },
      },
      {
        key: { SrcAddr: '2001:db8::1', DstAddr: '2001:db8::2', DstPort: 443, ProtocolName: 'tcp' },
        ...{ bytes: 500, packets: 5, flows: 1, rejected: 0 },
      },
    ]);
  });

  it.each([
    ['src', 'bytes', { SrcAddr: '10.0.0.1' }],
    ['dst', 'flows', { DstAddr: '192.0.2.7' }],
    ['port', 'packets', { DstPort: 53, ProtocolName: 'udp' }],
    ['protocol', 'packets', { Protocol: 17, ProtocolName: 'udp' }],
    ['exporter', 'bytes', { Exporter: '192.0.2.250', FlowType: 'netflow9' }],
    ['workload', 'bytes', { SrcNamespace: '', SrcWorkload: '', DstNamespace: '', DstWorkload: '' }],
  ])('by %s, ordered by %s', async (by, order, key) => {
    expect((await ask('flows/top', { by, order })).data[0].key).toEqual(key);
  });
});

describe('the list of flows', () => {
  const cases: [Record<string, string>, number[]][] = [
    [{}, [6, 5, 4, 3, 2, 1]],
    [{ limit: '1' }, [6]],
    [{ addr: '192.0.2.7' }, [3, 2, 1]],
    [{ src: '10.0.0.0/16' }, [3, 2, 1]],
    [{ addr: '10.0.0.0/8', protocol: 'UDP' }, [4]],
    [{ dst: '2001:DB8:0::2' }, [5]],
    [{ src: '2001:db8::/32' }, [5]],
    [{ port: '53' }, [4]],
    [{ protocol: '17' }, [4]],
    [{ action: 'REJECT' }, [3]],
    [{ type: 'sflow' }, []],
    [{ exporter: '192.0.2.250', type: 'netflow9', port: '22' }, [3]],
  ];
  it.each(cases)('with %j has the flows of the minutes %j', async (query, minutes) => {
    const { status, data } = await ask('flows', query);
    expect(status).toBe(200);
    const found = data.map((row: { Timestamp: string }) => Number(row.Timestamp.slice(14, 16)));
    expect(found).toEqual(minutes);
  });

  it.each([
    [{ addr: 'router' }, 'addr is "router"; write an address or a range such as 10.0.0.0/8.'],
    [{ src: '10.0.0.0/33' }, 'src is "10.0.0.0/33"'],
    [{ dst: '10.0.0.0/' }, 'dst is "10.0.0.0/"'],
    [{ protocol: '256' }, 'protocol is 256; numbers go from 0 to 255.'],
    [{ port: '65536' }, 'port'],
    [{ limit: '1001' }, 'limit'],
    [{ sort: 'bytes' }, 'sort'],
  ])('with %j is refused by name', async (query: Record<string, string>, message) => {
    const { status, error } = await ask('flows', query);
    expect([status, error.message]).toEqual([400, expect.stringContaining(message)]);
  });
});

it('the queries read only the minutes of their window', () => {
  for (const query of [flowsQuery('t', window, {}, 5), topFlowsQuery('t', window, {}, 'src', 'bytes', 5)]) {
    expect(query.sql).toContain('toStartOfMinute(Timestamp) >= toStartOfMinute({from');
    expect(query.sql).toContain('Tenant = {tenant:String}');
    expect(query.sql).toContain('LIMIT 5');
  }
});

it("a user's own SQL reads the flows of its tenant alone", async () => {
  const { rows } = await detail.userSql('t', 'SELECT count() FROM network_flows');
  expect(rows).toEqual([[`${flows.length}`]]);
});
