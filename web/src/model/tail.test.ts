import { expect, test } from 'vitest';
import type { LogRow } from '../api/types.ts';
import { seriesColors, seriesIndex } from './color.ts';
import { cellText, tableOf } from './rowstable.ts';
import { merge } from './tail.ts';

const row = (id: string, at: number, ns = `${at}000000`): LogRow => ({
  event_id: id,
  at,
  at_ns: ns,
  service: 's',
  severity: 'INFO',
  severity_number: 9,
  body: '',
  trace_id: '',
  span_id: '',
  pattern_id: null,
  resource: {},
  attributes: {},
  scope: '',
});

test('a line that comes twice is shown once, newest first', () => {
  const merged = merge([row('c', 3), row('b', 2)], [row('b', 2), row('a', 1)]);
  expect(merged.rows.map((each) => each.event_id)).toEqual(['c', 'b', 'a']);
  expect(merged.fresh).toBe(1);
});

test('lines of the same millisecond keep their nanosecond order', () => {
  const merged = merge([row('x', 5, '5000001'), row('y', 5, '5000002')], []);
  expect(merged.rows.map((each) => each.event_id)).toEqual(['y', 'x']);
});

test('raw rows: telling columns first, columns that are empty everywhere left out', () => {
  const table = tableOf([
    { TraceId: 't', Extra: {}, Body: 'b', Timestamp: '1' },
    { TraceId: '', Extra: {}, Body: 'c', Timestamp: '2', More: { k: 1 } },
  ]);
  expect(table.columns).toEqual(['Timestamp', 'Body', 'TraceId', 'More']);
  expect(table.lines[1]?.cells).toEqual(['2', 'c', '', '{"k":1}']);
  expect(cellText(null)).toBe('');
});

test('ten services have ten colours, and each keeps its own', () => {
  const names = Array.from({ length: seriesColors }, (_, i) => `service-${i}`);
  const first = names.map(seriesIndex);
  expect(new Set(first).size).toBe(seriesColors);
  expect(names.map(seriesIndex)).toEqual(first);
});
