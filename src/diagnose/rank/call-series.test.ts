import { describe, expect, it } from 'vitest';
import { incidentWith } from '../../../test/support/incident.ts';
import type { CallRow, Incident } from '../incident.ts';
import { withCallSeries } from './call-series.ts';
import { judge } from './judge.ts';

const notice = Date.UTC(2026, 2, 3, 10, 0, 0);

/** A minute's figures of the ways shop → cart → stock → ledger and shop → search; from the notice on `stock` is slow and fails. */
function calls(failing: boolean): CallRow[] {
  const ways = [
    ['shop', 'cart', true],
    ['cart', 'stock', true],
    ['stock', 'ledger', false],
    ['shop', 'search', false],
  ] as const;
  return Array.from({ length: 40 }, (_, i) => notice + (i - 32) * 60_000).flatMap((at, i) =>
    ways.map(([src, dst, suffers]): CallRow => {
      const bad = suffers && at >= notice;
      const wobble = 1 + 0.03 * (i % 4);
      return {
        at,
        src,
        dst,
        rps: 10 * wobble,
        errorRate: bad && failing ? 0.4 : 0.001 * wobble,
        p50Ms: (bad && !failing ? 400 : 20) * wobble,
        p95Ms: (bad && !failing ? 900 : 45) * wobble,
      };
    }),
  );
}

const incidentOf = (rows: CallRow[], parts: Partial<Incident> = {}): Incident =>
  incidentWith({
    at: notice,
    symptom: { service: 'cart', metric: '', stat: '' },
    window: { from: notice, to: notice + 8 * 60_000 },
    baseline: { from: notice - 32 * 60_000, to: notice },
    calls: rows,
    files: { calls: 'calls.csv' },
    ...parts,
  });

describe('where only figures of calls are known', () => {
  it.each([
    ['slow', false, 'latency_regression'],
    ['failing', true, 'error_burst'],
  ])('the deepest %s callee is the cause, shown by rows of calls', (_, failing, kind) => {
    const { verdict, causes } = judge(incidentOf(calls(failing)));
    expect([verdict, causes[0]?.resource, causes[0]?.kind]).toEqual(['root_cause', 'stock', kind]);
    expect(causes[0]?.facts[0]?.evidence[0]?.ref).toMatch(/^calls\.csv\?dst=stock&from=/);
  });

  it('figures of several callers are one, by their requests; a resource that measures itself keeps its own', () => {
    const row = (src: string, rps: number, errorRate: number, p50Ms: number): CallRow => ({
      at: notice,
      src,
      dst: 'stock',
      rps,
      errorRate,
      p50Ms,
      p95Ms: null,
    });
    const rows = [row('cart', 30, 0.1, 10), row('shop', 10, 0.5, 50)];
    const shown = (incident: Incident) =>
      withCallSeries(incident).series.map(({ metric, values }) => [metric, ...values]);
    expect(shown(incidentOf(rows))).toEqual([
      ['rps', 40],
      ['err_rate', 0.2],
      ['p50_ms', 20],
    ]);
    const series = [{ service: 'stock', metric: 'latency_ms', times: [notice], values: [7] }];
    expect(shown(incidentOf(rows, { series }))).toEqual([
      ['latency_ms', 7],
      ['rps', 40],
      ['err_rate', 0.2],
    ]);
  });
});
