import { expect, test } from 'vitest';
import { tableOf } from './rowstable.ts';

test('raw rows show what tells something first, durations as people read them, no time twice', () => {
  const table = tableOf([
    { at: 1, Timestamp: '2026-11-20 19:09:39', TraceState: '', Duration: '583790801', SpanName: 'POST /x' },
    { at: 2, Timestamp: '2026-11-20 19:09:40', TraceState: '', Duration: 1_200, SpanName: 'GET /' },
  ]);
  expect(table.columns).toEqual(['Timestamp', 'SpanName', 'Duration']);
  expect(table.lines.map((line) => line.cells[2])).toEqual(['584 ms', '1 µs']);
  expect(tableOf([{ at: 1, Value: 6 }]).columns).toEqual(['at', 'Value']);
});
