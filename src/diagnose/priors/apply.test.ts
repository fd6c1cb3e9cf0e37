import { describe, expect, it } from 'vitest';
import type { Cause, CauseKind, Verdict } from '../../model/index.ts';
import type { FullAnswer } from '../report/index.ts';
import { adjustmentOf, applyPriors, learnedMost, type Prior, parsePriors } from './apply.ts';
import { answerWithPriors } from './files.ts';

const prior = (over: Partial<Prior>): Prior => {
  const counts = { confirmed: 0, refuted: 0, ...over };
  return {
    kind: 'slow_query',
    resource_type: 'database',
    adjustment: adjustmentOf(counts),
    cases: [{ case_id: 'c-1', number: 7, resource: 'urn:db:postgres:pg/shop', outcome: 'confirmed', at: 1 }],
    ...counts,
    ...over,
  };
};
const cause = (resource: string, kind: CauseKind, score: number): Cause => ({
  resource,
  service: 'shop',
  kind,
  layer: 'application',
  score,
  reasons: [{ text: 'it is slow', evidence: ['e1'] }],
  change: null,
  facts: {},
  explains: [],
});
const verdictOf = (causes: Cause[], word: Verdict['verdict'] = 'root_cause'): Verdict => ({
  verdict: word,
  at: 1,
  window: { from: 0, to: 1 },
  baseline: { from: 0, to: 0 },
  scope: {
    since: 0,
    services: [],
    operations: [],
    affectedRequests: 0,
    totalRequests: 0,
    only: null,
    summary: '',
  },
  causes,
  checks: [],
  evidence: [],
  changes: [],
  graph: { nodes: [], edges: [] },
});
const service = (score: number) => cause('urn:svc:shop', 'latency_regression', score);
const database = (score: number) => cause('urn:db:postgres:pg/shop', 'slow_query', score);

describe('what a score is moved by', () => {
  it('grows with cases, is nothing when they are even, and is bounded', () => {
    expect(adjustmentOf({ confirmed: 0, refuted: 0 })).toBe(0);
    expect(adjustmentOf({ confirmed: 3, refuted: 3 })).toBe(0);
    expect(adjustmentOf({ confirmed: 1, refuted: 0 })).toBe(0.021);
    expect(adjustmentOf({ confirmed: 0, refuted: 1 })).toBe(-0.021);
    expect(adjustmentOf({ confirmed: 10_000, refuted: 0 })).toBe(learnedMost);
    expect(adjustmentOf({ confirmed: 0, refuted: 10_000 })).toBe(-learnedMost);
  });
});

describe('experience', () => {
  it('puts the cause that was verified before ahead of one that is as likely, and says so with its cases', () => {
    const moved = applyPriors(verdictOf([service(0.7), database(0.68)]), [prior({ confirmed: 4 })]);
    expect(moved.causes.map(({ resource, score }) => [resource, score])).toEqual([
      ['urn:db:postgres:pg/shop', 0.7],
      ['urn:svc:shop', 0.7],
    ]);
    const [first] = moved.causes;
    expect(first?.reasons.at(-1)).toMatchObject({
      text: 'slow query at a database was named by earlier cases here and confirmed 4 times by a verified repair, refuted 0 times; this moved the score from 0.680 to 0.700.',
      evidence: ['learned-slow_query-database'],
      code: 'learned',
    });
    expect(moved.evidence).toMatchObject([
      {
        dim: 'kb',
        ledger: { table: 'diagnosis_outcome', keys: { kind: 'slow_query', resource_type: 'database' } },
        rows: [{ case_id: 'c-1', number: 7 }],
      },
    ]);
  });
  it('does not overturn evidence that is clearly stronger', () => {
    const moved = applyPriors(verdictOf([service(0.7), database(0.6)]), [prior({ confirmed: 1_000 })]);
    expect(moved.causes.map(({ score }) => score)).toEqual([0.7, 0.65]);
    expect(moved.causes[0]?.resource).toBe('urn:svc:shop');
  });
  it('never makes an answer surer than its evidence', () => {
    const moved = applyPriors(verdictOf([database(0.58)]), [prior({ confirmed: 1_000 })]);
    expect(moved.causes[0]?.score).toBe(0.58);
  });
  it('lowers what was refuted', () => {
    const moved = applyPriors(verdictOf([database(0.7), service(0.68)]), [prior({ refuted: 9 })]);
    expect(moved.causes.map(({ resource }) => resource)).toEqual(['urn:svc:shop', 'urn:db:postgres:pg/shop']);
  });
  it('leaves what was not learnt, what is outside, and what is not conclusive to the letter', () => {
    const learnt = [prior({ confirmed: 5 })];
    const other = verdictOf([service(0.7)]);
    expect(applyPriors(other, learnt)).toBe(other);
    for (const word of ['inconclusive', 'external'] as const) {
      const unsure = verdictOf([database(0.3)], word);
      expect(applyPriors(unsure, learnt)).toBe(unsure);
    }
    const surge = verdictOf([cause('urn:svc:shop', 'traffic_surge', 0.7)]);
    expect(
      applyPriors(surge, [prior({ kind: 'traffic_surge', resource_type: 'service', confirmed: 9 })]),
    ).toBe(surge);
    const verdict = verdictOf([service(0.7), database(0.68)]);
    expect(applyPriors(verdict, [])).toBe(verdict);
  });
  it('never puts first what is outside, in a verdict and in an answer about files alike', () => {
    const refuted = [prior({ refuted: 9 })];
    const outage = cause('urn:ext:cards', 'external_dependency', 0.69);
    const verdict = verdictOf([database(0.7), outage]);
    expect(applyPriors(verdict, refuted)).toBe(verdict);
    const answer = {
      verdict: 'root_cause',
      causes: [
        {
          resource: 'shop',
          kind: 'slow_query',
          layer: 'data',
          score: 0.7,
          reasons: [],
          said: [],
          evidence: [],
        },
        { resource: 'cards', kind: 'external_dependency', layer: 'service', score: 0.69 },
      ],
    } as unknown as FullAnswer;
    expect(answerWithPriors(answer, refuted, 'p.json')).toBe(answer);
  });
});

it('a file of priors that is none is refused by its name and field', () => {
  expect(parsePriors(JSON.stringify({ data: [prior({ confirmed: 2 })] }), 'p.json')).toHaveLength(1);
  expect(() => parsePriors('{', 'p.json')).toThrow('p.json: it is not JSON');
  expect(() => parsePriors('{"data":[{"kind":1}]}', 'p.json')).toThrow(/p\.json: field "data\.0\.kind"/);
});
