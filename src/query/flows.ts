import type { DetailQuery, DetailStore, QueryStatistics } from '../detail/contract.ts';
import type { TimeWindow } from '../model/index.ts';
import { type Binder, createBinder, joinClauses } from './clause.ts';

/** What flows are asked for; parsed and checked by whoever builds it. Lists: any of them. */
export interface FlowFilter {
  /** Address or CIDR range, of either side. */
  addr?: string;
  src?: string;
  dst?: string;
  /** Port of either side. */
  port?: number;
  /** Number, or name in lower case. */
  protocol?: string;
  action?: 'ACCEPT' | 'REJECT';
  exporter?: string;
  flowTypes?: readonly string[];
}

/** What the top list adds up by, and the columns that make it. */
export const flowGroups = {
  conversation: ['SrcAddr', 'DstAddr', 'DstPort', 'ProtocolName'],
  src: ['SrcAddr'],
  dst: ['DstAddr'],
  port: ['DstPort', 'ProtocolName'],
  protocol: ['Protocol', 'ProtocolName'],
  exporter: ['Exporter', 'FlowType'],
  workload: ['SrcNamespace', 'SrcWorkload', 'DstNamespace', 'DstWorkload'],
} as const satisfies Record<string, readonly string[]>;
export type FlowGroup = keyof typeof flowGroups;

export const flowOrders = ['bytes', 'packets', 'flows'] as const;
export type FlowOrder = (typeof flowOrders)[number];

/** A flow without address would make the engine's function fail, whichever condition it takes first. */
const inRange = (column: string, range: string): string =>
  `isIPAddressInRange(if(${column} = '', '::', ${column}), ${range})`;

function addressClause(binder: Binder, columns: readonly string[], address: string): string {
  const value = binder.bind('String', address);
  const each = columns.map((column) =>
    address.includes('/') ? inRange(column, value) : `${column} = ${value}`,
  );
  return each.length === 1 ? (each[0] ?? '') : `(${each.join(' OR ')})`;
}

function flowClauses(filter: FlowFilter, binder: Binder): string[] {
  const { addr, src, dst, port, protocol, action, exporter, flowTypes = [] } = filter;
  const clauses: string[] = [];
  if (addr !== undefined) clauses.push(addressClause(binder, ['SrcAddr', 'DstAddr'], addr));
  if (src !== undefined) clauses.push(addressClause(binder, ['SrcAddr'], src));
  if (dst !== undefined) clauses.push(addressClause(binder, ['DstAddr'], dst));
  if (port !== undefined) {
    const value = binder.bind('UInt16', port);
    clauses.push(`(SrcPort = ${value} OR DstPort = ${value})`);
  }
  if (protocol !== undefined) {
    clauses.push(
      /^\d+$/.test(protocol)
        ? `Protocol = ${binder.bind('UInt8', Number(protocol))}`
        : `ProtocolName = ${binder.bind('String', protocol)}`,
    );
  }
  if (action !== undefined) clauses.push(`Action = ${binder.bind('String', action)}`);
  if (exporter !== undefined) clauses.push(`Exporter = ${binder.bind('String', exporter)}`);
  if (flowTypes.length > 0) clauses.push(`FlowType IN ${binder.bind('Array(String)', flowTypes)}`);
  return clauses;
}

export function topFlowsQuery(
  tenant: string,
  window: TimeWindow,
  filter: FlowFilter,
  group: FlowGroup,
  order: FlowOrder,
  limit: number,
): DetailQuery {
  const binder = createBinder();
  const columns = flowGroups[group].join(', ');
  return {
    name: 'flows.top',
    tenant,
    window,
    sql: `SELECT ${columns}, sum(Bytes) AS bytes, sum(Packets) AS packets, count() AS flows, countIf(Action = 'REJECT') AS rejected
FROM network_flows
WHERE ${joinClauses(flowClauses(filter, binder))}
GROUP BY ${columns}
ORDER BY ${order} DESC, ${columns}
LIMIT ${Math.floor(limit)}`,
    params: binder.params,
  };
}

/** One line of the top list: the columns it adds up by, and the sums. */
export interface TopFlow {
  key: Record<string, string | number>;
  bytes: number;
  packets: number;
  flows: number;
  rejected: number;
}

type Sums = Record<'bytes' | 'packets' | 'flows' | 'rejected', string>;

/** Who moved most in the window. Sums are of what the exporters say, scaled by their sampling; 2^53 bounds their exactness. */
export async function topFlows(
  detail: DetailStore,
  tenant: string,
  window: TimeWindow,
  filter: FlowFilter,
  by: { group: FlowGroup; order: FlowOrder; limit: number },
): Promise<{ flows: TopFlow[]; statistics: QueryStatistics }> {
  const query = topFlowsQuery(tenant, window, filter, by.group, by.order, by.limit);
  const { rows, statistics } = await detail.query<Sums & Record<string, string | number>>(query);
  const flows = rows.map((row) => ({
    key: Object.fromEntries(flowGroups[by.group].map((column) => [column, row[column] ?? ''])),
    bytes: Number(row.bytes),
    packets: Number(row.packets),
    flows: Number(row.flows),
    rejected: Number(row.rejected),
  }));
  return { flows, statistics };
}

export function flowsQuery(
  tenant: string,
  window: TimeWindow,
  filter: FlowFilter,
  limit: number,
): DetailQuery {
  const binder = createBinder();
  return {
    name: 'flows.list',
    tenant,
    window,
    sql: `SELECT * EXCEPT (Tenant)
FROM network_flows
WHERE ${joinClauses(flowClauses(filter, binder))}
ORDER BY Timestamp DESC, EventId DESC
LIMIT ${Math.floor(limit)}`,
    params: binder.params,
  };
}

/** A row of `network_flows` under the names of its columns; 64-bit numbers as text. */
export type FlowRow = Record<string, unknown>;

/** The newest flows of the window. */
export async function listFlows(
  detail: DetailStore,
  tenant: string,
  window: TimeWindow,
  filter: FlowFilter,
  limit: number,
): Promise<{ flows: FlowRow[]; statistics: QueryStatistics }> {
  const { rows, statistics } = await detail.query<FlowRow>(flowsQuery(tenant, window, filter, limit));
  return { flows: rows, statistics };
}
