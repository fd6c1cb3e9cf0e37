import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Caller } from '../admit/index.ts';
import {
  answerOnce,
  type Cases,
  type IdempotencyKey,
  noSuchCase,
  requestHash,
  summaryOf,
} from '../cases/index.ts';
import { tenantName } from '../config/index.ts';
import type { Ledger } from '../ledger/index.ts';
import { ClewError, type Clock } from '../lib/index.ts';
import {
  type CaseHead,
  type CaseState,
  caseEvents,
  caseStates,
  type PlanStep,
  severities,
} from '../model/index.ts';
import type { Remedy } from '../remedy/index.ts';
import type { RouteGroup } from './server.ts';

export interface CaseRouteDeps {
  ledger: Ledger;
  clock: Clock;
  cases: Cases;
  remedy: Remedy;
  /** Who asks: a tenant reaches its own cases, the operator every tenant's. */
  callerOf: (request: FastifyRequest) => Caller;
}

/** A request waits this long for steps or a verification to end; then it answers 202 with the case as it is. */
const waitMs = 10_000;
/** A verification takes at least its window; only one that needs no window ends within the request. */
const verifyWaitMs = 2_000;
const listMax = 500;
const keyCharsMax = 200;
/** Free text that people and machines write beside an event. */
const metaCharsMax = 16_384;

const name = z.string().trim().min(1).max(200);
const reason = z.string().max(2_000).optional();
const createBody = z.strictObject({
  title: z.string().trim().min(1).max(500),
  tenant: tenantName.optional(),
  severity: z.enum(severities).default('ERROR'),
  service: z.string().max(300).default(''),
  resource: z.string().max(500).default(''),
  /** Whether the loop drives it on; a person's case moves by REST calls only, unless asked for. */
  automatic: z.boolean().default(false),
  actor: name.default('api'),
});
const transitionBody = z.strictObject({
  event: z.enum(caseEvents),
  actor: name,
  reason,
  expected_version: z.number().int().min(1).optional(),
  meta: z
    .record(z.string(), z.unknown())
    .refine(
      (meta) => JSON.stringify(meta).length <= metaCharsMax,
      `must be at most ${metaCharsMax} characters`,
    )
    .optional(),
});
const planBody = z.strictObject({
  case_id: z.string().max(100),
  template: z.string().max(100).optional(),
  cause: z.string().max(100).optional(),
  plan: z.record(z.string(), z.unknown()).optional(),
  params: z.record(z.string(), z.string().max(2_000)).optional(),
  actor: name.default('api'),
});
const gateBody = z
  .strictObject({
    case_id: z.string().max(100),
    decision: z.enum(['approve', 'reject']).optional(),
    actor: name.optional(),
    reason,
    emergency: z.boolean().optional(),
  })
  .refine((body) => body.decision === undefined || body.actor !== undefined, {
    message: 'say who decides',
    path: ['actor'],
  });
const adapterActions = {
  noop: 'noop',
  script: 'script.exec',
  'script.exec': 'script.exec',
  http: 'http.request',
  'http.request': 'http.request',
  gateway: 'gateway.flip',
  'gateway.flip': 'gateway.flip',
} as const;
const execBody = z.strictObject({
  case_id: z.string().max(100),
  /** Absent: the steps of the approved plan. */
  adapter: z.enum(Object.keys(adapterActions) as (keyof typeof adapterActions)[]).optional(),
  script: z.string().min(1).max(32_768).optional(),
  params: z.record(z.string(), z.unknown()).optional(),
  timeout_s: z.number().int().min(1).max(3_600).default(30),
  retry: z.number().int().min(0).max(3).default(0),
  actor: name.default('api'),
});
const verifyBody = z.strictObject({ case_id: z.string().max(100), actor: name.default('api') });
const caseParams = z.object({ id: z.string().max(100) });
const listQuery = z.object({
  status: z.string().max(200).optional().describe('States separated by commas, or `open`.'),
  tenant: tenantName.optional(),
  limit: z.coerce.number().int().min(1).max(listMax).default(100),
});

const tags = ['cases'];

/** The case API at the root, as the source writes it, and the same under /api/v1. */
export function caseRoutes(deps: CaseRouteDeps): RouteGroup {
  return async (app) => {
    await app.register(routes(deps));
    await app.register(routes(deps), { prefix: '/api/v1' });
  };
}

function routes(deps: CaseRouteDeps): FastifyPluginAsyncZod {
  return async (app) => {
    // `curl -d` calls every body a form. No route here takes forms, so what comes under that name is read as JSON.
    app.addContentTypeParser(
      ['application/x-www-form-urlencoded', 'text/plain'],
      { parseAs: 'string' },
      (_request, body, done) => {
        try {
          done(null, JSON.parse(String(body)));
        } catch (error) {
          const why = error instanceof Error ? error.message : String(error);
          done(new ClewError('bad_request', `The body is not JSON: ${why}`), undefined);
        }
      },
    );
    app.addHook('preHandler', async (request) => refuseOthersCase(deps, request));
    await app.register(readRoutes(deps));
    await app.register(writeRoutes(deps));
    await app.register(remedyRoutes(deps));
  };
}

