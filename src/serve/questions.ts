import { z } from 'zod';
import type { DetailStore } from '../detail/index.ts';
import type { Ledger } from '../ledger/index.ts';
import { ClewError, type Clock } from '../lib/index.ts';
import {
  eventEvidence,
  heaviestOf,
  heaviestValues,
  type PatternLookup,
  weights,
  worstDependencies,
} from '../query/index.ts';
import { statistics, windowQuery } from './explore-schema.ts';
import type { RouteGroup } from './server.ts';
import { type TenantOf, windowOf } from './window.ts';

export interface QuestionDeps extends Required<Pick<PatternLookup, 'templatesOf'>> {
  detail: DetailStore;
  ledger: Ledger;
  clock: Clock;
  tenantOf: TenantOf;
  windowMsMax: number;
}

const service = z.string().max(512).optional();
const dependenciesQuery = windowQuery.extend({
  service: service.describe('Name or URN of the calling service; all without it.'),
  by: z.enum(['slow', 'failing']).default('slow').describe('What makes a dependency the worst.'),
  limit: z.coerce.number().int().min(1).max(100).default(5),
});
const dependenciesAnswer = z.object({
  data: z.array(
    z.object({
      src: z.string(),
      dst: z.string(),
      name: z.string(),
      type: z.string(),
      rps: z.number(),
      error_rate: z.number(),
      p95_ms: z.number(),
      sample_ref: z.string().nullable().describe('Locator: GET /api/v1/locator/{id}/rows.'),
      slowest_trace: z.string().nullable(),
      failed_trace: z.string().nullable(),
    }),
  ),
});

const heaviestQuery = windowQuery.extend({
  of: z.enum(heaviestOf),
  by: z
    .enum(weights)
    .default('count')
    .describe('time and errors are of endpoints and users; errors of patterns too.'),
  service,
  attribute: z
    .string()
    .min(1)
    .max(256)
    .default('user.id')
    .describe('Span attribute that names a user, or the label whose values are counted.'),
  limit: z.coerce.number().int().min(1).max(50).default(10),
});
const heaviestAnswer = z.object({
  data: z.object({
    values: z.array(
      z.object({
        value: z.string(),
        name: z.string().describe('For patterns the template, where there is one.'),
        weight: z.number().describe('Records, milliseconds or failures.'),
        share: z.number(),
        overcount: z.number().describe('The weight is too high by at most this.'),
      }),
    ),
    distinct: z.number().describe('Different values, within 1 %.'),
    total: z.number(),
  }),
  statistics: statistics.optional(),
});

const eventAnswer = z.object({
  data: z.object({
    event_id: z.string(),
    title: z.string().nullable(),
    summary: z.string().nullable(),
    labels: z
      .record(z.string(), z.unknown())
      .describe('What the event was told with: indicator, value, baseline, onset, …'),
    kind: z.string(),
    severity: z.string(),
    detected_at: z.number(),
    resource: z.string().nullable(),
    evidence: z.array(
      z.object({
        evidence_id: z.string(),
        dim: z.string(),
        note: z.string().nullable(),
        ref_pg: z.unknown(),
        locator: z
          .object({
            id: z.string(),
            bucket: z.string(),
            object_key: z.string(),
            query_hint: z.string().nullable(),
          })
          .nullable(),
      }),
    ),
  }),
});

/** The questions that are asked again and again, each by one request. Register under `/api/v1`. */
export function questionRoutes(deps: QuestionDeps): RouteGroup {
  return async (app) => {
    app.get(
      '/dependencies',
      {
        schema: {
          tags: ['services'],
          summary: 'The slowest or most failing dependencies of a service',
          querystring: dependenciesQuery,
          response: { 200: dependenciesAnswer },
        },
      },
      async (request) => {
        const { service, by, limit } = request.query;
        const window = windowOf(request.query, deps.clock, deps.windowMsMax);
        const tenantId = await deps.ledger.tenantId(deps.tenantOf(request));
        const asked = { by, limit, ...(service === undefined ? {} : { service }) };
        const found = await worstDependencies(deps.ledger, tenantId, window, asked);
        return {
          data: found.map(({ errorRate, p95Ms, sampleRef, slowestTrace, failedTrace, ...row }) => ({
            ...row,
            error_rate: errorRate,
            p95_ms: p95Ms,
            sample_ref: sampleRef,
            slowest_trace: slowestTrace,
            failed_trace: failedTrace,
          })),
        };
      },
    );
    app.get(
      '/heaviest',
      {
        schema: {
          tags: ['services'],
          summary:
            'The heaviest endpoints, users, log patterns or label values, and how many different ones there are',
          querystring: heaviestQuery,
          response: { 200: heaviestAnswer },
        },
      },
      async (request) => heaviest(deps, deps.tenantOf(request), request.query),
    );
    app.get(
      '/events/:event_id/evidence',
      {
        schema: {
          tags: ['evidence'],
          summary: 'An event with its evidence and the locators of the raw rows behind it',
          params: z.object({ event_id: z.uuid() }),
          response: { 200: eventAnswer },
        },
      },
      async (request) => {
        const id = request.params.event_id;
        const found = await eventEvidence(
          deps.ledger,
          await deps.ledger.tenantId(deps.tenantOf(request)),
          id,
        );
        if (found === null) throw new ClewError('not_found', `There is no event ${id}.`);
        const { eventId, detectedAt, evidence, ...event } = found;
        return {
          data: {
            ...event,
            event_id: eventId,
            detected_at: detectedAt,
            evidence: evidence.map(({ id: evidenceId, ledger, locator, ...piece }) => ({
              ...piece,
              evidence_id: evidenceId,
              ref_pg: ledger,
              locator: locator && {
                id: locator.id,
                bucket: locator.bucket,
                object_key: locator.objectKey,
                query_hint: locator.queryHint,
              },
            })),
          },
        };
      },
    );
  };
}

async function heaviest(deps: QuestionDeps, tenant: string, query: z.infer<typeof heaviestQuery>) {
  const { of, by, service, attribute, limit } = query;
  const window = windowOf(query, deps.clock, deps.windowMsMax);
  const asked = { of, weight: by, attribute, limit, ...(service === undefined ? {} : { service }) };
  const found = await heaviestValues(deps.detail, tenant, window, asked);
  const shapes = of === 'patterns' ? found.values.map((row) => row.value) : [];
  const templates = await deps.templatesOf(tenant, shapes);
  const { values, distinct, total, statistics: cost } = found;
  return {
    data: {
      values: values.map((row) => ({
        ...row,
        name: templates.get(row.value)?.template ?? row.value,
        share: total === 0 ? 0 : row.weight / total,
      })),
      distinct,
      total,
    },
    statistics: cost,
  };
}
