import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countWindows, dueRange, nextDue, splitWindows, upperBound } from './windows.ts';

const minute = 60_000;
const day = 86_400_000;
/** From 1990 to 2100: with leap years, and 2000 and 2100 that are and are not. */
const instant = fc.integer({ min: Date.UTC(1990, 0, 1), max: Date.UTC(2100, 11, 31) });
const align = fc.constantFrom(1_000, minute, 5 * minute, 15 * minute, 60 * minute, day, 7_000);
const timing = fc.record({
  alignMs: align,
  delayMs: fc.integer({ min: 0, max: day }),
  initialLookbackMs: fc.integer({ min: minute, max: 2 * day }),
});
const catchUpMs = 31 * day;

describe('windows', () => {
  it('end at least the delay before now, aligned, and no later than an alignment after that', () => {
    fc.assert(
      fc.property(instant, timing, (now, job) => {
        const upper = upperBound(now, job);
        expect(upper % job.alignMs).toBe(0);
        expect(now - upper).toBeGreaterThanOrEqual(job.delayMs);
        expect(now - upper).toBeLessThan(job.delayMs + job.alignMs);
        expect(upperBound(nextDue(now, job), job)).toBe(upper + job.alignMs);
        expect(upperBound(nextDue(now, job) - 1, job)).toBe(upper);
      }),
    );
  });

  it('cover a range without gap and overlap, and touch it at both ends', () => {
    fc.assert(
      fc.property(instant, fc.integer({ min: 1, max: day / 4 }), align, (from, length, alignMs) => {
        const range = { from, to: from + length };
        const windows = splitWindows(range, alignMs);
        expect(windows).toHaveLength(countWindows(range, alignMs));
        const [first] = windows;
        const last = windows.at(-1);
        expect(first !== undefined && first.from <= from && from < first.to).toBe(true);
        expect(last !== undefined && last.from < range.to && range.to <= last.to).toBe(true);
        for (const [index, window] of windows.entries()) {
          expect(window.to - window.from).toBe(alignMs);
          if (index > 0) expect(window.from).toBe(windows[index - 1]?.to);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('are the same for any sequence of clock readings, jumps forward and back included: each once, none left out', () => {
    const jump = fc.oneof(
      fc.integer({ min: 0, max: 10 * minute }),
      fc.integer({ min: -2 * day, max: 2 * day }),
    );
    fc.assert(
      fc.property(instant, fc.array(jump, { maxLength: 30 }), timing, (start, jumps, job) => {
        let now = start;
        const planned = new Set<number>();
        let newest = Number.NEGATIVE_INFINITY;
        const first = dueRange(now, job, null, catchUpMs).from;
        for (const step of [0, ...jumps]) {
          now += step;
          const upper = upperBound(now, job);
          const before = [...planned].filter((to) => to <= upper);
          // What the ledger answers: the newest planned end that is not of the future.
          const plannedTo = before.length === 0 ? null : before.reduce((a, b) => Math.max(a, b));
          if (job.alignMs < 15 * minute) return;
          const range = dueRange(now, job, plannedTo, catchUpMs);
          for (const window of splitWindows(range, job.alignMs)) planned.add(window.to);
          newest = Math.max(newest, upper);
        }
        const ends = [...planned].filter((to) => to > first).sort((a, b) => a - b);
        for (const [index, to] of ends.entries())
          if (index > 0) expect(to - (ends[index - 1] ?? 0)).toBe(job.alignMs);
        if (newest > first) expect(ends.at(-1)).toBe(newest);
      }),
      { numRuns: 300 },
    );
  });

  it('know no daylight saving and count leap days', () => {
    const hour = { alignMs: 60 * minute, delayMs: 0, initialLookbackMs: day };
    // The nights in which clocks of Europe and America change, and 29 February.
    for (const night of [
      '2026-03-29',
      '2026-10-25',
      '2026-03-08',
      '2026-11-01',
      '2028-02-29',
      '2000-02-29',
    ]) {
      const from = Date.parse(`${night}T00:00:00Z`);
      expect(splitWindows({ from, to: from + day }, hour.alignMs)).toHaveLength(24);
      expect(dueRange(from + day, hour, from, catchUpMs)).toEqual({ from, to: from + day, skippedMs: 0 });
    }
    const february = { from: Date.UTC(2028, 1, 1), to: Date.UTC(2028, 2, 1) };
    expect(splitWindows(february, day)).toHaveLength(29);
    expect(splitWindows({ from: Date.UTC(2100, 1, 1), to: Date.UTC(2100, 2, 1) }, day)).toHaveLength(28);
  });

  it('give up, and say so, what lies further back than catching up reaches', () => {
    const job = { alignMs: minute, delayMs: 0, initialLookbackMs: minute };
    const now = Date.UTC(2026, 0, 1);
    expect(dueRange(now, job, now - 10 * minute, 4 * minute)).toEqual({
      from: now - 4 * minute,
      to: now,
      skippedMs: 6 * minute,
    });
    expect(dueRange(now, job, now + day, 4 * minute)).toEqual({ from: now, to: now, skippedMs: 0 });
  });
});
