import { z } from 'zod';
import type { DetailStore } from '../detail/index.ts';
import { lookAtMetric, metricNames, seriesMax } from '../detect/index.ts';
import type { Ledger } from '../ledger/index.ts';
import type { Clock } from '../lib/index.ts';
import { type MetricLook, seriesStats } from '../model/index.ts';
import { derivedMetrics } from '../rollup/index.ts';
import { windowQuery } from './explore-schema.ts';
import type { RouteGroup } from './server.ts';
import { type TenantOf, windowOf } from './window.ts';

export interface SeriesDeps {
  detail: Pick<DetailStore, 'query'>;
  ledger: Ledger;
  clock: Clock;
  tenantOf: TenantOf;
  windowMsMax: number;
}

const service = z.string().max(512).optional().describe('Name of a service; all without it.');
const namesQuery = windowQuery.extend({ service });
const seriesQuery = windowQuery.extend({
  metric: z
    .string()
    .min(1)
    .max(512)
    .describe('Name of the metric; of a counter its own name or that of its rate.'),
  service,
  stat: z.enum(seriesStats).default('avg').describe('Mean, 95th percentile or maximum of each minute.'),
});

const namesAnswer = z.object({
  data: z.array(z.object({ metric: z.string(), services: z.array(z.string()), series: z.number() })),
});
const seriesAnswer = z.object({
  data: z.object({
    metric: z.string(),
    unit: z.string(),
    stat: z.enum(seriesStats),
    step_ms: z.number(),
    truncated: z.boolean().describe(`There are more than the ${seriesMax} largest.`),
    series: z.array(
      z.object({
        key: z.string(),
        service: z.string(),
        urn: z.string(),
        labels: z.record(z.string(), z.string()),
        points: z.array(z.object({ at: z.number(), value: z.number().nullable() })),
        usual: z
          .object({ median: z.number(), low: z.number(), high: z.number(), points: z.number() })
          .nullable()
          .describe('Median and three robust standard deviations around it, of the time before.'),
        unusual: z.array(
          z.object({
            event_id: z.string(),
            kind: z.string(),
            severity: z.string(),
            title: z.string(),
            labels: z.record(z.string(), z.unknown()),
            from: z.number(),
            to: z.number(),
          }),
        ),
      }),
    ),
  }),
});

/** Metrics per minute, with what is usual and what was not. Register under `/api/v1`. */
export function seriesRoutes(deps: SeriesDeps): RouteGroup {
  return async (app) => {
    const tags = ['metrics'];
    app.get(
      '/series/names',
      {
        schema: {
          tags,
          summary: 'Names of the metrics that have points in a window',
          querystring: namesQuery,
          response: { 200: namesAnswer },
        },
      },
      async (request) => {
        const window = windowOf(request.query, deps.clock, deps.windowMsMax);
        const tenantId = await deps.ledger.tenantId(deps.tenantOf(request));
        return { data: await metricNames(deps.ledger, tenantId, window, request.query.service) };
      },
    );
    app.get(
      '/series',
      {
        schema: {
          tags,
          summary: 'A metric per minute: each line with its usual range and where it was unusual',
          querystring: seriesQuery,
          response: { 200: seriesAnswer },
        },
      },
      async (request) => {
        const tenant = deps.tenantOf(request);
        const window = windowOf(request.query, deps.clock, deps.windowMsMax);
        const { metric, stat, service: name } = request.query;
        const tenantId = await deps.ledger.tenantId(tenant);
        const look = await lookAtMetric(deps.ledger, tenantId, window, { metric, stat, service: name });
        const unit = await unitOf(deps, tenant, look.metric);
        const data: MetricLook = { ...look, stat, unit };
        return { data };
      },
    );
  };
}

const derivedUnits: Record<string, string> = {
  [derivedMetrics.rate]: '1/s',
  [derivedMetrics.errors]: 'ratio',
  [derivedMetrics.duration]: 'ms',
};
const rateSuffix = '.per_second';

/** The unit that senders gave the metric; of the rate of a counter the counter's per second. */
async function unitOf(deps: SeriesDeps, tenant: string, metric: string): Promise<string> {
  const derived = derivedUnits[metric];
  if (derived !== undefined) return derived;
  const rate = metric.endsWith(rateSuffix);
  const now = deps.clock.now();
  const found = await deps.detail.query<{ unit: string }>({
    name: 'serve.metric_unit',
    tenant,
    window: { from: 0, to: now },
    sql: 'SELECT any(Unit) AS unit FROM metric_series WHERE Tenant = {tenant:String} AND MetricName = {metric:String}',
    params: { metric: rate ? metric.slice(0, -rateSuffix.length) : metric },
  });
  const unit = found.rows[0]?.unit ?? '';
  if (!rate) return unit;
  return unit === '' || unit === '1' ? '1/s' : `${unit}/s`;
}
