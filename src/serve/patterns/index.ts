import type { RouteGroup } from '../server.ts';
import { compareRoutes } from './compare.ts';
import { correctionRoutes } from './corrections.ts';
import type { PatternDeps } from './deps.ts';
import { listRoutes } from './list.ts';
import { setupRoutes } from './setups.ts';

/** Log patterns: list and detail, comparison, events, corrections, setups, state of clustering. Register under `/api/v1`. */
export function patternRoutes(deps: PatternDeps): RouteGroup {
  return async (app) => {
    await app.register(listRoutes(deps));
    await app.register(compareRoutes(deps));
    await app.register(correctionRoutes(deps));
    await app.register(setupRoutes(deps));
  };
}
