import { z } from 'zod';
import type { DetailStore } from '../detail/index.ts';
import { ClewError, type Clock } from '../lib/index.ts';
import { type Severity, severities } from '../model/index.ts';
import {
  addStatistics,
  type LogFilter,
  type LogRow,
  listChanges,
  logFacets,
  logHistogram,
  logPatterns,
  type ObjectivesOf,
  type OpenSignals,
  type PatternLookup,
  patternIdOf,
  readTrace,
  type ServiceOverview,
  type ServiceSummary,
  searchLogs,
  searchTraces,
  shapesOfPattern,
  sqlServices,
  withObjectives,
  withSignals,
} from '../query/index.ts';
import {
  facetsAnswer,
  histogramAnswer,
  histogramQuerySchema,
  type LogFilterQuery,
  type LogRowAnswer,
  logFilterQuery,
  logsAnswer,
  logsQuerySchema,
  patternsAnswer,
  servicesAnswer,
  traceAnswer,
  tracesAnswer,
  tracesQuerySchema,
  windowQuery,
} from './explore-schema.ts';
import type { RouteGroup } from './server.ts';
import { attributesOf, includedExcluded, listOf, type TenantOf, windowOf } from './window.ts';

export interface ExploreDeps extends PatternLookup {
  detail: DetailStore;
  clock: Clock;
  tenantOf: TenantOf;
  /** Longest window of a query, milliseconds (`query.windowSMax` × 1000). */
  windowMsMax: number;
  /** Live figures of services; without it they are counted from stored spans and logs. */
  overview?: ServiceOverview;
  openSignals?: OpenSignals;
  objectives?: ObjectivesOf;
}

/** Services, logs and traces. Register under `/api/v1`. */
export function exploreRoutes(deps: ExploreDeps): RouteGroup {
  return async (app) => {
    await app.register(serviceRoutes(deps));
    await app.register(logRoutes(deps));
    await app.register(logShapeRoutes(deps));
    await app.register(traceRoutes(deps));
  };
}

function serviceRoutes(deps: ExploreDeps): RouteGroup {
  return async (app) => {
    app.get(
      '/services',
      {
        schema: {
          tags: ['services'],
          summary: 'Services with their rates, errors, latency and health',
          querystring: windowQuery,
          response: { 200: servicesAnswer },
        },
      },
      async (request) => {
        const tenant = deps.tenantOf(request);
        const window = windowOf(request.query, deps.clock, deps.windowMsMax);
        const counted = deps.overview
          ? { services: await deps.overview(tenant, window), statistics: undefined }
          : await sqlServices(deps.detail, tenant, window);
        const signals = deps.openSignals ? await deps.openSignals(tenant) : [];
        const objectives = deps.objectives ? await deps.objectives(tenant) : [];
        const services = withObjectives(withSignals(counted.services, signals), objectives);
        return {
          data: services.map(serviceAnswer),
          statistics: counted.statistics,
        };
      },
    );
  };
}

const serviceAnswer = (summary: ServiceSummary) => ({
  service: summary.service,
  urn: summary.urn,
  type: summary.type,
  health: summary.health,
  rps: summary.rps,
  error_rate: summary.errorRate,
  p95_ms: summary.p95Ms,
  log_rate: summary.logRate,
  last_seen: summary.lastSeen,
  spark: {
    at: summary.spark.at,
    rps: summary.spark.rps,
    errors: summary.spark.errors,
    p95_ms: summary.spark.p95Ms,
  },
  objectives: summary.objectives,
});

