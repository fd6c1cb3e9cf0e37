import { z } from 'zod';
import { type Detections, listSignals } from '../detect/index.ts';
import type { Ledger } from '../ledger/index.ts';
import type { Clock } from '../lib/index.ts';
import type { RouteGroup } from './server.ts';
import { type TenantOf, windowOf } from './window.ts';

export interface ObjectiveDeps {
  detection: Pick<Detections, 'objectives'>;
  ledger: Ledger;
  clock: Clock;
  tenantOf: TenantOf;
  windowMsMax: number;
}

const signalsMax = 1_000;
const query = z.object({
  from: z.coerce.number().int().min(0).optional(),
  to: z.coerce.number().int().min(0).optional(),
  limit: z.coerce.number().int().min(1).max(signalsMax).default(200),
});

/** Objectives as they stand now, and the signals of a time window. */
export function objectiveRoutes(deps: ObjectiveDeps): RouteGroup {
  return async (app) => {
    const tags = ['objectives'];
    app.get(
      '/objectives',
      { schema: { tags, summary: 'Every objective with its reading over the last minute' } },
      async (request) => ({
        data: deps.detection.objectives(deps.tenantOf(request)).map((objective) => ({
          id: objective.id,
          service: objective.service,
          indicator: objective.indicator,
          target: objective.target,
          holds: objective.holds,
          value: objective.value,
          burn_rate: objective.burnRate,
          budget_left: objective.budgetLeft,
          source: objective.source,
        })),
      }),
    );
    app.get(
      '/signals',
      { schema: { tags, summary: 'Signals noticed in a window, newest first', querystring: query } },
      async (request) => {
        const window = windowOf(request.query, deps.clock, deps.windowMsMax);
        const rows = await listSignals(
          deps.ledger,
          deps.tenantOf(request),
          window.from,
          window.to,
          request.query.limit,
        );
        return { data: rows.map((row) => ({ ...row, detected_at: row.detected_at.getTime() })) };
      },
    );
  };
}
