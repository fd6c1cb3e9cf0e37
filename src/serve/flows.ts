import { isIP } from 'node:net';
import { z } from 'zod';
import type { DetailStore } from '../detail/index.ts';
import { ClewError, type Clock } from '../lib/index.ts';
import {
  type FlowFilter,
  type FlowGroup,
  flowGroups,
  flowOrders,
  listFlows,
  topFlows,
} from '../query/index.ts';
import { canonicalAddress } from '../receive/index.ts';
import { statistics, windowQuery } from './explore-schema.ts';
import type { RouteGroup } from './server.ts';
import { listOf, type TenantOf, windowOf } from './window.ts';

export interface FlowRouteDeps {
  detail: DetailStore;
  clock: Clock;
  tenantOf: TenantOf;
  windowMsMax: number;
}

const address = z.string().max(64).optional();
const filterQuery = windowQuery.extend({
  addr: address.describe('Address or CIDR range of either side: 10.0.0.1, 10.0.0.0/8, 2001:db8::/32.'),
  src: address.describe('The same of the source.'),
  dst: address.describe('The same of the destination.'),
  port: z.coerce.number().int().min(0).max(65_535).optional().describe('Port of either side.'),
  protocol: z
    .string()
    .regex(/^([a-z0-9-]{1,20})$/i)
    .optional()
    .describe('Name or number: tcp, 6.'),
  action: z.enum(['ACCEPT', 'REJECT']).optional(),
  exporter: z.string().max(256).optional(),
  type: z
    .union([z.string().max(32), z.array(z.string().max(32)).max(16)])
    .optional()
    .describe('netflow5, netflow9, ipfix, sflow, aws-vpc, azure-nsg, hubble. Repeatable.'),
});

const groups = Object.keys(flowGroups) as [FlowGroup, ...FlowGroup[]];
const limit = z.coerce.number().int().min(1).max(1_000);

/** An address in the form in which it is stored, or a range; what is neither is refused by name. */
function parseAddress(name: string, value: string | undefined): string | undefined {
  if (value === undefined || value === '') return undefined;
  const [host = '', bits] = value.split('/');
  const family = isIP(host);
  const prefix = bits === undefined ? 0 : Number(bits);
  const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && prefix <= (family === 4 ? 32 : 128));
  if (family === 0 || !fits) {
    throw new ClewError(
      'bad_request',
      `${name} is ${JSON.stringify(value)}; write an address or a range such as 10.0.0.0/8.`,
    );
  }
  return bits === undefined ? canonicalAddress(host) : `${host}/${bits}`;
}

function filterOf(query: z.infer<typeof filterQuery>): FlowFilter {
  const { port, protocol, action, exporter, type } = query;
  if (protocol !== undefined && /^\d+$/.test(protocol) && Number(protocol) > 255)
    throw new ClewError('bad_request', `protocol is ${protocol}; numbers go from 0 to 255.`);
  return {
    addr: parseAddress('addr', query.addr),
    src: parseAddress('src', query.src),
    dst: parseAddress('dst', query.dst),
    port,
    protocol: protocol?.toLowerCase(),
    action,
    exporter,
    flowTypes: listOf(type),
  };
}

/** Network flows: the newest, and who moved most. Register under `/api/v1`. */
export function flowRoutes(deps: FlowRouteDeps): RouteGroup {
  return async (app) => {
    const tags = ['flows'];
    app.get(
      '/flows',
      {
        schema: {
          tags,
          summary: 'Network flows, newest first, under the names of the columns of network_flows',
          querystring: filterQuery.extend({ limit: limit.default(100) }),
          response: { 200: z.object({ data: z.array(z.record(z.string(), z.unknown())), statistics }) },
        },
      },
      async (request) => {
        const window = windowOf(request.query, deps.clock, deps.windowMsMax);
        const found = await listFlows(
          deps.detail,
          deps.tenantOf(request),
          window,
          filterOf(request.query),
          request.query.limit,
        );
        return { data: found.flows, statistics: found.statistics };
      },
    );
    app.get(
      '/flows/top',
      {
        schema: {
          tags,
          summary: 'Who moved most: flows added up by conversation, address, port, …',
          querystring: filterQuery.extend({
            by: z.enum(groups).default('conversation'),
            order: z.enum(flowOrders).default('bytes'),
            limit: limit.default(20),
          }),
          response: {
            200: z.object({
              data: z.array(
                z.object({
                  key: z.record(z.string(), z.union([z.string(), z.number()])),
                  bytes: z.number(),
                  packets: z.number(),
                  flows: z.number(),
                  rejected: z.number(),
                }),
              ),
              statistics,
            }),
          },
        },
      },
      async (request) => {
        const { by: group, order, limit: most } = request.query;
        const window = windowOf(request.query, deps.clock, deps.windowMsMax);
        const filter = filterOf(request.query);
        const found = await topFlows(deps.detail, deps.tenantOf(request), window, filter, {
          ...{ group, order, limit: most },
        });
        return { data: found.flows, statistics: found.statistics };
      },
    );
  };
}
