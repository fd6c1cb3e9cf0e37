import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { systemClock } from '../../src/lib/index.ts';
import { callerOf } from '../../src/serve/caller.ts';
import { caseRoutes } from '../../src/serve/cases.ts';
import { createServer } from '../../src/serve/index.ts';
import { log, type World, worldOn } from './cases-support.ts';

let world: World;
let app: Awaited<ReturnType<typeof createServer>>;

beforeAll(async () => {
  const ledger = await openTestLedger();
  world = worldOn(ledger);
  await world.start();
  app = await createServer({ log, bodyBytesMax: 1_048_576 });
  const { cases, remedy } = world;
  await app.register(caseRoutes({ ledger, clock: systemClock, cases, remedy, callerOf }));
  await app.ready();
});

afterAll(async () => {
  await app?.close();
  await world?.stop();
  await world?.ledger.close();
});

/** As `curl -d` sends it: JSON under the name of a form. */
async function curl(
  method: 'POST' | 'PATCH' | 'GET',
  url: string,
  body?: unknown,
  headers: Record<string, string> = {},
) {
  const answer = await app.inject({
    method,
    url,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      ...headers,
    },
    ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: answer.statusCode, headers: answer.headers, body: answer.json() };
}

const open = async (title = 'p95 spike'): Promise<string> =>
  (await curl('POST', '/case/create', { title, tenant: 't-001' })).body.data.case_id;

const start = (id: string, headers: Record<string, string> = {}) =>
  curl('PATCH', `/case/${id}/transition`, { event: 'start_analysis', actor: 'analyst@svc' }, headers);

describe('the walk-through of the source', () => {
  test('goes from a created case to a closed one with the six calls, as curl sends them', async () => {
    const created = await curl('POST', '/case/create', '{"title":"p95 spike","tenant":"t-001"}');
    expect(created.status).toBe(201);
    expect(created.body.data).toMatchObject({ status: 'NEW', version: 1, tenant: 't-001' });
    const id = created.body.data.case_id;
    expect(created.body.data.id).toBe(id);
    const started = await start(id, { 'idempotency-key': 'a1' });
    expect(started.body.data.status).toBe('ANALYZING');
    const planned = await curl('POST', '/plan/generate', { case_id: id, template: 'k8s.rollout.canary' });
    expect(planned.body.data).toMatchObject({ status: 'WAIT_GATE', plan: { risk_score: 0.2 } });
    const gated = await curl('POST', '/gate/eval', { case_id: id });
    expect(gated.body.data).toMatchObject({
      status: 'EXECUTING',
      gate: { decision: 'approve', policies: ['auto-requested-low-risk'] },
    });
    const run = await curl(
      'POST',
      '/adapter/exec',
      `{"case_id":"${id}","adapter":"script","script":"echo ok"}`,
    );
    expect(run.body.data.status).toBe('VERIFYING');
    expect(run.body.data.steps).toMatchObject([
      { action: 'script.exec', status: 'ok', output: { stdout: 'ok\n', exit_code: 0 } },
    ]);
    const verified = await curl('POST', '/verify/run', { case_id: id });
    expect(verified.body.data).toMatchObject({ status: 'CLOSED', verification: { status: 'pass' } });
    const timeline = (await curl('GET', `/api/v1/case/${id}/timeline`)).body.data;
    expect(
      timeline.filter((entry: { to: string | null }) => entry.to).map((entry: { to: string }) => entry.to),
    ).toEqual(['NEW', 'ANALYZING', 'PLANNING', 'WAIT_GATE', 'EXECUTING', 'VERIFYING', 'CLOSED']);
    for (const entry of timeline) expect(entry.meta.trace_id).toMatch(/^[0-9a-f]{32}$/);
    const detail = (await curl('GET', `/case/${id}`)).body.data;
    expect(detail).toMatchObject({
      status: 'CLOSED',
      version: 7,
      verdict: null,
      gate: { needs_person: false },
    });
  });
});

