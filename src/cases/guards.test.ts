import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkPlan, type GuardFacts, guards } from './guards.ts';

const plan = {
  title: 'x',
  steps: [{ action: 'noop', timeout_s: 10, retry: 0 }],
  rollback: {},
  verify: {},
};
const facts: GuardFacts = {
  plan,
  planIsNew: true,
  gate: null,
  stepsOpen: 0,
  verification: null,
  actor: 'ann',
  reason: 'seen',
};

test('a plan is complete with one step that has action, timeout and retry, and with rollback and verify', () => {
  expect(checkPlan(plan)).toEqual([]);
  for (const key of ['title', 'steps', 'rollback', 'verify'])
    expect(checkPlan({ ...plan, [key]: undefined }).join()).toContain(key);
  for (const key of ['action', 'timeout_s', 'retry'])
    expect(checkPlan({ ...plan, steps: [{ ...plan.steps[0], [key]: undefined }] }).join()).toContain(key);
});

test('anything at all is judged without an exception', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      expect(Array.isArray(checkPlan(value))).toBe(true);
    }),
  );
});

test('a plan that was decided before does not come to the gate again by itself', () => {
  const gate = {
    decision: 'reject' as const,
    policies: [],
    reasons: [],
    actor: 'ann',
    needs_person: false,
    inputs: {},
  };
  expect(guards.plan_ready({ ...facts, planIsNew: false, gate })).toContain('decided before');
  expect(guards.plan_ready({ ...facts, planIsNew: false })).toBeNull();
});

test('steps that did not succeed, and a verification that runs or failed, hold the case back', () => {
  expect(guards.exec_done({ ...facts, stepsOpen: 2 })).toContain('2 steps');
  expect(guards.verify_pass({ ...facts, verification: 'waiting' })).toContain('still running');
  expect(guards.verify_pass({ ...facts, verification: 'failed' })).toContain('failed');
  expect(guards.verify_pass({ ...facts, reason: '' })).toContain('reason');
});
