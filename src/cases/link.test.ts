import { expect, test } from 'vitest';
import type { RowFilter } from '../model/index.ts';
import { consolePath } from './link.ts';

const window = { from: 1_000, to: 2_000 };
const late = { from: 10_000_000, to: 10_001_000 };
const cases: [string, RowFilter, string][] = [
  [
    'errors of a service in its logs',
    { dataset: 'otel_logs', window, equals: { ServiceName: 'cart' }, only: 'errors' },
    '/logs?service=cart&from=1000&to=2000&severity=ERROR',
  ],
  [
    'failed spans of an operation',
    { dataset: 'otel_traces', window, equals: { ServiceName: 'cart', SpanName: 'GET /x' }, only: 'errors' },
    '/traces?service=cart&from=1000&to=2000&operation=GET+%2Fx&status=error',
  ],
  [
    'slow spans with an attribute',
    {
      dataset: 'otel_traces',
      window,
      equals: { 'SpanAttributes.db.system': 'sqlite' },
      only: 'slow',
      thresholdMs: 250,
    },
    '/traces?from=1000&to=2000&min_ms=250&attr=db.system%3Dsqlite',
  ],
  ['one trace', { dataset: 'otel_traces', window, equals: { TraceId: 'ab12' } }, '/traces/ab12'],
  [
    'points of a metric, with what was usual before them',
    { dataset: 'metric_samples', window: late, equals: { ServiceName: 'cart', MetricName: 'heap.used' } },
    '/series?service=cart&from=8200000&to=10301000&metric=heap.used',
  ],
  [
    'a change among what it may have done',
    { dataset: 'change_events', window: late, equals: { Id: 'a1' } },
    '/?from=9400000&to=10601000',
  ],
  [
    'lines of one shape by its pattern',
    { dataset: 'otel_logs', window, equals: { ServiceName: 'cart', Shape: '77' } },
    '/logs?service=cart&from=1000&to=2000&pattern=s77',
  ],
  [
    'flows beside the logs of the same time',
    { dataset: 'network_flows', window, equals: { SrcAddr: '10.0.0.1' } },
    '/logs?from=1000&to=2000',
  ],
];

test.each(cases)('%s', (_name, filter, path) => {
  expect(consolePath(filter)).toBe(path);
});
