import {
  ArrayColumn,
  type Column,
  FixedColumn,
  LowCardinalityColumn,
  MapColumn,
  StringColumn,
} from '../../lib/index.ts';
import type { Block, DetailTable } from '../../model/index.ts';
import { blocksOf } from './transcoder.ts';

const milliseconds = "DateTime64(3, 'UTC')";

/** The columns that say which series a row belongs to. */
const identity = () => ({
  Tenant: new LowCardinalityColumn(),
  SeriesId: new FixedColumn('UInt64'),
  MetricName: new LowCardinalityColumn(),
  ServiceName: new LowCardinalityColumn(),
});
export type IdentityColumns = ReturnType<typeof identity>;

export const seriesColumns = () => ({
  ...identity(),
  MetricType: new LowCardinalityColumn(),
  Unit: new LowCardinalityColumn(),
  Description: new LowCardinalityColumn(),
  Temporality: new LowCardinalityColumn(),
  IsMonotonic: new FixedColumn('UInt8'),
  ResourceAttributes: new MapColumn(new LowCardinalityColumn()),
  ScopeName: new LowCardinalityColumn(),
  ScopeVersion: new LowCardinalityColumn(),
  Attributes: new MapColumn(new StringColumn()),
  LastSeen: new FixedColumn(milliseconds),
});

export const sampleColumns = () => ({
  ...identity(),
  Timestamp: new FixedColumn(milliseconds),
  StartTimestamp: new FixedColumn(milliseconds),
  Value: new FixedColumn('Float64'),
  Flags: new FixedColumn('UInt8'),
});

export const histogramColumns = () => ({
  ...identity(),
  Timestamp: new FixedColumn(milliseconds),
  StartTimestamp: new FixedColumn(milliseconds),
  Count: new FixedColumn('UInt64'),
  Sum: new FixedColumn('Float64'),
  Min: new FixedColumn('Float64'),
  Max: new FixedColumn('Float64'),
  BucketCounts: new ArrayColumn(new FixedColumn('UInt64')),
  ExplicitBounds: new ArrayColumn(new FixedColumn('Float64')),
  Scale: new FixedColumn('Int32'),
  ZeroCount: new FixedColumn('UInt64'),
  ZeroThreshold: new FixedColumn('Float64'),
  PositiveOffset: new FixedColumn('Int32'),
  PositiveBucketCounts: new ArrayColumn(new FixedColumn('UInt64')),
  NegativeOffset: new FixedColumn('Int32'),
  NegativeBucketCounts: new ArrayColumn(new FixedColumn('UInt64')),
  Quantiles: new ArrayColumn(new FixedColumn('Float64')),
  QuantileValues: new ArrayColumn(new FixedColumn('Float64')),
  Flags: new FixedColumn('UInt8'),
});
export type HistogramColumns = ReturnType<typeof histogramColumns>;

export const exemplarColumns = () => ({
  ...identity(),
  Timestamp: new FixedColumn("DateTime64(9, 'UTC')"),
  Value: new FixedColumn('Float64'),
  TraceId: new StringColumn(),
  SpanId: new StringColumn(),
  FilteredAttributes: new MapColumn(new StringColumn()),
});

/** The four tables that every metric protocol writes, filled by one request and taken as blocks. */
export class MetricTables {
  readonly series = seriesColumns();
  readonly samples = sampleColumns();
  readonly histograms = histogramColumns();
  readonly exemplars = exemplarColumns();

  takeBlocks(): Block[] {
    const tables: [DetailTable, Record<string, Column>, number][] = [
      ['metric_series', this.series, this.series.LastSeen.rows],
      ['metric_samples', this.samples, this.samples.Value.rows],
      ['metric_histograms', this.histograms, this.histograms.Count.rows],
      ['metric_exemplars', this.exemplars, this.exemplars.Value.rows],
    ];
    return tables.flatMap(([table, columns, rows]) => blocksOf(table, columns, rows));
  }

  reset(): void {
    for (const columns of [this.series, this.samples, this.histograms, this.exemplars]) {
      for (const column of Object.values(columns)) column.reset();
    }
  }
}
