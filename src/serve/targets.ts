import { z } from 'zod';
import type { ScrapeState, TargetState } from '../receive/index.ts';
import type { RouteGroup } from './server.ts';

const query = z.object({
  state: z.enum(['active', 'dropped', 'any']).default('any'),
  scrapePool: z.string().max(500).optional(),
});

/** How Prometheus writes a time that was not yet. */
const never = '0001-01-01T00:00:00Z';
const durationText = (milliseconds: number): string =>
  milliseconds % 1000 === 0 ? `${milliseconds / 1000}s` : `${milliseconds}ms`;

function activeTarget(target: TargetState) {
  return {
    discoveredLabels: Object.fromEntries(target.discovered),
    labels: Object.fromEntries(target.labels),
    scrapePool: target.job,
    scrapeUrl: target.url,
    globalUrl: target.url,
    lastError: target.lastError,
    lastScrape: target.lastScrape === 0 ? never : new Date(target.lastScrape).toISOString(),
    lastScrapeDuration: target.lastDurationMs / 1000,
    health: target.health,
    scrapeInterval: durationText(target.intervalMs),
    scrapeTimeout: durationText(target.timeoutMs),
  };
}

/** The targets of the scraper, in the shape of Prometheus' own API. */
export function targetRoutes(deps: { state: () => ScrapeState }): RouteGroup {
  return async (app) => {
    app.get(
      '/targets',
      {
        config: { operator: true },
        schema: {
          tags: ['scrape'],
          summary: 'Targets that Clew scrapes, their health and last error, as Prometheus shows its own',
          querystring: query,
        },
      },
      async (request) => {
        const { state, scrapePool } = request.query;
        const now = deps.state();
        const isAsked = ({ job }: { job: string }) => scrapePool === undefined || job === scrapePool;
        const data = {
          activeTargets: state === 'dropped' ? [] : now.active.filter(isAsked).map(activeTarget),
          droppedTargets:
            state === 'active'
              ? []
              : now.dropped
                  .filter(isAsked)
                  .map(({ discovered }) => ({ discoveredLabels: Object.fromEntries(discovered) })),
          droppedTargetCounts: now.droppedCounts,
        };
        return { status: 'success', data };
      },
    );
  };
}
