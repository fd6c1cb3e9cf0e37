import { z } from 'zod';
import type { DetailStore } from '../detail/index.ts';
import { ClewError, type Clock } from '../lib/index.ts';
import type { ChangeEvent } from '../model/index.ts';
import { listChanges } from '../query/index.ts';
import { changeAnswer, statistics, windowQuery } from './explore-schema.ts';
import type { RouteGroup } from './server.ts';
import { listOf, type TenantOf, windowOf } from './window.ts';

/** Resolves once the events are on disk. */
export type AppendChanges = (tenant: string, events: ChangeEvent[]) => Promise<void>;

export interface ChangeDeps {
  detail: DetailStore;
  clock: Clock;
  tenantOf: TenantOf;
  windowMsMax: number;
  appendChanges: AppendChanges;
  newId: () => string;
  /** How far ahead of our clock an event may lie, milliseconds (`ingest.clockSkewS` × 1000). */
  clockSkewMsMax: number;
}

// A deployment of a whole fleet is one request of some hundred events; a thousand is a mistake.
const eventsMax = 1_000;
const labelsMax = 64;
/** A label may hold the diff of a commit: its lines tell which change broke what. */
const labelCharsMax = 32_768;
/** A list that is wrong throughout need not be answered in full. */
const issuesMax = 10;

const changeBody = z.strictObject({
  id: z.string().min(1).max(200).optional().describe("The sender's own id; the same id twice is one event."),
  at: z
    .union([z.number().int().min(0), z.iso.datetime({ offset: true })])
    .optional()
    .describe('Epoch milliseconds or RFC 3339; default: now.'),
  kind: z.string().trim().min(1).max(64).toLowerCase().describe('deploy, config, flag, scale, migration, …'),
  service: z
    .string()
    .trim()
    .max(256)
    .default('')
    .describe(
      '`service.name` of what was changed; left out where that is not known, as of a commit to a shared library.',
    ),
  title: z.string().trim().min(1).max(1_000),
  actor: z.string().max(256).default(''),
  labels: z
    .record(
      z.string().min(1).max(128),
      z.union([z.string().max(labelCharsMax), z.number(), z.boolean()]).transform(String),
    )
    .refine((labels) => Object.keys(labels).length <= labelsMax, {
      message: `at most ${labelsMax} labels`,
    })
    .default({}),
});

const oneSchema = z.toJSONSchema(changeBody, { io: 'input', target: 'openapi-3.0' });

/**
 * One event or a list. A union of the two would answer "invalid input" to every mistake, so the document says what is taken
 * and `parseBody` says what is wrong with it.
 */
const changesBody = z.unknown().meta({
  anyOf: [oneSchema, { type: 'array', items: oneSchema, minItems: 1, maxItems: eventsMax }],
});

function parseBody(body: unknown): z.infer<typeof changeBody>[] {
  const parsed = z
    .array(changeBody)
    .min(1)
    .max(eventsMax)
    .safeParse(Array.isArray(body) ? body : [body]);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, issuesMax).map((issue) => {
    const [index, ...path] = issue.path;
    const where = Array.isArray(body) && index !== undefined ? [`[${String(index)}]`, ...path] : path;
    return `${where.map(String).join('.') || '(body)'}: ${issue.message}`;
  });
  throw new ClewError('bad_request', `The change is not valid: ${issues.join('; ')}`, {
    details: { issues },
  });
}

/** What somebody changed: told by pipelines and tools, shown on every chart, weighed by the diagnosis. Register under `/api/v1`. */
export function changeRoutes(deps: ChangeDeps): RouteGroup {
  return async (app) => {
    const tags = ['changes'];
    app.get(
      '/changes',
      {
        schema: {
          tags,
          summary: 'Change events, newest first',
          querystring: windowQuery.extend({ service: z.union([z.string(), z.array(z.string())]).optional() }),
          response: { 200: z.object({ data: z.array(changeAnswer), statistics }) },
        },
      },
      async (request) => {
        const window = windowOf(request.query, deps.clock, deps.windowMsMax);
        const services = listOf(request.query.service);
        const found = await listChanges(deps.detail, deps.tenantOf(request), window, services);
        return { data: found.changes, statistics: found.statistics };
      },
    );
    app.post(
      '/changes',
      {
        schema: {
          tags,
          summary: 'Tell that something was changed: one event or a list',
          description: 'Answered after the events are on disk.',
          body: changesBody,
          response: {
            202: z.object({
              data: z.union([z.object({ id: z.string() }), z.array(z.object({ id: z.string() }))]),
            }),
          },
        },
      },
      async (request, reply) => {
        const many = Array.isArray(request.body);
        const events = parseBody(request.body).map((event, index) =>
          changeOf(event, deps, many ? `[${index}].` : ''),
        );
        await deps.appendChanges(deps.tenantOf(request), events);
        const ids = events.map(({ id }) => ({ id }));
        const [first] = ids;
        reply.status(202);
        return { data: many || first === undefined ? ids : first };
      },
    );
  };
}

function changeOf(body: z.infer<typeof changeBody>, deps: ChangeDeps, where: string): ChangeEvent {
  const now = deps.clock.now();
  const at = typeof body.at === 'string' ? Date.parse(body.at) : (body.at ?? now);
  if (at > now + deps.clockSkewMsMax) {
    throw new ClewError(
      'bad_request',
      `${where}at (${body.at}) lies ${Math.round((at - now) / 1000)} s in the future; the limit is ${Math.round(deps.clockSkewMsMax / 1000)} s (ingest.clock_skew_s).`,
      { details: { field: `${where}at` } },
    );
  }
  return { ...body, id: body.id ?? deps.newId(), at };
}
