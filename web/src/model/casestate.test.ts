import { expect, test } from 'vitest';
import { actionsIn, stepStates, stoppedAt } from './casestate.ts';
import { layersOf } from './layers.ts';
import { plannedSteps } from './plansteps.ts';

test('a case on its way: done before, now, next after', () => {
  expect(stepStates('EXECUTING', [])).toEqual(['done', 'done', 'done', 'now', 'next', 'next']);
  expect(stepStates('CLOSED', [])).toEqual(['done', 'done', 'done', 'done', 'done', 'done']);
  expect(stepStates('NEW', [])).toEqual(['next', 'next', 'next', 'next', 'next', 'next']);
});

test('a parked case shows where it stopped last', () => {
  const timeline = [
    { from: 'WAIT_GATE', to: 'PARKED' },
    { from: 'PARKED', to: 'PLANNING' },
    { from: 'VERIFYING', to: 'PARKED' },
    { from: 'PARKED', to: 'PARKED' },
  ];
  expect(stoppedAt(timeline)).toBe('VERIFYING');
  expect(stepStates('PARKED', timeline)).toEqual(['done', 'done', 'done', 'done', 'stopped', 'next']);
});

test('a person is asked at the gate and when it is parked, nowhere else', () => {
  expect(actionsIn('WAIT_GATE')).toEqual(['approve', 'reject']);
  expect(actionsIn('PARKED')).toEqual(['resume']);
  expect(actionsIn('EXECUTING')).toEqual([]);
});

test('a layer is as bad as its worst check; a layer that nobody looked at has no data', () => {
  const check = (layer: 'service' | 'host', status: 'ok' | 'suspect' | 'no_data') => ({
    layer,
    check: `${layer} ${status}`,
    status,
    summary: '',
    evidence: [],
  });
  const rows = layersOf({
    checks: [check('service', 'ok'), check('service', 'suspect'), check('host', 'no_data')],
  });
  expect(rows.map((row) => row.status)).toEqual(['no_data', 'suspect', 'no_data', 'no_data', 'no_data']);
});

test('steps that ran join the plan whether the server counts from 0 or from 1, rollback apart', () => {
  const step = { action: 'noop' as const, title: 'x', params: {}, timeout_s: 1, retry: 0 };
  const plan = { steps: [step, step], rollback: { steps: [step] } };
  const ran = (seq: number, phase: 'forward' | 'compensate') => ({
    seq,
    phase,
    action: 'noop',
    title: 'x',
    params: {},
    status: 'ok' as const,
    attempt: 1,
    started_at: 1,
    finished_at: 2,
    output: null,
    error: null,
  });
  for (const base of [0, 1]) {
    const joined = plannedSteps(plan, [
      ran(base, 'forward'),
      ran(base + 1, 'forward'),
      ran(base, 'compensate'),
    ]);
    expect(joined.forward.map((each) => each.run?.seq)).toEqual([base, base + 1]);
    expect(joined.rollback[0]?.run?.phase).toBe('compensate');
  }
});