function logRoutes(deps: ExploreDeps): RouteGroup {
  return async (app) => {
    const tags = ['logs'];
    app.get(
      '/logs',
      {
        schema: {
          tags,
          summary: 'Log records, newest first',
          querystring: logsQuerySchema,
          response: { 200: logsAnswer },
        },
      },
      async (request) => {
        const tenant = deps.tenantOf(request);
        const { limit, cursor } = request.query;
        const window = windowOf(request.query, deps.clock, deps.windowMsMax);
        const filter = await logFilterOf(tenant, request.query, deps);
        const page = await searchLogs(deps.detail, tenant, window, filter, { limit, cursor });
        return {
          data: await logAnswers(deps, tenant, page.rows),
          cursor: page.cursor,
          statistics: page.statistics,
        };
      },
    );
    app.get(
      '/logs/histogram',
      {
        schema: {
          tags,
          summary: 'Records per time bucket and severity, with what was changed',
          querystring: histogramQuerySchema,
          response: { 200: histogramAnswer },
        },
      },
      async (request) => {
        const tenant = deps.tenantOf(request);
        const window = windowOf(request.query, deps.clock, deps.windowMsMax);
        const filter = await logFilterOf(tenant, request.query, deps);
        const counts = await logHistogram(deps.detail, tenant, window, filter, request.query.buckets);
        const changed = await listChanges(deps.detail, tenant, window, filter.services);
        return {
          data: {
            step_ms: counts.stepMs,
            at: counts.at,
            series: counts.series,
            changes: changed.changes,
          },
          statistics: addStatistics(counts.statistics, changed.statistics),
        };
      },
    );
  };
}

function logShapeRoutes(deps: ExploreDeps): RouteGroup {
  return async (app) => {
    const tags = ['logs'];
    app.get(
      '/logs/facets',
      {
        schema: {
          tags,
          summary: 'Commonest services, severities and attribute values',
          querystring: logFilterQuery,
          response: { 200: facetsAnswer },
        },
      },
      async (request) => {
        const tenant = deps.tenantOf(request);
        const window = windowOf(request.query, deps.clock, deps.windowMsMax);
        const filter = await logFilterOf(tenant, request.query, deps);
        const { facets, sampledEvery, statistics } = await logFacets(deps.detail, tenant, window, filter);
        return { data: facets, sampled_every: sampledEvery, statistics };
      },
    );
    app.get(
      '/logs/patterns',
      {
        schema: {
          tags,
          summary: 'Records grouped by the pattern of their message',
          querystring: logFilterQuery,
          response: { 200: patternsAnswer },
        },
      },
      async (request) => {
        const tenant = deps.tenantOf(request);
        const window = windowOf(request.query, deps.clock, deps.windowMsMax);
        const filter = await logFilterOf(tenant, request.query, deps);
        const found = await logPatterns(deps.detail, tenant, window, filter, deps);
        return {
          data: found.patterns.map((pattern) => ({
            pattern_id: pattern.patternId,
            template: pattern.template,
            name: pattern.name,
            services: pattern.services,
            severity: pattern.severity,
            count: pattern.count,
            error_count: pattern.errorCount,
            first_seen: pattern.firstSeen,
            last_seen: pattern.lastSeen,
            spark: pattern.spark,
            is_new: pattern.isNew,
          })),
          step_ms: found.stepMs,
          at: found.at,
          truncated: found.truncated,
          statistics: found.statistics,
        };
      },
    );
  };
}

async function logFilterOf(tenant: string, query: LogFilterQuery, lookup: PatternLookup): Promise<LogFilter> {
  const services = includedExcluded('service', query.service);
  return {
    services: services.included,
    servicesExcluded: services.excluded,
    severities: severitiesOf(query.severity),
    q: query.q,
    traceId: query.trace_id,
    spanId: query.span_id,
    shapes: query.pattern ? await shapesOfPattern(tenant, query.pattern, lookup) : undefined,
    attributes: attributesOf(query.attr),
  };
}

function severitiesOf(value: string | string[] | undefined): Severity[] {
  const { included, excluded } = includedExcluded(
    'severity',
    listOf(value).flatMap((each) => each.split(',')),
  );
  const known = (name: string): Severity => {
    const severity = severities.find((each) => each === name.trim().toUpperCase());
    if (severity === undefined) {
      throw new ClewError('bad_request', `severity is "${name}"; it is one of ${severities.join(', ')}.`, {
        details: { severity: name },
      });
    }
    return severity;
  };
  const wanted = included.length > 0 ? included.map(known) : excluded.length > 0 ? severities : [];
  const unwanted = new Set(excluded.map(known));
  return wanted.filter((severity) => !unwanted.has(severity));
}

