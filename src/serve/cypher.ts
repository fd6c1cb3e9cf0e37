import { z } from 'zod';
import { cypherCharsMax, type Ledger } from '../ledger/index.ts';
import type { Clock } from '../lib/index.ts';
import type { AskedGraph } from '../topology/index.ts';
import type { RouteGroup } from './server.ts';
import type { TenantOf } from './window.ts';

export interface CypherDeps {
  ledger: Ledger;
  tenantOf: TenantOf;
  clock: Clock;
  ask(tenantId: number, cypher: string, limits: { timeoutMs: number; rowsMax: number }): Promise<AskedGraph>;
}

const body = z.strictObject({
  query: z.string().min(1).max(cypherCharsMax).describe('openCypher that only reads'),
  timeout_ms: z.number().int().min(100).max(30_000).default(5_000),
  limit: z.number().int().min(1).max(10_000).default(1_000).describe('Most rows of the answer'),
});

/** Cypher over the calls of the last 10 minutes: labels `Resource`, edges `CALLS`. */
export function cypherRoutes({ ledger, tenantOf, clock, ask }: CypherDeps): RouteGroup {
  return async (app) => {
    app.post(
      '/cypher',
      {
        schema: {
          tags: ['topology'],
          summary: 'Ask the graph of active calls in openCypher, reading only',
          body,
        },
      },
      async (request) => {
        const { query, timeout_ms: timeoutMs, limit: rowsMax } = request.body;
        const started = clock.monotonic();
        const { graph, ...answer } = await ask(await ledger.tenantId(tenantOf(request)), query, {
          timeoutMs,
          rowsMax,
        });
        return { data: answer, graph, statistics: { elapsed_ms: Math.round(clock.monotonic() - started) } };
      },
    );
  };
}