/** Another tenant's case is answered as one that is not there. */
async function refuseOthersCase({ cases, callerOf }: CaseRouteDeps, request: FastifyRequest): Promise<void> {
  const caller = callerOf(request);
  if (caller.operator) return;
  const named = { ...(request.body as { case_id?: string } | null), ...(request.params as { id?: string }) };
  const caseId = named.id ?? named.case_id;
  if (caseId === undefined) return;
  if ((await cases.head(caseId)).tenant !== caller.tenant) throw noSuchCase(caseId);
}

/** The tenant that a request works for; only the operator may name another one. */
function tenantFor({ callerOf }: CaseRouteDeps, request: FastifyRequest, named: string | undefined): string {
  const { tenant, operator } = callerOf(request);
  if (named === undefined || named === tenant || operator) return named ?? tenant;
  throw new ClewError('forbidden', `tenant: ${named} is not the tenant of this token, ${tenant}.`);
}

function readRoutes(deps: CaseRouteDeps): FastifyPluginAsyncZod {
  const { cases, remedy } = deps;
  return async (app) => {
    app.get(
      '/case',
      { schema: { tags, summary: 'Cases, newest first', querystring: listQuery } },
      async (request) => {
        const { status, tenant, limit } = request.query;
        const states = statesOf(status);
        return {
          data: await cases.list({
            limit,
            tenant: tenantFor(deps, request, tenant),
            ...(states ? { status: states } : {}),
          }),
        };
      },
    );
    app.get(
      '/case/:id',
      { schema: { tags, summary: 'A case and all it gathered', params: caseParams } },
      async (request, reply) => {
        const detail = await cases.read(request.params.id);
        reply.header('etag', `"${detail.version}"`);
        return { data: detail };
      },
    );
    app.get(
      '/case/:id/timeline',
      { schema: { tags, summary: 'Everything that happened to a case, oldest first', params: caseParams } },
      async (request) => ({ data: await cases.timeline(request.params.id) }),
    );
    app.get(
      '/case/:id/evidence/check',
      { schema: { tags, summary: 'Recomputes the hashes of the frozen evidence', params: caseParams } },
      async (request) => ({ data: await cases.verifyEvidence(request.params.id) }),
    );
    app.get('/playbooks', { schema: { tags, summary: 'Playbooks that plans are made of' } }, async () => ({
      data: remedy.playbooks(),
    }));
  };
}

function writeRoutes(deps: CaseRouteDeps): FastifyPluginAsyncZod {
  const { cases } = deps;
  return async (app) => {
    app.post(
      '/case/create',
      { schema: { tags, summary: 'Opens a case', body: createBody } },
      async (request, reply) => {
        const { tenant: named, ...body } = request.body;
        const tenant = tenantFor(deps, request, named);
        const head = await cases.orchestrator.create({
          ...body,
          tenant,
          incidentKey: null,
          traceId: request.id,
          idempotency: keyOf(request, tenant),
        });
        return answer(reply, head, {}, 201);
      },
    );
    app.patch(
      '/case/:id/transition',
      { schema: { tags, summary: 'The only way a state changes', params: caseParams, body: transitionBody } },
      async (request, reply) => {
        const { event, actor, meta, ...body } = request.body;
        const expectedVersion = versionOf(request.headers['if-match'], body.expected_version);
        const head = await cases.orchestrator.transition({
          caseId: request.params.id,
          event,
          actor,
          reason: body.reason ?? '',
          traceId: request.id,
          idempotency: keyOf(request, deps.callerOf(request).tenant),
          ...(meta ? { meta } : {}),
          ...(expectedVersion === undefined ? {} : { expectedVersion }),
        });
        return answer(reply, head);
      },
    );
  };
}

