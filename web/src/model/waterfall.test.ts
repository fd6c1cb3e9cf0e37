import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  axisTicks,
  criticalPath,
  failingSpans,
  type SpanLike,
  selfTimeUs,
  waterfallRows,
} from './waterfall.ts';

const span = (id: string, parent: string, at: number, duration: number, status = 'unset'): SpanLike => ({
  span_id: id,
  parent_span_id: parent,
  at_us_offset: at,
  duration_us: duration,
  status,
});

const shape = (spans: SpanLike[], collapsed?: Set<string>): string[] =>
  waterfallRows(spans, collapsed).map((row) => `${'.'.repeat(row.depth)}${row.span.span_id}`);

describe('rows of a trace', () => {
  test('children stand below their parent, by start', () => {
    const spans = [
      span('c', 'a', 50, 10),
      span('a', '', 0, 100),
      span('b', 'a', 10, 20),
      span('d', 'b', 12, 5),
    ];
    expect(shape(spans)).toEqual(['a', '.b', '..d', '.c']);
  });

  test('a span whose parent was not sent stands as a root', () => {
    expect(shape([span('a', '', 0, 10), span('b', 'gone', 5, 3)])).toEqual(['a', 'b']);
  });

  test('spans that are each other’s parents are all shown', () => {
    expect(shape([span('a', 'b', 0, 10), span('b', 'a', 1, 5)]).length).toBe(2);
  });

  test('a collapsed span hides all below it and says how much and whether it fails there', () => {
    const spans = [
      span('a', '', 0, 100),
      span('b', 'a', 1, 50),
      span('c', 'b', 2, 20, 'error'),
      span('d', 'a', 60, 5),
    ];
    expect(shape(spans, new Set(['b']))).toEqual(['a', '.b', '.d']);
    const b = waterfallRows(spans, new Set(['b']))[1];
    expect(b?.descendants).toBe(1);
    expect(b?.failsBelow).toBe(true);
  });

  test('every span is shown exactly once, whatever the parents are', () => {
    const parents = fc.array(fc.integer({ min: -1, max: 11 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(parents, (list) => {
        const spans = list.map((parent, i) => span(`s${i}`, parent < 0 ? '' : `s${parent}`, i, 10));
        const shown = waterfallRows(spans).map((row) => row.span.span_id);
        expect([...shown].sort()).toEqual(spans.map((each) => each.span_id).sort());
      }),
    );
  });

  test('a chain of 20 000 spans does not exhaust the stack', () => {
    const spans = Array.from({ length: 20_000 }, (_, i) =>
      span(`s${i}`, i === 0 ? '' : `s${i - 1}`, i, 40_000 - i),
    );
    expect(waterfallRows(spans).at(-1)?.depth).toBe(19_999);
  }, 20_000);
});

describe('critical path', () => {
  test('of children one after the other all are on it', () => {
    const spans = [span('a', '', 0, 100), span('b', 'a', 0, 40), span('c', 'a', 45, 50)];
    expect([...criticalPath(spans)].sort()).toEqual(['a', 'b', 'c']);
  });

  test('of children side by side only the one that ended last is', () => {
    const spans = [span('a', '', 0, 100), span('fast', 'a', 0, 40), span('slow', 'a', 0, 95)];
    expect(criticalPath(spans).has('slow')).toBe(true);
    expect(criticalPath(spans).has('fast')).toBe(false);
  });

  test('a child that outlives its parent does not lead past the parent’s end', () => {
    const spans = [span('a', '', 0, 100), span('late', 'a', 50, 500)];
    expect([...criticalPath(spans)].sort()).toEqual(['a', 'late']);
  });

  test('marks of the server win', () => {
    const spans = [{ ...span('a', '', 0, 100), critical: true }, span('b', 'a', 0, 90)];
    expect([...criticalPath(spans)]).toEqual(['a']);
  });

  test('an empty trace has none', () => expect(criticalPath([]).size).toBe(0));
});

test('self time leaves out what children cover, overlapping ones once', () => {
  const spans = [
    span('a', '', 0, 100),
    span('b', 'a', 10, 30),
    span('c', 'a', 30, 30),
    span('d', 'a', 90, 50),
  ];
  const [a] = spans;
  expect(a && selfTimeUs(a, spans)).toBe(40);
});

test('of failing spans the one where it began comes first', () => {
  const spans = [
    span('a', '', 0, 9, 'error'),
    span('b', 'a', 1, 8, 'error'),
    span('c', 'b', 2, 3, 'error'),
    span('d', 'a', 1, 1),
  ];
  expect(failingSpans(spans).map((each) => each.span_id)).toEqual(['c', 'a', 'b']);
});

test('axis steps are round and few', () => {
  expect(axisTicks(184_000, 6)).toEqual([0, 50_000, 100_000, 150_000]);
  expect(axisTicks(0, 6)).toEqual([0]);
});
