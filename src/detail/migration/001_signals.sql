-- Tables of the detail store. Column names follow the OpenTelemetry ClickHouse exporter, so its dashboards work;
-- Tenant comes first in every ORDER BY, EventId (segment number << 24 | position) names a row for ever, Shape is the
-- 64-bit hash of the body with its variable tokens collapsed. The time inside a minute is sorted as a number: with the bare
-- column in the key, the engine would not use the minute to skip rows for a condition on Timestamp (measured: a 30 s slice of
-- 2 h read 500 000 rows instead of 57 632). Statements are separated by a line with `--;`.

CREATE TABLE IF NOT EXISTS otel_logs (
  Tenant LowCardinality(String),
  Timestamp DateTime64(9, 'UTC'),
  ObservedTimestamp DateTime64(9, 'UTC'),
  TraceId String,
  SpanId String,
  TraceFlags UInt8,
  SeverityText LowCardinality(String),
  SeverityNumber UInt8,
  ServiceName LowCardinality(String),
  Body String,
  ResourceSchemaUrl LowCardinality(String),
  ResourceAttributes Map(LowCardinality(String), LowCardinality(String)),
  ScopeSchemaUrl LowCardinality(String),
  ScopeName LowCardinality(String),
  ScopeVersion LowCardinality(String),
  ScopeAttributes Map(LowCardinality(String), LowCardinality(String)),
  LogAttributes Map(LowCardinality(String), String),
  EventName LowCardinality(String),
  Shape UInt64,
  EventId UInt64 CODEC(Delta, ZSTD(1)),
  INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
  INDEX idx_shape Shape TYPE set(1000) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (Tenant, ServiceName, toStartOfMinute(Timestamp), Shape, toUnixTimestamp64Nano(Timestamp))
SETTINGS non_replicated_deduplication_window = 10000;
--;
CREATE TABLE IF NOT EXISTS otel_traces (
  Tenant LowCardinality(String),
  Timestamp DateTime64(9, 'UTC'),
  TraceId String,
  SpanId String,
  ParentSpanId String,
  TraceState String,
  SpanName LowCardinality(String),
  SpanKind LowCardinality(String),
  ServiceName LowCardinality(String),
  ResourceAttributes Map(LowCardinality(String), LowCardinality(String)),
  ScopeName LowCardinality(String),
  ScopeVersion LowCardinality(String),
  SpanAttributes Map(LowCardinality(String), String),
  Duration UInt64,
  StatusCode LowCardinality(String),
  StatusMessage String,
  `Events.Timestamp` Array(DateTime64(9, 'UTC')),
  `Events.Name` Array(LowCardinality(String)),
  `Events.Attributes` Array(Map(LowCardinality(String), String)),
  `Links.TraceId` Array(String),
  `Links.SpanId` Array(String),
  `Links.TraceState` Array(String),
  `Links.Attributes` Array(Map(LowCardinality(String), String)),
  EventId UInt64 CODEC(Delta, ZSTD(1)),
  INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (Tenant, ServiceName, toStartOfMinute(Timestamp), SpanName, toUnixTimestamp64Nano(Timestamp))
SETTINGS non_replicated_deduplication_window = 10000;
--;
-- One row per series and hour in which it was seen; the newest wins. SeriesId is a hash of everything else but the times.
CREATE TABLE IF NOT EXISTS metric_series (
  Tenant LowCardinality(String),
  SeriesId UInt64,
  MetricName LowCardinality(String),
  MetricType LowCardinality(String),
  Unit LowCardinality(String),
  Description LowCardinality(String),
  Temporality LowCardinality(String),
  IsMonotonic UInt8,
  ServiceName LowCardinality(String),
  ResourceAttributes Map(LowCardinality(String), LowCardinality(String)),
  ScopeName LowCardinality(String),
  ScopeVersion LowCardinality(String),
  Attributes Map(LowCardinality(String), String),
  LastSeen DateTime64(3, 'UTC'),
  EventId UInt64
) ENGINE = ReplacingMergeTree(LastSeen)
ORDER BY (Tenant, MetricName, ServiceName, SeriesId)
SETTINGS non_replicated_deduplication_window = 10000;
--;
-- Gauges and sums: MetricType gauge | sum. Flags bit 0 = no recorded value (Value is then NaN).
CREATE TABLE IF NOT EXISTS metric_samples (
  Tenant LowCardinality(String),
  SeriesId UInt64,
  MetricName LowCardinality(String),
  ServiceName LowCardinality(String),
  Timestamp DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  StartTimestamp DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  Value Float64 CODEC(Gorilla, ZSTD(1)),
  Flags UInt8,
  EventId UInt64 CODEC(Delta, ZSTD(1))
) ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (Tenant, MetricName, ServiceName, SeriesId, Timestamp)
SETTINGS non_replicated_deduplication_window = 10000;
--;
-- Histograms, exponential histograms and summaries, as they were sent.
CREATE TABLE IF NOT EXISTS metric_histograms (
  Tenant LowCardinality(String),
  SeriesId UInt64,
  MetricName LowCardinality(String),
  ServiceName LowCardinality(String),
  Timestamp DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  StartTimestamp DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  Count UInt64,
  Sum Float64,
  Min Float64,
  Max Float64,
  BucketCounts Array(UInt64),
  ExplicitBounds Array(Float64),
  Scale Int32,
  ZeroCount UInt64,
  ZeroThreshold Float64,
  PositiveOffset Int32,
  PositiveBucketCounts Array(UInt64),
  NegativeOffset Int32,
  NegativeBucketCounts Array(UInt64),
  Quantiles Array(Float64),
  QuantileValues Array(Float64),
  Flags UInt8,
  EventId UInt64 CODEC(Delta, ZSTD(1))
) ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (Tenant, MetricName, ServiceName, SeriesId, Timestamp)
SETTINGS non_replicated_deduplication_window = 10000;
--;
CREATE TABLE IF NOT EXISTS metric_exemplars (
  Tenant LowCardinality(String),
  SeriesId UInt64,
  MetricName LowCardinality(String),
  ServiceName LowCardinality(String),
  Timestamp DateTime64(9, 'UTC'),
  Value Float64,
  TraceId String,
  SpanId String,
  FilteredAttributes Map(LowCardinality(String), String),
  EventId UInt64 CODEC(Delta, ZSTD(1))
) ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (Tenant, MetricName, ServiceName, SeriesId, Timestamp)
SETTINGS non_replicated_deduplication_window = 10000;
--;
CREATE TABLE IF NOT EXISTS change_events (
  Tenant LowCardinality(String),
  Timestamp DateTime64(3, 'UTC'),
  Id String,
  Kind LowCardinality(String),
  ServiceName LowCardinality(String),
  Title String,
  Actor String,
  Labels Map(LowCardinality(String), String),
  EventId UInt64
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(Timestamp)
ORDER BY (Tenant, Timestamp, Id)
SETTINGS non_replicated_deduplication_window = 10000;
--;
-- What could not be read: the raw bytes (base64), where they came from and why they were refused.
CREATE TABLE IF NOT EXISTS dead_letters (
  Tenant LowCardinality(String),
  Timestamp DateTime64(3, 'UTC'),
  Source LowCardinality(String),
  Reason String,
  ContentType LowCardinality(String),
  Payload String,
  EventId UInt64
) ENGINE = MergeTree
PARTITION BY toYYYYMM(Timestamp)
ORDER BY (Tenant, Timestamp)
SETTINGS non_replicated_deduplication_window = 10000;
