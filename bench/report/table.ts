/** The result as a table for the terminal. */
import type { IngestResult, WorkloadResult } from '../ingest.ts';
import { spread } from '../statistics.ts';

export const whole = (value: number): string => Math.round(value).toLocaleString('en');
export const orNone = (value: number | undefined, digits: number): string =>
  value === undefined ? '–' : value.toFixed(digits);
const megabytes = (bytes: number | undefined): string =>
  bytes === undefined ? '–' : (bytes / 1e6).toFixed(0);

export interface SummaryRow {
  workload: string;
  records: number;
  megabytesPerSecond: number;
  cpu: number | undefined;
  /** What merging cost after everything could be queried. */
  mergeCpu: number | undefined;
  generatorCpu: number;
  p50: number;
  p99: number;
  max: number;
  residentPeak: number | undefined;
  residentMedian: number | undefined;
  bytesPerRow: number | undefined;
  queryableMs: number;
  refused: number;
  ceiling: number | undefined;
  ceilingCpu: number | undefined;
  exact: boolean;
}

const defined = (values: (number | undefined)[]): number[] => values.filter((value) => value !== undefined);
const median = (values: (number | undefined)[]): number | undefined => {
  const known = defined(values);
  return known.length === 0 ? undefined : spread(known).median;
};

/** Medians over the rounds; the worst where a limit is meant (p99, maximum, memory, time until queryable). */
export function summarize({ workload, rounds }: WorkloadResult): SummaryRow {
  const doors = rounds.map(({ door }) => door);
  const worst = (values: (number | undefined)[]) => Math.max(0, ...defined(values));
  const peak = worst(doors.map((door) => door.residentPeakBytes));
  return {
    workload,
    records: median(doors.map((door) => door.recordsPerSecond)) ?? 0,
    megabytesPerSecond: (median(doors.map((door) => door.bytesPerSecond)) ?? 0) / 1e6,
    cpu: median(doors.map((door) => door.cpuUsPerRecord)),
    mergeCpu: median(doors.map((door) => door.settleCpuUsPerRecord)),
    generatorCpu: median(doors.map((door) => door.generatorCpuUsPerRecord)) ?? 0,
    p50: median(doors.map((door) => door.load.ack.p50)) ?? 0,
    p99: worst(doors.map((door) => door.load.ack.p99)),
    max: worst(doors.map((door) => door.load.ack.max)),
    residentPeak: peak === 0 ? undefined : peak,
    residentMedian: median(doors.map((door) => door.residentMedianBytes)),
    bytesPerRow: median(
      doors.map((door) => {
        const rows = door.disk.reduce((sum, part) => sum + part.rows, 0);
        const bytes = door.disk.reduce((sum, part) => sum + part.rows * part.bytesPerRow, 0);
        return rows === 0 ? undefined : bytes / rows;
      }),
    ),
    queryableMs: worst(doors.map((door) => door.queryableMs)),
    refused: doors.reduce((sum, door) => sum + door.load.refused, 0),
    ceiling: median(rounds.map(({ ceiling }) => ceiling?.recordsPerSecond)),
    ceilingCpu: median(rounds.map(({ ceiling }) => ceiling?.cpuUsPerRecord)),
    exact: doors.every((door) => door.exactness.every((signal) => signal.exact)),
  };
}

const head = [
  'workload',
  'records/s',
  'MB/s',
  'CPU µs/rec',
  'merges',
  'generator',
  'ack p50',
  'p99',
  'max ms',
  'peak MB',
  'median MB',
  'bytes/row',
  'queryable ms',
  '429',
  'ceiling/s',
  'its CPU',
  'ratio min/med/max',
  'exact',
];

/** What both tables show alike, from the workload's name to its bytes a row. */
export const commonCells = (row: SummaryRow): string[] => [
  row.workload,
  whole(row.records),
  row.megabytesPerSecond.toFixed(1),
  orNone(row.cpu, 2),
  orNone(row.mergeCpu, 2),
  row.generatorCpu.toFixed(2),
  row.p50.toFixed(1),
  row.p99.toFixed(1),
  row.max.toFixed(0),
  megabytes(row.residentPeak),
  megabytes(row.residentMedian),
  orNone(row.bytesPerRow, 1),
  whole(row.queryableMs),
  whole(row.refused),
  row.ceiling === undefined ? '–' : whole(row.ceiling),
  orNone(row.ceilingCpu, 2),
];

export function textTable(result: IngestResult): string {
  const rows = result.workloads.map((one) => {
    const row = summarize(one);
    const { rateRatio: ratio } = one;
    return [
      ...commonCells(row),
      ratio === undefined
        ? '–'
        : [ratio.min, ratio.median, ratio.max].map((value) => value.toFixed(2)).join('/'),
      row.exact ? 'yes' : 'NO',
    ];
  });
  return aligned([head, ...rows]);
}

/** Columns as wide as their widest cell; the first is a name, the others are numbers. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
