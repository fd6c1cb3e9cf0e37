import type { DetailQuery, DetailStore } from '../detail/index.ts';
import { randomUnit } from '../lib/index.ts';
import type { EpochMs, TimeWindow } from '../model/index.ts';
import { nameBytesMax } from './call-sides.ts';
import {
  type CallRow,
  callEdgesMax,
  callTime,
  edgeKeys,
  mergedCallsSql,
  nearParams,
  partialCallsSql,
} from './calls.ts';
import { type ShapeRow, shapesMax } from './patterns.ts';
import { plain } from './plain.ts';
import type { Tables } from './source/tables.ts';

/**
 * What was read of the details, slice by slice of time, as sums and sketches that can be merged: a bucket of five minutes is
 * merged from slices of one, so that a raw row is read once however often its bucket is written. Slices are kept in the
 * detail store for a week; a slice that is not there is computed from the details again.
 */

/** Slices older than this may be gone (their tables forget after seven days), milliseconds. */
export const slicesKeptMs = 6 * 86_400_000;

/** Rows of one slice that are kept, the busiest first. More than a bucket shows, so that what is busy in sum is not lost. */
const rowsPerSliceMax = 4 * callEdgesMax;
const shapesPerSliceMax = 2 * shapesMax;

/**
 * A window of ten million rows takes most of a minute on two cores. Groups that do not fit into this memory are put aside
 * on disk, so such a window takes longer and not more.
 */
export const heavy = { timeMsMax: 300_000, bytesReadMax: 1_099_511_627_776 } as const;
const groupBytesMax = 200_000_000;
const settings = `SETTINGS max_bytes_before_external_group_by = ${groupBytesMax}, max_bytes_before_external_sort = ${groupBytesMax}, ${plain}`;

/** Run numbers stay exact as doubles (2^53) for more runs than will ever be. */
const runLeap = 2 ** 20;

interface SliceStep {
  tenant: string;
  tables: Tables;
  sliceMs: number;
  window: TimeWindow;
  run: number;
}

const sliceOf = (at: string): string =>
  `toDateTime(intDiv(toUnixTimestamp(${at}), {slice_s:UInt32}) * {slice_s:UInt32}, 'UTC')`;

const insertCalls = (step: SliceStep): DetailQuery => ({
  name: 'rollup.slice_calls',
  tenant: step.tenant,
  window: step.window,
  sql: `INSERT INTO clew_internal.rollup_calls (Tenant, Run, Slice, ${edgeKeys}, calls, errors, ms, slowest_ms, slowest_trace, failed_trace)
SELECT {tenant:String}, {run:UInt64}, * FROM (${partialCallsSql(step.tables.traces, sliceOf(callTime), 'ORDER BY calls DESC, who LIMIT {rows_max:UInt32} BY slice')})
${settings}`,
  params: {
    ...nearParams(step.window),
    run: step.run,
    rows_max: rowsPerSliceMax,
    slice_s: step.sliceMs / 1_000,
  },
  limits: heavy,
});

const insertShapes = (step: SliceStep): DetailQuery => ({
  name: 'rollup.slice_shapes',
  tenant: step.tenant,
  window: step.window,
  sql: `INSERT INTO clew_internal.rollup_shapes (Tenant, Run, Slice, service, shape, total, errors, severity_number, first_ms, last_ms)
SELECT {tenant:String}, {run:UInt64}, ${sliceOf('Timestamp')} AS slice, ServiceName, Shape, count() AS total,
  countIf(SeverityNumber >= 17), max(SeverityNumber),
  toUnixTimestamp64Milli(min(Timestamp)), toUnixTimestamp64Milli(max(Timestamp))
FROM ${step.tables.logs}
WHERE Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(9)} AND Timestamp < {to:DateTime64(9)}
  AND ServiceName != '' AND length(ServiceName) <= ${nameBytesMax}
GROUP BY slice, ServiceName, Shape
ORDER BY total DESC, ServiceName, Shape LIMIT {rows_max:UInt32} BY slice
${settings}`,
  params: { run: step.run, rows_max: shapesPerSliceMax, slice_s: step.sliceMs / 1_000 },
  limits: heavy,
});

