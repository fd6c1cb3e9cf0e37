import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Ledger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { newUuid, systemClock } from '../../src/lib/index.ts';
import type { PlanStep } from '../../src/model/index.ts';
import { signal, type World, worldOn } from './cases-support.ts';

let ledger: Ledger;
let world: World;
const traceId = 'e'.repeat(32);
const actor = 'ann';

beforeAll(async () => {
  ledger = await openTestLedger();
  world = worldOn(ledger, { automatic: false });
});
afterAll(async () => {
  await world.stop();
  await ledger.close();
});

/** A case with an approved plan of these steps. */
async function executing(tenant: string, steps: PlanStep[], rollback: PlanStep[] = []): Promise<string> {
  const { caseId } = await world.cases.openIncident({
    tenant,
    title: 'x',
    severity: 'ERROR',
    signals: [signal({ tenant })],
    resource: 'urn:svc:payments',
    service: 'payments',
  });
  await world.cases.orchestrator.transition({ caseId, event: 'start_analysis', actor, traceId });
  const plan = {
    title: 'x',
    risk_score: 0.1,
    steps,
    rollback: { steps: rollback.map((step) => ({ ...step, compensates: 0 })) },
    verify: { objectives: ['payments.availability'], window_s: 1, deadline_s: 5 },
  };
  await world.remedy.plan({ caseId, actor, traceId, plan });
  await world.remedy.gate({ caseId, decision: 'approve', actor, traceId });
  return caseId;
}

const noop = (retry: number): PlanStep => ({ action: 'noop', params: {}, timeout_s: 10, retry });

/** What a process leaves that is killed in the middle of its first step's first attempt. */
async function dieInStep(caseId: string, step: PlanStep): Promise<void> {
  await ledger.query(
    `INSERT INTO exec_step (case_id, plan_id, phase, seq, step, status, attempt, started_at, trace_id)
     SELECT $1, id, 'forward', 0, $2::jsonb, 'running', 1, now(), 'x' FROM plan_proposed WHERE case_id = $1`,
    [caseId, JSON.stringify(step)],
  );
}

test('a step found running after a restart is tried again when its retry allows', async () => {
  const caseId = await executing('t-retry', [noop(1)]);
  await dieInStep(caseId, noop(1));
  const head = await world.remedy.execute({ caseId, actor, traceId, waitMs: 8_000 });
  expect(head.status).toBe('VERIFYING');
  expect((await world.cases.read(caseId)).steps).toMatchObject([{ status: 'ok', attempt: 2 }]);
});

test('a step found running without an attempt left may have taken effect: it is taken back and the case parked', async () => {
  const caseId = await executing('t-back', [noop(0)], [noop(0)]);
  await dieInStep(caseId, noop(0));
  const head = await world.remedy.execute({ caseId, actor, traceId, waitMs: 8_000 });
  expect(head).toMatchObject({
    status: 'PARKED',
    parkedReason: expect.stringContaining('1 steps were taken back'),
  });
  expect((await world.cases.read(caseId)).steps.map((step) => [step.phase, step.status])).toEqual([
    ['forward', 'compensated'],
    ['compensate', 'ok'],
  ]);
});

test('a verification whose deadline passed while the process was down gets a whole window, not a verdict', async () => {
  const caseId = await executing('t-verify', [noop(0)]);
  await world.remedy.execute({ caseId, actor, traceId, waitMs: 8_000 });
  const long = new Date(systemClock.now() - 3_600_000);
  await ledger.query(
    `INSERT INTO verification (id, case_id, plan_id, status, window_s, started_at, deadline_at)
     SELECT $2, $1, id, 'waiting', 1, $3, $3 FROM plan_proposed WHERE case_id = $1`,
    [caseId, newUuid(), long],
  );
  const head = await world.remedy.verify({ caseId, actor, traceId, waitMs: 8_000 });
  expect(head.status).toBe('CLOSED');
});

test('an action without an adapter fails with a sentence for a person, and nothing was changed', async () => {
  const step: PlanStep = { action: 'k8s.rollout', params: { deployment: 'app' }, timeout_s: 10, retry: 0 };
  const caseId = await executing('t-k8s', [step], [step]);
  const head = await world.remedy.execute({ caseId, actor, traceId, waitMs: 8_000 });
  expect(head.status).toBe('PARKED');
  expect(head.parkedReason).toContain('no adapter for k8s.rollout');
  expect(head.parkedReason).toContain('nothing had to be taken back');
});
