import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CaseEvent, type CaseState, caseEvents, caseStates } from '../model/index.ts';
import { mayHappen, nextState } from './workflow.ts';

/** The source's diagram, written down a second time as it stands there, plus `park`. */
const diagram = `
NEW --> ANALYZING: start_analysis
ANALYZING --> PLANNING: analysis_done
PLANNING --> WAIT_GATE: plan_ready
WAIT_GATE --> EXECUTING: gate_approved
WAIT_GATE --> PARKED: gate_rejected
EXECUTING --> VERIFYING: exec_done
EXECUTING --> PARKED: exec_failed
VERIFYING --> CLOSED: verify_pass
VERIFYING --> PARKED: verify_failed
PARKED --> PLANNING: resume
ANALYZING --> PARKED: park
PLANNING --> PARKED: park
WAIT_GATE --> PARKED: park
`;
const edges = new Map(
  [...diagram.matchAll(/(\w+) --> (\w+): (\w+)/g)].map(([, from, to, event]) => [`${from} ${event}`, to]),
);

test('every pair of state and event does what the diagram says, and nothing else', () => {
  fc.assert(
    fc.property(fc.constantFrom(...caseStates), fc.constantFrom(...caseEvents), (state, event) => {
      expect(nextState(state, event)).toBe(edges.get(`${state} ${event}`) ?? null);
      expect(mayHappen(state).includes(event)).toBe(edges.has(`${state} ${event}`));
    }),
    { numRuns: 500 },
  );
});

test('from every reachable state a case can still close, and CLOSED is the end', () => {
  const closes = (state: CaseState, seen: ReadonlySet<CaseState>): boolean =>
    state === 'CLOSED' ||
    mayHappen(state).some((event) => {
      const next = nextState(state, event);
      return next !== null && !seen.has(next) && closes(next, new Set([...seen, next]));
    });
  for (const state of caseStates) expect(closes(state, new Set([state]))).toBe(true);
  expect(mayHappen('CLOSED')).toEqual([]);
});

test('no sequence of events executes a plan without passing the gate, or closes a case without verification', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...caseEvents), { maxLength: 60 }), (events: CaseEvent[]) => {
      let state: CaseState = 'NEW';
      let approvedSincePlan = false;
      for (const event of events) {
        const next = nextState(state, event);
        if (next === null) continue;
        if (next === 'PLANNING') approvedSincePlan = false;
        if (event === 'gate_approved') approvedSincePlan = true;
        if (next === 'EXECUTING' || next === 'VERIFYING') expect(approvedSincePlan).toBe(true);
        if (next === 'CLOSED') expect([state, event]).toEqual(['VERIFYING', 'verify_pass']);
        state = next;
      }
    }),
  );
});