describe('refusals', () => {
  test('an illegal event answers 409 and changes nothing but the timeline', async () => {
    const id = await open();
    const answer = await curl('PATCH', `/case/${id}/transition`, { event: 'verify_pass', actor: 'ann' });
    expect(answer.status).toBe(409);
    expect(answer.body.error).toMatchObject({ code: 'illegal_transition', retryable: false });
    const detail = (await curl('GET', `/case/${id}`)).body.data;
    expect(detail).toMatchObject({ status: 'NEW', version: 1 });
    const timeline = (await curl('GET', `/case/${id}/timeline`)).body.data;
    expect(timeline.at(-1)).toMatchObject({
      event: 'verify_pass',
      to: null,
      meta: { refused: 'illegal_transition' },
    });
  });

  test('a stale If-Match answers 412 and names the current version', async () => {
    const id = await open();
    const answer = await start(id, { 'if-match': '"7"' });
    expect(answer.status).toBe(412);
    expect(answer.body.error.details).toMatchObject({ version: 1, expected_version: 7 });
    expect((await start(id, { 'if-match': '"1"' })).headers.etag).toBe('"2"');
  });

  test('an incomplete plan answers 422, names what is missing, and leaves the case in PLANNING', async () => {
    const id = await open();
    await start(id);
    const answer = await curl('POST', '/plan/generate', { case_id: id, plan: { title: 'x', steps: [] } });
    expect(answer.status).toBe(422);
    expect(answer.body.error.message).toMatch(/rollback.*verify|verify.*rollback/s);
    await curl('PATCH', `/case/${id}/transition`, { event: 'plan_ready', actor: 'ann' }).then((ready) =>
      expect(ready.status).toBe(422),
    );
    expect((await curl('GET', `/case/${id}`)).body.data.status).toBe('PLANNING');
  });

  test('an approval without a decision of the gate answers 422', async () => {
    const id = await open();
    await start(id);
    await curl('POST', '/plan/generate', { case_id: id, template: 'observe.only' });
    const answer = await curl('PATCH', `/case/${id}/transition`, { event: 'gate_approved', actor: 'ann' });
    expect(answer.status).toBe(422);
  });

  test('an unknown case answers 404 on every route, malformed ids included', async () => {
    for (const id of ['3f0e7c9e-0000-4000-8000-000000000000', 'nonsense', "'; DROP TABLE ops_case; --"]) {
      expect((await curl('GET', `/case/${encodeURIComponent(id)}`)).status).toBe(404);
      expect((await curl('POST', '/gate/eval', { case_id: id })).status).toBe(404);
      expect((await start(encodeURIComponent(id))).status).toBe(404);
    }
  });

  test('malformed JSON, unknown fields and wrong types answer 400 and name the field', async () => {
    expect((await curl('POST', '/case/create', '{"title":')).status).toBe(400);
    const unknown = await curl('POST', '/case/create', { title: 'x', colour: 'red' });
    expect(unknown.status).toBe(400);
    expect(unknown.body.error.message).toContain('colour');
    const id = await open();
    const wrong = await curl('PATCH', `/case/${id}/transition`, { event: 'explode', actor: 'ann' });
    expect(wrong.body.error.message).toContain('event');
  });

  test('a program that is not allow-listed is refused before anything runs', async () => {
    const id = await open();
    await start(id);
    await curl('POST', '/plan/generate', { case_id: id, template: 'observe.only' });
    await curl('POST', '/gate/eval', { case_id: id });
    const answer = await curl('POST', '/adapter/exec', {
      case_id: id,
      adapter: 'script',
      script: 'rm -rf /',
    });
    expect(answer.status).toBe(422);
    expect(answer.body.error.message).toContain('remedy.script_allow');
    expect((await curl('GET', `/case/${id}`)).body.data).toMatchObject({ status: 'EXECUTING', steps: [] });
  });
});

