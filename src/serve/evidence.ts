import { z } from 'zod';
import { consolePath } from '../cases/index.ts';
import type { DetailStore } from '../detail/index.ts';
import type { Ledger } from '../ledger/index.ts';
import type { RowFilter } from '../model/index.ts';
import { evidenceSource, locatorFilter, readRows, rowFilterSchema } from '../query/index.ts';
import { statistics } from './explore-schema.ts';
import type { RouteGroup } from './server.ts';
import type { TenantOf } from './window.ts';

export interface EvidenceDeps {
  detail: DetailStore;
  ledger: Ledger;
  tenantOf: TenantOf;
  /** Rows that were copied into a case with the evidence; they answer once the originals are past retention. */
  frozenRows?: (tenant: string, evidenceId: string) => Promise<readonly Record<string, unknown>[]>;
}

const rowsAnswer = z.object({
  data: z.array(z.record(z.string(), z.unknown())).describe('Rows in the columns of their table, and `at`.'),
  frozen: z.boolean().describe('The rows are the copies kept in the case; the originals are gone.'),
  filter: rowFilterSchema.nullable(),
  ledger: z.unknown().optional().describe('The row of the ledger that it rests on: table and keys.'),
  row: z.record(z.string(), z.unknown()).optional().describe('That row itself, where it is a rollup.'),
  link: z
    .string()
    .nullable()
    .describe('The page of the console that shows these rows and those around them.'),
  statistics: statistics.optional(),
});

const id = z.string().regex(/^\d{1,18}$/, 'is a number of at most 18 digits');
const rowsQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(1_000).default(100) });

/** From a piece of evidence back to the raw rows it rests on. Register under `/api/v1`. */
export function evidenceRoutes(deps: EvidenceDeps): RouteGroup {
  const rowsOf = async (tenant: string, filter: RowFilter, limit: number) => {
    const found = await readRows(deps.detail, tenant, filter, limit);
    const link = consolePath(filter);
    return { data: found.rows, frozen: false, filter, link, statistics: found.statistics };
  };
  return async (app) => {
    const tags = ['evidence'];
    app.get(
      '/evidence/:evidence_id/rows',
      {
        schema: {
          tags,
          summary: 'The raw rows behind a piece of evidence, read again',
          params: z.object({ evidence_id: id }),
          querystring: rowsQuery,
          response: { 200: rowsAnswer },
        },
      },
      async (request) => {
        const tenant = deps.tenantOf(request);
        const source = await evidenceSource(deps.ledger, tenant, request.params.evidence_id);
        const { limit } = request.query;
        const answer =
          source.rests === 'ledger'
            ? { data: [], frozen: false, filter: null, link: null }
            : await rowsOf(tenant, source.filter, limit);
        const { ledger, row } = source;
        const whole = { ...answer, ...(ledger === undefined ? {} : { ledger }), ...(row && { row }) };
        if (answer.data.length > 0 || deps.frozenRows === undefined) return whole;
        const frozen = await deps.frozenRows(tenant, request.params.evidence_id);
        return { ...whole, data: frozen.slice(0, limit), frozen: frozen.length > 0 };
      },
    );
    app.get(
      '/locator/:id/rows',
      {
        schema: {
          tags,
          summary: 'The raw rows that a locator points at',
          params: z.object({ id }),
          querystring: rowsQuery,
          response: { 200: rowsAnswer },
        },
      },
      async (request) => {
        const tenant = deps.tenantOf(request);
        const filter = await locatorFilter(deps.ledger, tenant, request.params.id);
        return rowsOf(tenant, filter, request.query.limit);
      },
    );
  };
}
