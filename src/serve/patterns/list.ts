import { z } from 'zod';
import { ClewError } from '../../lib/index.ts';
import { severities, type TimeWindow } from '../../model/index.ts';
import { addStatistics, type LogPattern, listChanges, logHistogram, logPatterns } from '../../query/index.ts';
import {
  heldShapes,
  listPatternEvents,
  type PatternEventRow,
  type PatternFacts,
  patternDetail,
  patternFacts,
  searchPatterns,
  shapeSamples,
} from '../../rollup/index.ts';
import type { RouteGroup } from '../server.ts';
import { windowOf } from '../window.ts';
import { correctionAnswer } from './corrections.ts';
import type { PatternDeps } from './deps.ts';
import { detailAnswer, detailQuery, event, eventsQuery, idParams, listAnswer, listQuery } from './schema.ts';

/** Patterns that a search finds; those most like the words. */
const foundMax = 500;
const correctionsShown = 50;
const eventsShown = 50;

type Row = z.infer<typeof listAnswer>['data'][number];

export function listRoutes(deps: PatternDeps): RouteGroup {
  const tags = ['patterns'];
  return async (app) => {
    app.get(
      '/patterns',
      {
        schema: {
          tags,
          summary: 'Log patterns of a window with their counts',
          querystring: listQuery,
          response: { 200: listAnswer },
        },
      },
      async (request) => listPatterns(deps, deps.tenantOf(request), request.query),
    );
    app.get(
      '/patterns/events',
      {
        schema: {
          tags,
          summary: 'What was new, has stopped, or came far more or less often',
          querystring: eventsQuery,
          response: { 200: z.object({ data: z.array(event) }) },
        },
      },
      async (request) => {
        const { service, pattern, limit } = request.query;
        const window = windowOf(request.query, deps.clock, deps.windowMsMax);
        const only = {
          ...(service === undefined ? {} : { service }),
          ...(pattern === undefined ? {} : { patternIds: [pattern] }),
        };
        const rows = await listPatternEvents(deps.ledger, deps.tenantOf(request), window, limit, only);
        return { data: rows.map(eventAnswer) };
      },
    );
    app.get(
      '/patterns/:id',
      {
        schema: {
          tags,
          summary: 'One log pattern: counts over time, shapes, attributes, what was corrected',
          params: idParams,
          querystring: detailQuery,
          response: { 200: detailAnswer },
        },
      },
      async (request) => {
        const window = windowOf(request.query, deps.clock, deps.windowMsMax);
        return onePattern(deps, deps.tenantOf(request), request.params.id, window, request.query.buckets);
      },
    );
  };
}

async function listPatterns(
  deps: PatternDeps,
  tenant: string,
  query: z.infer<typeof listQuery>,
): Promise<z.infer<typeof listAnswer>> {
  const window = windowOf(query, deps.clock, deps.windowMsMax);
  const tenantId = await deps.ledger.tenantId(tenant);
  const wanted =
    query.q === undefined ? null : await searchPatterns(deps.ledger, tenantId, query.q, foundMax);
  const filter = {
    ...(query.service === undefined ? {} : { services: [query.service] }),
    ...(wanted === null
      ? {}
      : { shapes: (await heldShapes(deps.ledger, tenantId, wanted)).map((held) => held.shape) }),
  };
  const found = await logPatterns(deps.detail, tenant, window, filter, deps);
  const ids = found.patterns.flatMap(({ patternId }) => (isKnown(patternId) ? [patternId] : []));
  const facts = await patternFacts(deps.ledger, tenantId, [...new Set([...ids, ...(wanted ?? [])])]);
  const total = found.patterns.reduce((sum, pattern) => sum + pattern.count, 0);
  const rows = found.patterns.map((pattern) => rowOf(pattern, facts.get(pattern.patternId ?? ''), total));
  // What was sought and did not come in the window is an answer, too.
  for (const id of wanted ?? []) {
    const known = facts.get(id);
    const silent = known !== undefined && !ids.includes(id) && query.only === undefined;
    if (
      silent &&
      (query.service === undefined || known.services.some((each) => each.service === query.service))
    )
      rows.push(silentRow(known, found.at.length));
  }
  const least = severities.indexOf(query.severity ?? 'TRACE');
  const kept = rows
    .filter((row) => severities.indexOf(row.severity) >= least)
    .filter((row) => query.only === undefined || (query.only === 'new' ? row.is_new : row.error_count > 0))
    .sort(orders[query.sort]);
  return {
    data: kept.slice(0, query.limit),
    total,
    patterns: kept.length,
    step_ms: found.stepMs,
    at: found.at,
    truncated: found.truncated,
    statistics: found.statistics,
  };
}

