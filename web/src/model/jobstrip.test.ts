import { describe, expect, it } from 'vitest';
import type { HistoryCell, JobHistory } from '../api/jobs.ts';
import { cellState, pointsOf, rangesOf, wholeStrip, windowsIn } from './jobstrip.ts';

const cell = (
  from: number,
  states: HistoryCell['states'],
  duration_ms_max: number | null = null,
): HistoryCell => ({
  from,
  to: from + 10,
  states,
  duration_ms_max,
  lag_s_max: null,
  rows_read: 0,
  rows_written: 0,
  retries: 0,
});
const history = (cells: HistoryCell[]): JobHistory => ({
  job: 'a',
  from: 100,
  to: 140,
  cell_ms: 10,
  align_ms: 5,
  cells,
});

describe('the strip of a job', () => {
  it('shows the state that a person must see first', () => {
    expect(cellState(cell(0, { success: 9, queued: 1 }))).toBe('queued');
    expect(cellState(cell(0, { success: 9, failed: 1, running: 1 }))).toBe('failed');
    expect(cellState(cell(0, { success: 0 }))).toBe('none');
  });

  it('has a cell for every step, also where there is no window', () => {
    const strip = wholeStrip(history([cell(110, { success: 2 })]));
    expect(strip.map(({ from, cell: found }) => [from, found !== null])).toEqual([
      [100, false],
      [110, true],
      [120, false],
      [130, false],
    ]);
  });

  it('leaves a gap in a chart where nothing was done', () => {
    const points = pointsOf(history([cell(110, { success: 1 }, 7)]), (each) => each.duration_ms_max);
    expect(points.map(({ value }) => value)).toEqual([null, 7, null, null]);
  });

  it('counts the windows that a range touches, as the server does', () => {
    expect([windowsIn(0, 10, 5), windowsIn(1, 11, 5), windowsIn(4, 6, 5), windowsIn(6, 6, 5)]).toEqual([
      2, 3, 2, 0,
    ]);
  });

  it('joins windows that follow one another', () => {
    const windows = [10, 0, 5, 30, 20].map((from) => ({ from, to: from + 5 }));
    expect(rangesOf(windows)).toEqual([
      { from: 0, to: 15 },
      { from: 20, to: 25 },
      { from: 30, to: 35 },
    ]);
  });
});
