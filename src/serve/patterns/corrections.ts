import { z } from 'zod';
import type { Correction } from '../../rollup/index.ts';
import type { RouteGroup } from '../server.ts';
import type { PatternDeps } from './deps.ts';
import {
  askedBody,
  correction,
  correctionParams,
  correctionsQuery,
  idParams,
  mergeBody,
  nameBody,
  splitBody,
} from './schema.ts';

const changed = z.object({
  data: z.object({
    pattern_id: z.string().describe('The pattern that counts now.'),
    correction: z.string().describe('Id to undo it by.'),
  }),
});

export const correctionAnswer = (row: Correction): z.infer<typeof correction> => ({
  id: row.id,
  kind: row.kind,
  actor: row.actor,
  reason: row.reason,
  at: row.at,
  detail: row.detail,
  undone_at: row.undoneAt,
  undone_by: row.undoneBy,
});

export function correctionRoutes(deps: PatternDeps): RouteGroup {
  return async (app) => {
    await app.register(changingRoutes(deps));
    await app.register(historyRoutes(deps));
  };
}

/** Merge, split and name. */
function changingRoutes({ book, tenantOf }: PatternDeps): RouteGroup {
  const tags = ['patterns'];
  const answer = ({ id, correction: made }: { id: string; correction: string }) => ({
    data: { pattern_id: id, correction: made },
  });
  return async (app) => {
    app.post(
      '/patterns/merge',
      {
        schema: {
          tags,
          summary: 'Let several patterns count as one, their past included',
          body: mergeBody,
          response: { 200: changed },
        },
      },
      async (request) => {
        const { ids, into, actor, reason } = request.body;
        return answer(await book.merge(tenantOf(request), ids, into, { actor, reason }));
      },
    );
    app.post(
      '/patterns/:id/split',
      {
        schema: {
          tags,
          summary: 'Take shapes out of a pattern; their counts go with them as far back as the details reach',
          params: idParams,
          body: splitBody,
          response: { 200: changed },
        },
      },
      async (request) => {
        const { shapes, template, actor, reason } = request.body;
        const wanted = { id: request.params.id, shapes, template };
        return answer(await book.split(tenantOf(request), wanted, { actor, reason }));
      },
    );
    app.put(
      '/patterns/:id/name',
      {
        schema: {
          tags,
          summary: 'Give a pattern a name; its template stays',
          params: idParams,
          body: nameBody,
          response: { 200: changed },
        },
      },
      async (request) => {
        const { name, actor, reason } = request.body;
        return answer(await book.rename(tenantOf(request), request.params.id, name, { actor, reason }));
      },
    );
  };
}

function historyRoutes({ book, tenantOf }: PatternDeps): RouteGroup {
  const tags = ['patterns'];
  return async (app) => {
    app.get(
      '/patterns/corrections',
      {
        schema: {
          tags,
          summary: 'What people, and mining itself, changed about patterns, the newest first',
          querystring: correctionsQuery,
          response: { 200: z.object({ data: z.array(correction) }) },
        },
      },
      async (request) => {
        const { limit, pattern } = request.query;
        const rows = await book.corrections(tenantOf(request), limit, pattern);
        return { data: rows.map(correctionAnswer) };
      },
    );
    app.post(
      '/patterns/corrections/:id/undo',
      {
        schema: {
          tags,
          summary: 'Take a correction back; 409 when something later rests on it',
          params: correctionParams,
          body: askedBody,
          response: { 200: z.object({ data: correction }) },
        },
      },
      async (request) => ({
        data: correctionAnswer(await book.undo(tenantOf(request), request.params.id, request.body)),
      }),
    );
  };
}
