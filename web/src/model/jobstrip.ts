import type { HistoryCell, JobHistory, RunState } from '../api/jobs.ts';
import type { SeriesPoint } from '../api/types.ts';

/** What a cell of several windows is shown as: the state that a person must see first. */
export function cellState(cell: Pick<HistoryCell, 'states'>): RunState | 'none' {
  const order: RunState[] = ['failed', 'running', 'queued', 'success'];
  return order.find((state) => (cell.states[state] ?? 0) > 0) ?? 'none';
}

/** One cell for every step of the range, also where there is no window. */
export function wholeStrip(history: JobHistory): { from: number; to: number; cell: HistoryCell | null }[] {
  const known = new Map(history.cells.map((cell) => [cell.from, cell]));
  const count = Math.max(0, Math.round((history.to - history.from) / history.cell_ms));
  return Array.from({ length: count }, (_, index) => {
    const from = history.from + index * history.cell_ms;
    return { from, to: from + history.cell_ms, cell: known.get(from) ?? null };
  });
}

export const pointsOf = (history: JobHistory, of: (cell: HistoryCell) => number | null): SeriesPoint[] =>
  wholeStrip(history).map(({ from, cell }) => ({ at: from, value: cell === null ? null : of(cell) }));

/** Windows that a range of time touches. */
export const windowsIn = (from: number, to: number, alignMs: number): number =>
  to <= from ? 0 : Math.ceil((to - Math.floor(from / alignMs) * alignMs) / alignMs);

/** Windows that follow one another, as ranges: one request runs them all again. */
export function rangesOf(windows: readonly { from: number; to: number }[]): { from: number; to: number }[] {
  const ranges: { from: number; to: number }[] = [];
  for (const { from, to } of [...windows].sort((a, b) => a.from - b.from)) {
    const last = ranges.at(-1);
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
    else ranges.push({ from, to });
  }
  return ranges;
}
