import fc from 'fast-check';
import { expect, test } from 'vitest';
import { criticalPath, type PathSpan } from './critical-path.ts';

/** `id parent start-end`, one a line. */
const path = (text: string): string => {
  const spans = text
    .trim()
    .split('\n')
    .map((line): PathSpan => {
      const [spanId = '', parent = '', times = ''] = line.trim().split(/\s+/);
      const [start, end] = times.split('-').map(Number);
      return { spanId, parentSpanId: parent === '.' ? '' : parent, start: start ?? 0, end: end ?? 0 };
    });
  return [...criticalPath(spans)].sort().join(' ');
};

test('children one after the other are all on the path', () => {
  expect(path('root . 0-10\na root 1-4\nb root 5-9')).toBe('a b root');
});

test('of parallel children only the one that finishes last is on the path', () => {
  expect(path('root . 0-10\nfast root 1-3\nslow root 1-9')).toBe('root slow');
});

test('what ran before the slow child began is on the path, what overlapped it is not', () => {
  expect(path('root . 0-20\nbefore root 0-5\noverlap root 4-12\nslow root 6-19')).toBe('before root slow');
});

test('the path goes down through the grandchildren of the chosen child only', () => {
  expect(path('root . 0-10\na root 1-9\na1 a 2-8\nb root 1-3\nb1 b 1-2')).toBe('a a1 root');
});

test('a child that outlives its parent counts up to the end of the parent', () => {
  expect(path('root . 0-10\nsync root 1-4\nasync root 5-30')).toBe('async root sync');
});

test('a child that starts after its parent ended is not on the path', () => {
  expect(path('root . 0-10\nlate root 12-15')).toBe('root');
});

test('of spans without a parent in the trace the earliest is the root', () => {
  expect(path('orphan gone 3-9\nfirst gone 1-5\nchild first 2-4')).toBe('child first');
});

test('cycles and a span that is its own parent end', () => {
  expect(path('a b 0-5\nb a 0-5')).toBe('');
  expect(path('a a 0-5\nb a 1-2')).toBe('a b');
});

test('an empty trace has no path', () => {
  expect(criticalPath([]).size).toBe(0);
});

test('a chain of ten thousand spans does not exhaust the stack', () => {
  const spans = Array.from({ length: 10_000 }, (_, i) => ({
    spanId: `s${i}`,
    parentSpanId: i === 0 ? '' : `s${i - 1}`,
    start: i,
    end: 20_000 - i,
  }));
  expect(criticalPath(spans).size).toBe(10_000);
});

test('the path never holds two siblings that overlap, and every span on it has its parent on it', () => {
  const trees = fc.array(fc.record({ parent: fc.nat(), start: fc.nat(100), length: fc.nat(100) }), {
    minLength: 1,
    maxLength: 30,
  });
  fc.assert(
    fc.property(trees, (nodes) => {
      const spans = nodes.map(
        (node, i): PathSpan => ({
          spanId: `s${i}`,
          parentSpanId: i === 0 ? '' : `s${node.parent % i}`,
          start: node.start,
          end: node.start + node.length,
        }),
      );
      const onPath = criticalPath(spans);
      const byId = new Map(spans.map((span) => [span.spanId, span]));
      const chosen = spans.filter((span) => onPath.has(span.spanId));
      for (const span of chosen) {
        const parent = byId.get(span.parentSpanId);
        expect(parent === undefined || onPath.has(parent.spanId)).toBe(true);
        for (const other of chosen) {
          if (other === span || other.parentSpanId !== span.parentSpanId || parent === undefined) continue;
          const end = (each: PathSpan) => Math.min(each.end, parent.end);
          expect(span.start >= end(other) || other.start >= end(span)).toBe(true);
        }
      }
    }),
    { seed: 7, numRuns: 300 },
  );
});