/** A shape that is not mined yet stands for itself as `s<shape>`. */
const isKnown = (id: string | null): id is string => id !== null && /^\d+$/.test(id);

const orders: Record<z.infer<typeof listQuery>['sort'], (a: Row, b: Row) => number> = {
  count: (a, b) => b.count - a.count,
  errors: (a, b) => b.error_count - a.error_count || b.count - a.count,
  first_seen: (a, b) => b.first_seen - a.first_seen,
  last_seen: (a, b) => b.last_seen - a.last_seen,
};

const rowOf = (pattern: LogPattern, known: PatternFacts | undefined, total: number): Row => ({
  pattern_id: pattern.patternId,
  template: pattern.template,
  name: pattern.name,
  sample: known?.sample ?? '',
  severity: pattern.severity,
  services: pattern.services,
  count: pattern.count,
  error_count: pattern.errorCount,
  share: total === 0 ? 0 : pattern.count / total,
  first_seen: Math.min(known?.firstSeen ?? pattern.firstSeen, pattern.firstSeen),
  last_seen: pattern.lastSeen,
  spark: pattern.spark,
  is_new: pattern.isNew,
  merged: (known?.members ?? 1) - 1,
  pinned: known?.pinned ?? false,
});

const silentRow = (known: PatternFacts, buckets: number): Row => ({
  pattern_id: known.id,
  template: known.template,
  name: known.name,
  sample: known.sample,
  severity: known.severity,
  services: known.services.map((each) => each.service),
  count: 0,
  error_count: 0,
  share: 0,
  first_seen: known.firstSeen ?? 0,
  last_seen: known.lastSeen ?? 0,
  spark: new Array<number>(buckets).fill(0),
  is_new: false,
  merged: known.members - 1,
  pinned: known.pinned,
});

async function onePattern(
  deps: PatternDeps,
  tenant: string,
  id: string,
  window: TimeWindow,
  buckets: number,
): Promise<z.infer<typeof detailAnswer>> {
  const { ledger, detail } = deps;
  const found = await patternDetail(ledger, await ledger.tenantId(tenant), id);
  if (found === null)
    throw new ClewError('not_found', `There is no log pattern ${id}.`, { details: { pattern: id } });
  const series = await logHistogram(detail, tenant, window, { shapes: found.shapes }, buckets);
  const services = found.services.map((each) => each.service);
  const changed = await listChanges(detail, tenant, window, services);
  const samples = await shapeSamples(detail, tenant, window, found.shapes);
  const ids = [found.id, ...found.merged.map((each) => each.id)];
  const events = await listPatternEvents(ledger, tenant, window, eventsShown, { patternIds: ids });
  const corrections = await deps.book.corrections(tenant, correctionsShown, found.id);
  const severitiesSeen = Object.entries(series.series).map(([severity, counts]) => [
    severity,
    (counts ?? []).reduce((sum, count) => sum + count, 0),
  ]);
  return {
    data: {
      pattern_id: found.id,
      template: found.template,
      name: found.name,
      sample: found.sample,
      severity: found.severity,
      services: found.services.map(({ service, firstSeen, lastSeen }) => ({
        service,
        first_seen: firstSeen,
        last_seen: lastSeen,
      })),
      first_seen: found.firstSeen,
      last_seen: found.lastSeen,
      pinned: found.pinned,
      merged: found.merged.map((each) => ({ pattern_id: each.id, template: each.template })),
      attributes: found.attributes,
      shapes: samples.map(({ shape, service, message, count, errors, lastSeen }) => ({
        shape,
        service,
        message,
        count,
        error_count: errors,
        last_seen: lastSeen,
      })),
      shapes_total: found.shapes.length,
      severities: Object.fromEntries(severitiesSeen),
      series: { step_ms: series.stepMs, at: series.at, series: series.series, changes: changed.changes },
      corrections: corrections.map(correctionAnswer),
      events: events.map(eventAnswer),
    },
    statistics: addStatistics(series.statistics, changed.statistics),
  };
}

const eventAnswer = (row: PatternEventRow): z.infer<typeof event> => ({
  event_id: row.eventId,
  at: row.at,
  kind: row.kind,
  change: row.change,
  severity: row.severity,
  service: row.service,
  resource: row.resource,
  pattern_id: row.patternId,
  template: row.template,
  title: row.title,
  summary: row.summary,
  count: row.count,
  usual: row.usual,
  evidence_id: row.evidenceId,
});
