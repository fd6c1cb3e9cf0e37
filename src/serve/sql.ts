import { z } from 'zod';
import type { DetailStore } from '../detail/index.ts';
import { ClewError, isClewError } from '../lib/index.ts';
import { statistics } from './explore-schema.ts';
import type { RouteGroup } from './server.ts';
import type { TenantOf } from './window.ts';

export interface SqlDeps {
  detail: DetailStore;
  tenantOf: TenantOf;
  /** Kept out of error messages: where the data lies is nobody's business. */
  dataDir?: string;
}

/** A user's own read-only SQL over the detail store. The answer is plain: scripts rely on it. Register under `/api/v1`. */
export function sqlRoutes(deps: SqlDeps): RouteGroup {
  return async (app) => {
    app.post(
      '/sql',
      {
        schema: {
          tags: ['sql'],
          summary: 'Run a SELECT over the stored telemetry',
          description:
            'Tables: otel_logs, otel_traces, metric_series, metric_samples, metric_histograms, metric_exemplars, change_events, network_flows. 64-bit integers come back as strings.',
          body: z.strictObject({ sql: z.string().min(1) }),
          response: {
            200: z.object({
              columns: z.array(z.object({ name: z.string(), type: z.string() })),
              rows: z.array(z.array(z.unknown())),
              statistics,
            }),
          },
        },
      },
      async (request) => {
        try {
          return await deps.detail.userSql(deps.tenantOf(request), request.body.sql);
        } catch (error) {
          if (!isClewError(error)) throw error;
          throw new ClewError(error.code, withoutPaths(error.message, request.body.sql, deps.dataDir), {
            details: error.details,
            cause: error,
          });
        }
      },
    );
  };
}

/** File paths of the host are cut from a message; those that the statement itself holds stay readable. */
export function withoutPaths(message: string, sql: string, dataDir = ''): string {
  const bare = dataDir.length > 1 ? message.replaceAll(dataDir, '…') : message;
  return bare.replace(/(?<![\w/.:])\/(?:[\w.@+-]+\/)+[\w.@+-]*/g, (path) =>
    sql.includes(path) ? path : '…',
  );
}
