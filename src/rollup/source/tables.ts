/**
 * Relations with the columns of the detail store's tables, as they stand after FROM: a table's name, a subquery, or a table
 * function over files of another store.
 */
export interface Tables {
  logs: string;
  traces: string;
  series: string;
  samples: string;
  histograms: string;
  exemplars: string;
}

export const ownTables: Tables = {
  logs: 'otel_logs',
  traces: 'otel_traces',
  series: 'metric_series',
  samples: 'metric_samples',
  histograms: 'metric_histograms',
  exemplars: 'metric_exemplars',
};