/** The mark that makes the rows of a run count; it comes last. */
const insertMarks = (step: SliceStep): DetailQuery => ({
  name: 'rollup.slice_marks',
  tenant: step.tenant,
  window: step.window,
  sql: `INSERT INTO clew_internal.rollup_slices (Tenant, Slice, Run)
SELECT {tenant:String}, toDateTime({first:UInt32} + number * {slice_s:UInt32}, 'UTC'), {run:UInt64} FROM numbers({count:UInt32})
SETTINGS ${plain}`,
  params: {
    run: step.run,
    slice_s: step.sliceMs / 1_000,
    first: step.window.from / 1_000,
    count: (step.window.to - step.window.from) / step.sliceMs,
  },
});

const marksQuery = (tenant: string, window: TimeWindow): DetailQuery => ({
  name: 'rollup.slices_known',
  tenant,
  window,
  sql: `SELECT toFloat64(toUnixTimestamp(Slice)) * 1000 AS at, toFloat64(max(Run)) AS run FROM clew_internal.rollup_slices
WHERE Tenant = {tenant:String} AND Slice >= {from:DateTime64(9)} AND Slice < {to:DateTime64(9)} GROUP BY Slice ORDER BY at`,
});

/** Starts of the slices of the window that have been computed, with the run that counts. */
export async function knownSlices(
  detail: DetailStore,
  tenant: string,
  window: TimeWindow,
): Promise<Map<EpochMs, number>> {
  const { rows } = await detail.query<{ at: number; run: number }>(marksQuery(tenant, window));
  return new Map(rows.map((row) => [row.at, row.run]));
}

/** Computes the slices of a window from the details; what was there of them before no longer counts. Answers with the run. */
export async function computeSlices(
  detail: DetailStore,
  step: Omit<SliceStep, 'run'> & { runAfter: number; now: EpochMs },
): Promise<number> {
  // Rows of a run that died before its mark are still there. None may come to count with a later run's mark, and its number
  // must not be met again though the clock stands still or goes back: so it leaps by chance.
  const numbered = {
    ...step,
    run: Math.max(step.now, step.runAfter) + 1 + Math.floor(randomUnit() * runLeap),
  };
  await detail.derive(insertCalls(numbered));
  await detail.derive(insertShapes(numbered));
  await detail.derive(insertMarks(numbered));
  return numbered.run;
}

/** Starts of slices with the run of each that counts. */
export type Slices = ReadonlyMap<EpochMs, number>;

/** Rows of the runs that count; a slice that has none has no rows. */
const counted = (table: string, slices: Slices): string => {
  const pairs = [...slices].map(([at, run]) => `(${at / 1_000}, ${run})`);
  return `clew_internal.${table}
WHERE Tenant = {tenant:String} AND Slice >= {from:DateTime64(9)} AND Slice < {to:DateTime64(9)}
  AND (toUnixTimestamp(Slice), Run) IN (${['(0, 0)', ...pairs].join(', ')})`;
};

export const mergedCalls = (tenant: string, window: TimeWindow, slices: Slices): DetailQuery => ({
  name: 'rollup.bucket_calls',
  tenant,
  window,
  sql: mergedCallsSql(
    `SELECT ${edgeKeys}, calls, errors, ms AS ms_state, slowest_ms, slowest_trace, failed_trace FROM ${counted('rollup_calls', slices)}`,
  ),
  params: { edges_max: callEdgesMax + 1 },
});
export type MergedCall = CallRow;

export const mergedShapes = (tenant: string, window: TimeWindow, slices: Slices): DetailQuery => ({
  name: 'rollup.bucket_shapes',
  tenant,
  window,
  sql: `SELECT service, toString(shape) AS shape, toFloat64(sum(s.total)) AS total, toFloat64(sum(s.errors)) AS errors,
  max(s.severity_number) AS severity_number, toFloat64(min(s.first_ms)) AS first_ms, toFloat64(max(s.last_ms)) AS last_ms
FROM (SELECT * FROM ${counted('rollup_shapes', slices)}) AS s
GROUP BY s.service, s.shape ORDER BY total DESC, s.service, s.shape LIMIT {shapes_max:UInt32}`,
  params: { shapes_max: shapesMax + 1 },
});
export type MergedShape = ShapeRow;