function remedyRoutes(deps: CaseRouteDeps): FastifyPluginAsyncZod {
  const { cases, remedy } = deps;
  return async (app) => {
    app.post(
      '/plan/generate',
      { schema: { tags, summary: 'Proposes a plan', body: planBody } },
      async (request, reply) => {
        const { case_id: caseId, actor, template, cause, plan, params } = request.body;
        const made = await answerOnce(deps, keyOf(request, deps.callerOf(request).tenant), () =>
          remedy.plan({
            caseId,
            actor,
            traceId: request.id,
            ...(template === undefined ? {} : { template }),
            ...(cause === undefined ? {} : { cause }),
            ...(plan === undefined ? {} : { plan }),
            ...(params === undefined ? {} : { params }),
          }),
        );
        return answer(reply, made.head, { plan_id: made.planId, plan: { ...made.plan, id: made.planId } });
      },
    );
    app.post(
      '/gate/eval',
      { schema: { tags, summary: 'Lets policy or a person decide on the plan', body: gateBody } },
      async (request, reply) => {
        const { case_id: caseId, decision, actor, emergency } = request.body;
        const { head, gate } = await answerOnce(deps, keyOf(request, deps.callerOf(request).tenant), () =>
          remedy.gate({
            caseId,
            traceId: request.id,
            ...(decision ? { decision } : {}),
            ...(actor === undefined ? {} : { actor }),
            ...(request.body.reason === undefined ? {} : { reason: request.body.reason }),
            ...(emergency === undefined ? {} : { emergency }),
          }),
        );
        return answer(reply, head, { gate });
      },
    );
    app.post(
      '/adapter/exec',
      { schema: { tags, summary: 'Runs the plan, or one step in its place', body: execBody } },
      async (request, reply) => {
        const { case_id: caseId, actor } = request.body;
        const step = stepOf(request.body);
        const head = await answerOnce(deps, keyOf(request, deps.callerOf(request).tenant), () =>
          remedy.execute({ caseId, actor, traceId: request.id, waitMs, ...(step ? { step } : {}) }),
        );
        const { steps } = await cases.read(caseId);
        return answer(reply, head, { steps }, head.status === 'EXECUTING' ? 202 : 200);
      },
    );
    app.post(
      '/verify/run',
      { schema: { tags, summary: 'Verifies the repair', body: verifyBody } },
      async (request, reply) => {
        const { case_id: caseId, actor } = request.body;
        const head = await answerOnce(deps, keyOf(request, deps.callerOf(request).tenant), () =>
          remedy.verify({ caseId, actor, traceId: request.id, waitMs: verifyWaitMs }),
        );
        const { verification } = await cases.read(caseId);
        return answer(reply, head, { verification }, head.status === 'VERIFYING' ? 202 : 200);
      },
    );
  };
}

function answer(reply: FastifyReply, head: CaseHead, extra: Record<string, unknown> = {}, status = 200) {
  reply.status(status).header('etag', `"${head.version}"`);
  return { data: { ...summaryOf(head), ...extra } };
}

function stepOf(body: z.infer<typeof execBody>): PlanStep | undefined {
  const { adapter, script, timeout_s, retry } = body;
  if (adapter === undefined && script === undefined && body.params === undefined) return undefined;
  const action = adapterActions[adapter ?? 'script'];
  if (script !== undefined && action !== 'script.exec')
    throw new ClewError('bad_request', `script goes with the adapter script, not with ${adapter}.`);
  const params = { ...body.params, ...(script === undefined ? {} : { script }) };
  return { action, title: script ?? action, params, timeout_s, retry };
}

function statesOf(text: string | undefined): CaseState[] | undefined {
  if (text === undefined || text === '') return undefined;
  if (text.toLowerCase() === 'open') return caseStates.filter((state) => state !== 'CLOSED');
  return text.split(',').map((part) => {
    const state = caseStates.find((known) => known === part.trim().toUpperCase());
    if (!state)
      throw new ClewError(
        'bad_request',
        `status ${part} is no state; states are ${caseStates.join(', ')}, or open.`,
      );
    return state;
  });
}

/** The first answer under a key is given again; the scope is the path, so a key may serve on every case. */
function keyOf(request: FastifyRequest, tenant: string): IdempotencyKey | null {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return null;
  if (typeof key !== 'string' || key === '' || key.length > keyCharsMax)
    throw new ClewError('bad_request', `Idempotency-Key must be 1 to ${keyCharsMax} characters.`);
  const path = request.url.split('?')[0] ?? '';
  return {
    tenant,
    route: `${request.method} ${path.replace(/^\/api\/v1/, '')}`,
    key,
    requestHash: requestHash({ body: request.body, ifMatch: request.headers['if-match'] ?? null }),
  };
}

function versionOf(ifMatch: string | undefined, expected: number | undefined): number | undefined {
  if (ifMatch === undefined || ifMatch === '*') return expected;
  const version = Number(/^(?:W\/)?"?(\d{1,9})"?$/.exec(ifMatch.trim())?.[1] ?? Number.NaN);
  if (!Number.isInteger(version))
    throw new ClewError(
      'bad_request',
      `If-Match ${ifMatch.slice(0, 80)} is no version of ours; send the ETag of the case.`,
    );
  if (expected !== undefined && expected !== version)
    throw new ClewError(
      'bad_request',
      `If-Match says version ${version}, expected_version says ${expected}.`,
    );
  return version;
}
