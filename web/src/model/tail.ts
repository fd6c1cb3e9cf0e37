import type { LogRow } from '../api/types.ts';

/** Lines kept while following; past it the oldest leave, so that a day of following does not fill the memory. */
export const rowsMax = 20_000;

/** Newer lines put before what is there, each line once; `fresh` says how many were new. */
export function merge(newer: readonly LogRow[], known: readonly LogRow[]): { rows: LogRow[]; fresh: number } {
  const ids = new Set(known.map((row) => row.event_id));
  const added = newer.filter((row) => !ids.has(row.event_id));
  if (added.length === 0) return { rows: [...known], fresh: 0 };
  const rows = [...added, ...known].sort(newestFirst).slice(0, rowsMax);
  return { rows, fresh: added.length };
}

/** Nanoseconds as text of equal length compare like numbers. */
function newestFirst(a: LogRow, b: LogRow): number {
  if (a.at !== b.at) return b.at - a.at;
  const left = a.at_ns.padStart(20, '0');
  const right = b.at_ns.padStart(20, '0');
  return left === right ? 0 : left < right ? 1 : -1;
}
