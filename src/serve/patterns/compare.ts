import type { z } from 'zod';
import { ClewError } from '../../lib/index.ts';
import type { ChangeEvent, TimeWindow } from '../../model/index.ts';
import { listChanges } from '../../query/index.ts';
import { comparePatterns } from '../../rollup/index.ts';
import type { RouteGroup } from '../server.ts';
import { windowOf } from '../window.ts';
import type { PatternDeps } from './deps.ts';
import { compareAnswer, compareQuery } from './schema.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const steps = { hour: hourMs, day: dayMs, week: 7 * dayMs, year: 365 * dayMs } as const;
/** How far back a release is sought, and how much before and after it is compared. */
const releaseMsMax = 31 * dayMs;
const sinceMsMax = 7 * dayMs;
const releaseKinds: readonly string[] = ['deploy', 'release', 'rollout'];

type Query = z.infer<typeof compareQuery>;
interface Windows {
  now: TimeWindow;
  before: TimeWindow;
  release: ChangeEvent | null;
}

export function compareRoutes(deps: PatternDeps): RouteGroup {
  return async (app) => {
    app.get(
      '/patterns/compare',
      {
        schema: {
          tags: ['patterns'],
          summary: 'Counts of each pattern now and in an earlier window; the greatest changes first',
          querystring: compareQuery,
          response: { 200: compareAnswer },
        },
      },
      async (request) => {
        const tenant = deps.tenantOf(request);
        const { query } = request;
        const windows = await windowsOf(deps, tenant, query);
        const id = await deps.ledger.tenantId(tenant);
        const found = await comparePatterns(deps, { code: tenant, id }, windows, query.service);
        const { release } = windows;
        return {
          data: found.patterns.slice(0, query.limit).map(({ id: patternId, ...row }) => ({
            pattern_id: patternId,
            template: row.template,
            name: row.name,
            severity: row.severity,
            services: row.services,
            first_seen: row.firstSeen,
            count: row.count,
            before: row.before,
            error_count: row.errors,
            errors_before: row.errorsBefore,
            ratio: row.ratio,
            state: row.state,
          })),
          now: found.now,
          before: found.before,
          source: found.source,
          release:
            release === null ? null : { at: release.at, title: release.title, service: release.service },
          unmined: found.unmined,
          truncated: found.truncated || found.patterns.length > query.limit,
        };
      },
    );
  };
}

async function windowsOf(deps: PatternDeps, tenant: string, query: Query): Promise<Windows> {
  if (query.with === 'release') return sinceRelease(deps, tenant, query);
  const now = windowOf(query, deps.clock, deps.windowMsMax);
  const length = now.to - now.from;
  if (query.with === 'previous') {
    const before = { from: now.from - length, to: now.from };
    return { now, before: notBeforeTime(before), release: null };
  }
  const step = steps[query.with];
  if (length > step)
    throw new ClewError(
      'bad_request',
      `from..to is longer than the ${query.with} that it is compared with; shorten it, or compare with \`previous\`.`,
    );
  const before = { from: now.from - step, to: now.to - step };
  return { now, before: notBeforeTime(before), release: null };
}

function notBeforeTime(window: TimeWindow): TimeWindow {
  if (window.from >= 0) return window;
  throw new ClewError('bad_request', 'from: the window to compare with would begin before 1970.');
}

/** From the newest deploy up to `to`, and as long before it. */
async function sinceRelease(deps: PatternDeps, tenant: string, query: Query): Promise<Windows> {
  const to = query.to ?? deps.clock.now();
  const sought = { from: Math.max(0, to - Math.min(releaseMsMax, deps.windowMsMax)), to };
  const services = query.service === undefined ? undefined : [query.service];
  const { changes } = await listChanges(deps.detail, tenant, sought, services);
  const release = changes.find((change) => releaseKinds.includes(change.kind) && change.at < to);
  if (!release) {
    const whose = query.service === undefined ? '' : ` of ${query.service}`;
    throw new ClewError(
      'not_found',
      `No deploy${whose} was told in the 31 days before; send change events (POST /api/v1/changes), or compare with an hour, a day or a week.`,
    );
  }
  const length = Math.min(to - release.at, sinceMsMax);
  return {
    now: { from: release.at, to: release.at + length },
    before: { from: Math.max(0, release.at - length), to: release.at },
    release,
  };
}
