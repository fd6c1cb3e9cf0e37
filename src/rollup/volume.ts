import type { DetailQuery } from '../detail/index.ts';
import type { TimeWindow } from '../model/index.ts';
import { nameBytesMax } from './call-sides.ts';
import type { Tables } from './source/tables.ts';

export interface VolumeRow {
  dataset: 'logs' | 'spans' | 'samples' | 'histograms' | 'exemplars';
  n: number;
  /** Rows without a name of service or metric, and rows with one longer than `nameBytesMax`. */
  unnamed: number;
  overlong: number;
  /** Samples that are NaN or infinite and don't say that they have no value. */
  not_finite: number;
}

/** How many rows a window has, and which of them can't be part of an aggregate. Reads names only. */
const volumeSql = (tables: Tables): string => {
  const rows = (dataset: VolumeRow['dataset'], table: string, names: readonly string[], bad = '0') => `
SELECT '${dataset}' AS dataset, toFloat64(count()) AS n,
  toFloat64(countIf(${names.map((name) => `${name} = ''`).join(' OR ')})) AS unnamed,
  toFloat64(countIf(${names.map((name) => `length(${name}) > ${nameBytesMax}`).join(' OR ')})) AS overlong,
  toFloat64(countIf(${bad})) AS not_finite
FROM ${table}
WHERE Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(9)} AND Timestamp < {to:DateTime64(9)}`;
  return [
    rows('logs', tables.logs, ['ServiceName']),
    rows('spans', tables.traces, ['ServiceName']),
    rows(
      'samples',
      tables.samples,
      ['ServiceName', 'MetricName'],
      'bitAnd(Flags, 1) = 0 AND NOT isFinite(Value)',
    ),
    rows('histograms', tables.histograms, ['ServiceName', 'MetricName']),
    rows('exemplars', tables.exemplars, ['ServiceName', 'MetricName']),
  ].join('\nUNION ALL');
};

export const volumeQuery = (tenant: string, window: TimeWindow, tables: Tables): DetailQuery => ({
  name: 'rollup.volume',
  tenant,
  window,
  sql: volumeSql(tables),
});

/** Whether there is any record at all. */
export const anyQuery = (tenant: string, window: TimeWindow, tables: Tables): DetailQuery => ({
  name: 'rollup.any',
  tenant,
  window,
  sql: `SELECT 1 AS any FROM (${[tables.logs, tables.traces, tables.samples, tables.histograms]
    .map(
      (table) =>
        `SELECT 1 FROM ${table} WHERE Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(9)} AND Timestamp < {to:DateTime64(9)} LIMIT 1`,
    )
    .join(' UNION ALL ')}) LIMIT 1`,
});