describe('idempotency keys', () => {
  test('a repeated key answers what it answered first and writes neither timeline nor outbox again', async () => {
    const id = await open();
    const first = await start(id, { 'idempotency-key': 'k1' });
    const again = await start(id, { 'idempotency-key': 'k1' });
    expect(again.body).toEqual(first.body);
    const timeline = (await curl('GET', `/case/${id}/timeline`)).body.data;
    expect(timeline).toHaveLength(2);
    const [row] = await world.ledger.query<{ n: number }>(
      'SELECT count(*)::int AS n FROM outbox WHERE key = $1',
      [id],
    );
    expect(row?.n).toBe(2);
  });

  test('a refusal is replayed too, with one timeline entry', async () => {
    const id = await open();
    const send = () =>
      curl(
        'PATCH',
        `/case/${id}/transition`,
        { event: 'exec_done', actor: 'x' },
        { 'idempotency-key': 'k2' },
      );
    const first = await send();
    await start(id);
    const again = await send();
    expect(first.status).toBe(409);
    expect(again.body.error.message).toBe(first.body.error.message);
    const timeline = (await curl('GET', `/case/${id}/timeline`)).body.data;
    expect(timeline.filter((entry: { event: string }) => entry.event === 'exec_done')).toHaveLength(1);
  });

  test('another body under the same key answers 422; the same key on another case is another request', async () => {
    const id = await open();
    await start(id, { 'idempotency-key': 'k3' });
    const other = await curl(
      'PATCH',
      `/case/${id}/transition`,
      { event: 'park', actor: 'x' },
      { 'idempotency-key': 'k3' },
    );
    expect(other.status).toBe(422);
    expect((await start(await open(), { 'idempotency-key': 'k3' })).status).toBe(200);
  });

  test('creating twice under one key makes one case', async () => {
    const make = () => curl('POST', '/case/create', { title: 'once' }, { 'idempotency-key': 'c1' });
    const [one, two] = await Promise.all([make(), make()]);
    expect(one.body.data.id).toBe(two.body.data.id);
  });
});

test('of many writers with the same expected version exactly one wins', async () => {
  const id = await open();
  const answers = await Promise.all(
    Array.from({ length: 8 }, () =>
      curl('PATCH', `/case/${id}/transition`, { event: 'start_analysis', actor: 'x', expected_version: 1 }),
    ),
  );
  expect(answers.map((answer) => answer.status).sort()).toEqual([200, ...Array(7).fill(412)]);
});

test('a person approves where policy waits, and a machine may not', async () => {
  const id = await open();
  await start(id);
  const plan = {
    title: 'by hand',
    risk_score: 0.1,
    steps: [{ action: 'noop', timeout_s: 10, retry: 0 }],
    rollback: {},
    verify: {},
  };
  await curl('POST', '/plan/generate', { case_id: id, plan });
  const alone = await curl('POST', '/gate/eval', { case_id: id });
  expect(alone.body.data).toMatchObject({ status: 'WAIT_GATE', gate: { needs_person: true } });
  const model = await curl('POST', '/gate/eval', { case_id: id, decision: 'approve', actor: 'model@svc' });
  expect(model.status).toBe(403);
  const ann = await curl('POST', '/gate/eval', {
    case_id: id,
    decision: 'approve',
    actor: 'ann',
    reason: 'looked at it',
  });
  expect(ann.body.data).toMatchObject({
    status: 'EXECUTING',
    gate: { actor: 'ann', policies: ['person-approves'] },
  });
  expect((await curl('POST', '/adapter/exec', { case_id: id })).body.data.status).toBe('VERIFYING');
});

test('the list filters by state and tenant', async () => {
  const list = await curl('GET', '/api/v1/case?status=open&tenant=t-001&limit=5');
  expect(list.body.data.length).toBeGreaterThan(0);
  for (const each of list.body.data) expect(each).toMatchObject({ tenant: 't-001' });
  expect((await curl('GET', '/case?status=BROKEN')).status).toBe(400);
});
