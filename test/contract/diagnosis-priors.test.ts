import type { FastifyInstance } from 'fastify';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Bus, createBus } from '../../src/bus/index.ts';
import { type Cases, createCases, namedCause } from '../../src/cases/index.ts';
import { createLearning, type Learning } from '../../src/diagnose/index.ts';
import type { Ledger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { newUuid, systemClock } from '../../src/lib/index.ts';
import type { Cause } from '../../src/model/index.ts';
import { priorRoutes } from '../../src/serve/priors.ts';
import { createServer } from '../../src/serve/server.ts';
import { until } from '../support/until.ts';
import { cause, log, signal, verdict } from './cases-support.ts';

let ledger: Ledger;
let bus: Bus;
let cases: Cases;
let learning: Learning;
let tenant = '';

beforeAll(async () => {
  ledger = await openTestLedger();
});
afterAll(() => ledger.close());

async function world(enabled: boolean): Promise<void> {
  tenant = `t-${newUuid()}`;
  await ledger.query('DELETE FROM outbox');
  const base = { ledger, clock: systemClock, log };
  bus = createBus({ ...base, limits: { pollMs: 20, backoffMs: 5 } });
  cases = createCases({
    ...base,
    bus,
    automatic: false,
    diagnose: async () => verdict(),
    evidenceRows: async () => [],
  });
  learning = createLearning({
    ledger,
    clock: systemClock,
    bus,
    enabled,
    causeOf: (caseId) => namedCause(cases, caseId),
  });
  await bus.start();
}
beforeEach(() => world(true));
afterEach(() => bus.stop());

let made = 0;
async function decided(
  first: Partial<Cause>,
  events: readonly ('verify_pass' | 'verify_failed')[],
  meta: Record<string, unknown> = {},
  said = verdict({ causes: [cause(first)] }),
): Promise<string> {
  const service = `payments${made++}`;
  const { caseId } = await cases.openIncident({
    tenant,
    title: `${service} fails`,
    severity: 'ERROR',
    service,
    resource: `urn:svc:${service}`,
    signals: [signal({ tenant, service })],
  });
  await cases.recordVerdict(caseId, said);
  for (const event of events) {
    await ledger.query(
      `INSERT INTO case_timeline (case_id, event, actor, reason, correlation_id, meta, created_at) VALUES ($1, $2, 'ann', '', 'x', $3, now())`,
      [caseId, event, JSON.stringify(meta)],
    );
    await ledger.query(
      `INSERT INTO outbox (topic, key, payload, message_id, tenant, trace_id) VALUES ('evt.case.transition.v1', $1, $2, $3, $4, 'x')`,
      [caseId, JSON.stringify({ event }), newUuid(), tenant],
    );
  }
  await until('all was told', async () => (await bus.health()).pending === 0);
  return caseId;
}

it('a verified repair confirms its cause, one that did not help refutes it; the cases stand beside the counts', async () => {
  const confirmed = await decided({ kind: 'slow_query', resource: 'urn:db:postgres:pg/shop' }, [
    'verify_pass',
  ]);
  await decided({ kind: 'slow_query', resource: 'urn:db:postgres:pg/other' }, ['verify_failed']);
  await decided({ kind: 'slow_query', resource: 'urn:db:postgres:pg/shop' }, ['verify_pass']);
  const [one, ...more] = await learning.list(tenant);
  expect(more).toEqual([]);
  expect(one).toMatchObject({ kind: 'slow_query', resource_type: 'database', confirmed: 2, refuted: 1 });
  expect(one?.adjustment).toBe(0.012);
  expect(one?.cases.map(({ case_id }) => case_id)).toContain(confirmed);
  expect(await learning.list(`${tenant}-other`)).toEqual([]);
});

it('a case counts once, by how it ended', async () => {
  await decided({}, ['verify_failed', 'verify_pass']);
  expect(await learning.list(tenant)).toMatchObject([{ kind: 'bad_release', confirmed: 1, refuted: 0 }]);
});

it('a person who names another cause refutes the first one and confirms theirs', async () => {
  await decided({ kind: 'bad_release' }, ['verify_pass'], { cause: { kind: 'memory_leak' } });
  expect(await learning.list(tenant)).toMatchObject([
    { kind: 'bad_release', confirmed: 0, refuted: 1 },
    { kind: 'memory_leak', resource_type: 'service', confirmed: 1, refuted: 0 },
  ]);
});

it('what was learnt moves a later verdict, and what is forgotten moves none', async () => {
  for (let i = 0; i < 4; i++)
    await decided({ kind: 'slow_query', resource: 'urn:db:postgres:pg/shop' }, ['verify_pass']);
  const near = verdict({
    causes: [
      cause({ score: 0.71 }),
      cause({ kind: 'slow_query', resource: 'urn:db:postgres:pg/shop', score: 0.69 }),
    ],
  });
  const moved = await learning.applied(tenant, near);
  expect(moved.causes.map(({ kind }) => kind)).toEqual(['slow_query', 'bad_release']);
  // A case keeps the reason with its cases, hashed like all evidence.
  const kept = await decided({}, [], {}, moved);
  const { verdict: stored, evidence } = await cases.read(kept);
  expect(stored?.causes[0]?.reasons.at(-1)?.code).toBe('learned');
  expect(evidence.find(({ dim }) => dim === 'kb')).toMatchObject({
    ledger: { table: 'diagnosis_outcome', keys: { kind: 'slow_query', resource_type: 'database' } },
  });
  expect(await cases.verifyEvidence(kept)).toMatchObject({ ok: true });
  expect(await learning.forget(tenant, { kind: 'slow_query', resourceType: 'database' })).toBe(4);
  expect(await learning.applied(tenant, near)).toEqual(near);
});

it('when it is off nothing is counted and nothing is moved', async () => {
  await bus.stop();
  await world(false);
  await decided({}, ['verify_pass']);
  expect(await learning.list(tenant)).toEqual([]);
  const given = verdict();
  expect(await learning.applied(tenant, given)).toBe(given);
});

it('the API lists, forgets one, and forgets all', async () => {
  const app: FastifyInstance = await createServer({ log, bodyBytesMax: 1e6 });
  await app.register(priorRoutes({ learning, enabled: true, tenantOf: () => tenant }), { prefix: '/api/v1' });
  await decided({ kind: 'slow_query', resource: 'urn:db:postgres:pg/shop' }, ['verify_pass']);
  await decided({ kind: 'bad_release' }, ['verify_pass']);
  const url = '/api/v1/priors';
  const list = await app.inject({ url });
  expect(list.json()).toMatchObject({
    enabled: true,
    data: [{ kind: 'bad_release' }, { kind: 'slow_query' }],
  });
  expect((await app.inject({ method: 'DELETE', url: `${url}?kind=bad_release` })).statusCode).toBe(400);
  const one = await app.inject({ method: 'DELETE', url: `${url}?kind=bad_release&resource_type=service` });
  expect(one.json()).toEqual({ forgotten: 1 });
  expect((await app.inject({ method: 'DELETE', url })).json()).toEqual({ forgotten: 1 });
  expect((await app.inject({ url })).json().data).toEqual([]);
  await app.close();
});