async function logAnswers(
  deps: ExploreDeps,
  tenant: string,
  rows: readonly LogRow[],
): Promise<LogRowAnswer[]> {
  const shapes = [...new Set(rows.map((row) => row.shape))];
  const templates =
    deps.templatesOf && shapes.length > 0 ? await deps.templatesOf(tenant, shapes) : new Map<string, never>();
  return rows.map((row) => ({
    event_id: row.eventId,
    at: row.at,
    at_ns: row.atNs,
    service: row.service,
    severity: row.severity,
    severity_number: row.severityNumber,
    body: row.body,
    trace_id: row.traceId,
    span_id: row.spanId,
    pattern_id: patternIdOf(row.shape, templates),
    resource: row.resource,
    attributes: row.attributes,
    scope: row.scope,
  }));
}

function traceRoutes(deps: ExploreDeps): RouteGroup {
  return async (app) => {
    const tags = ['traces'];
    app.get(
      '/traces',
      {
        schema: {
          tags,
          summary: 'Traces, newest first',
          description:
            'service, operation, status and attr hold on one and the same span. min_ms and max_ms are of that span when service or operation is given, of the whole request (root span) when not.',
          querystring: tracesQuerySchema,
          response: { 200: tracesAnswer },
        },
      },
      async (request) => {
        const { query } = request;
        const window = windowOf(query, deps.clock, deps.windowMsMax);
        if (query.min_ms !== undefined && query.max_ms !== undefined && query.min_ms > query.max_ms)
          throw new ClewError(
            'bad_request',
            `min_ms (${query.min_ms}) is greater than max_ms (${query.max_ms}).`,
          );
        const filter = {
          services: includedExcluded('service', query.service).included,
          operation: query.operation,
          status: query.status,
          minMs: query.min_ms,
          maxMs: query.max_ms,
          attributes: attributesOf(query.attr),
          settledAt: deps.clock.now() - settleMs,
        };
        const found = await searchTraces(deps.detail, deps.tenantOf(request), window, filter, query.limit);
        return {
          data: found.traces.map((trace) => ({
            trace_id: trace.traceId,
            at: trace.at,
            service: trace.service,
            operation: trace.operation,
            duration_ms: trace.durationMs,
            spans: trace.spans,
            errors: trace.errors,
            services: trace.services,
          })),
          statistics: found.statistics,
        };
      },
    );
    app.get(
      '/traces/:trace_id',
      {
        schema: {
          tags,
          summary: 'One trace: spans with the critical path, and its log records',
          params: z.object({ trace_id: z.string().min(1).max(64) }),
          querystring: windowQuery.describe('Where to look; without it as far back as a query may.'),
          response: { 200: traceAnswer },
        },
      },
      async (request) => {
        const tenant = deps.tenantOf(request);
        const { from, to } = request.query;
        const end = to ?? deps.clock.now() + skewMs;
        const window = windowOf(
          { from: from ?? Math.max(0, end - deps.windowMsMax), to: end },
          deps.clock,
          deps.windowMsMax,
        );
        return traceBody(
          deps,
          tenant,
          await readTrace(deps.detail, tenant, window, request.params.trace_id.toLowerCase()),
        );
      },
    );
  };
}

/** Time that the root of a trace gets to arrive after its children: a usual request, the sender's batch, our insert, ms. */
const settleMs = 10_000;
/** A sender's clock may run ahead; a trace of a minute from now is still found by its id. */
const skewMs = 3_600_000;

async function traceBody(deps: ExploreDeps, tenant: string, trace: Awaited<ReturnType<typeof readTrace>>) {
  return {
    data: {
      trace_id: trace.traceId,
      at: trace.at,
      duration_ms: trace.durationMs,
      spans: trace.spans.map((span) => ({
        span_id: span.spanId,
        parent_span_id: span.parentSpanId,
        service: span.service,
        name: span.name,
        kind: span.kind,
        at_us_offset: span.atUsOffset,
        duration_us: span.durationUs,
        status: span.status,
        status_message: span.statusMessage,
        attributes: span.attributes,
        resource: span.resource,
        scope: span.scope,
        events: span.events.map((event) => ({
          at_us_offset: event.atUsOffset,
          name: event.name,
          attributes: event.attributes,
        })),
        links: span.links.map((link) => ({ trace_id: link.traceId, span_id: link.spanId })),
        critical: span.critical,
      })),
      logs: await logAnswers(deps, tenant, trace.logs),
      truncated: trace.truncated,
    },
    statistics: trace.statistics,
  };
}
