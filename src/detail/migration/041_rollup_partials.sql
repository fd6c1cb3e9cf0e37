-- What the window job has read of a slice of time (a minute), so that a table of five minutes is merged from five slices and
-- each raw row is read once. Sketches and sums can be merged; a slice that is computed again gets a higher Run, and only
-- rows of the Run that stands in rollup_slices count, so a replay overwrites and half a write is never seen.
-- Kept out of `default`: a user's SQL reads tables of details only.

CREATE TABLE IF NOT EXISTS clew_internal.rollup_slices (
  Tenant LowCardinality(String),
  Slice DateTime('UTC'),
  Run UInt64
) ENGINE = ReplacingMergeTree(Run)
PARTITION BY toDate(Slice)
ORDER BY (Tenant, Slice)
TTL Slice + INTERVAL 7 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1
--;
CREATE TABLE IF NOT EXISTS clew_internal.rollup_calls (
  Tenant LowCardinality(String),
  Slice DateTime('UTC'),
  Run UInt64,
  src String,
  dst String,
  kind LowCardinality(String),
  system String,
  name String,
  address String,
  key LowCardinality(String),
  calls UInt64,
  errors UInt64,
  ms AggregateFunction(quantilesDD(0.003, 0.5, 0.95), Float64),
  slowest_ms Float64,
  slowest_trace UInt128,
  failed_trace UInt128
) ENGINE = MergeTree
PARTITION BY toDate(Slice)
ORDER BY (Tenant, Slice, Run)
TTL Slice + INTERVAL 7 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1
--;
CREATE TABLE IF NOT EXISTS clew_internal.rollup_shapes (
  Tenant LowCardinality(String),
  Slice DateTime('UTC'),
  Run UInt64,
  service String,
  shape UInt64,
  total UInt64,
  errors UInt64,
  severity_number UInt8,
  first_ms Int64,
  last_ms Int64
) ENGINE = MergeTree
PARTITION BY toDate(Slice)
ORDER BY (Tenant, Slice, Run)
TTL Slice + INTERVAL 7 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1
