import { expect, test } from 'vitest';
import { histogramQuantile, parseMetrics, sumOf } from './metrics.ts';
import type { Check, ValidationResult } from './plan.ts';
import { holds, judge, validationMarkdown, validationPage, verdict } from './report.ts';
import { exactnessText } from './trial.ts';

const check = (overrides: Partial<Check> = {}): Check => ({
  dimension: 'write',
  chapter: '6.3.1',
  criterion: 'sustained rate',
  limit: '≥ 50,000 records/s',
  measured: '50,001 records/s',
  passed: true,
  how: 'Counted.',
  ...overrides,
});
const result = (checks: Check[]): ValidationResult => ({
  format: 'clew.bench.validate.v1',
  at: '2026-11-20T13:00:00.000Z',
  quick: true,
  phases: ['throughput'],
  machine: { cpu: 'A <fast> CPU', cores: 2, memoryBytes: 2 ** 34, node: 'v24.0.0' },
  seconds: 61,
  checks,
});
const everyDimension = (
  ['write', 'correct', 'resources', 'queries', 'exceptions', 'observability'] as const
).map((dimension) => check({ dimension }));

test('holds only when every criterion does, and never when nothing was checked', () => {
  expect(holds(result(everyDimension))).toBe(true);
  expect(holds(result([...everyDimension, check({ passed: false })]))).toBe(false);
  expect(holds(result([]))).toBe(false);
});

test('the verdict names what was not looked at', () => {
  expect(verdict(result(everyDimension))).toBe('All 6 criteria hold.');
  expect(verdict(result(everyDimension.slice(1)))).toBe('All 5 criteria hold. Not looked at: Write path.');
  expect(verdict(result([...everyDimension, check({ passed: false })]))).toBe('1 of 7 criteria do not hold.');
});

test('dimensions are judged one by one', () => {
  expect(judge([check(), check({ passed: false }), check({ dimension: 'queries' })])).toEqual([
    { dimension: 'Write path', passed: 1, total: 2 },
    { dimension: 'Query performance', passed: 1, total: 1 },
  ]);
});

test('Markdown has measured value, limit and how of each criterion, and a bar in a text does not break its row', () => {
  const text = validationMarkdown(result([check({ measured: 'a | b', passed: false })]));
  expect(text).toContain('| 6.3.1 | sustained rate | ≥ 50,000 records/s | a \\| b | **FAIL** | Counted. |');
  expect(text).toContain('| Write path | 0 of 1 | **FAIL** |');
  expect(text).toContain('quick: phases shorter than the plan asks');
});

test('the page escapes what it did not write and needs nothing from elsewhere', () => {
  const text = validationPage(result([check({ measured: '<script>1</script>', passed: false })]));
  expect(text).toContain('&lt;script&gt;1&lt;/script&gt;');
  expect(text).not.toMatch(/<script|https?:/);
  expect(text).toContain('<td class="no">FAIL</td>');
});

const one = { signal: 'logs' as const, acknowledged: 10, stored: 10, distinct: 10, exact: true };
test.each([
  [one, '10 acknowledged, 0 missing, 0 twice', true],
  [{ ...one, stored: 11, exact: false }, '10 acknowledged, 0 missing, 1 twice', false],
  [{ ...one, stored: 9, distinct: 9, exact: false }, '10 acknowledged, 1 missing, 0 twice', false],
  [
    { ...one, exact: false },
    '10 acknowledged, 0 missing, 0 twice, others stored that were not acknowledged',
    false,
  ],
])('%j is told as %s', (exactness, measured, passed) => {
  expect(exactnessText([exactness])).toMatchObject({ measured, passed });
});

const text = `# TYPE a_total counter
a_total{signal="logs",note="x \\"y\\", z"} 5
a_total{signal="traces"} 7
plain 1.5e3
wait_seconds_bucket{le="0.1"} 90
wait_seconds_bucket{le="1"} 99
wait_seconds_bucket{le="+Inf"} 100
`;

test('metrics are read with their labels, whatever stands in them', () => {
  const metrics = parseMetrics(text);
  expect(sumOf(metrics, 'a_total')).toBe(12);
  expect(sumOf(metrics, 'a_total', { signal: 'logs' })).toBe(5);
  expect(sumOf(metrics, 'plain')).toBe(1500);
  expect(metrics[0]?.labels.signal).toBe('logs');
});

test('a quantile is the bound of its bucket, of what came between two readings', () => {
  const metrics = parseMetrics(text);
  expect([0.5, 0.95, 1].map((q) => histogramQuantile([], metrics, 'wait_seconds', q))).toEqual([
    0.1,
    1,
    Number.POSITIVE_INFINITY,
  ]);
  expect(histogramQuantile(metrics, metrics, 'other', 0.5)).toBe(0);
});
