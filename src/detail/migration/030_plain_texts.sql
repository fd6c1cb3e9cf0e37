-- Texts that are no sort key as plain strings: merging parts is the larger half of what a record costs the engine, and it is
-- slow on dictionaries (measured per record: each LowCardinality column 0.25 µs against 0.05, a map with them 0.85 against
-- 0.15; all together 3.7 against 1.2, for 0.2 more at the insert). Ids are random digits, so they are packed by their
-- entropy; times by their differences. Mostly empty texts are stored sparse, which dictionaries can't be.

ALTER TABLE otel_logs
  MODIFY COLUMN Timestamp DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
  MODIFY COLUMN ObservedTimestamp DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
  MODIFY COLUMN TraceId String CODEC(ZSTD(1)),
  MODIFY COLUMN SpanId String CODEC(ZSTD(1)),
  MODIFY COLUMN SeverityText String,
  MODIFY COLUMN ResourceSchemaUrl String,
  MODIFY COLUMN ResourceAttributes Map(String, String),
  MODIFY COLUMN ScopeSchemaUrl String,
  MODIFY COLUMN ScopeName String,
  MODIFY COLUMN ScopeVersion String,
  MODIFY COLUMN ScopeAttributes Map(String, String),
  MODIFY COLUMN LogAttributes Map(String, String),
  MODIFY COLUMN EventName String
--;
ALTER TABLE otel_traces
  MODIFY COLUMN Timestamp DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
  MODIFY COLUMN TraceId String CODEC(ZSTD(1)),
  MODIFY COLUMN SpanId String CODEC(ZSTD(1)),
  MODIFY COLUMN ParentSpanId String CODEC(ZSTD(1)),
  MODIFY COLUMN SpanKind String,
  MODIFY COLUMN ResourceAttributes Map(String, String),
  MODIFY COLUMN ScopeName String,
  MODIFY COLUMN ScopeVersion String,
  MODIFY COLUMN SpanAttributes Map(String, String),
  MODIFY COLUMN StatusCode String,
  MODIFY COLUMN `Events.Name` Array(String),
  MODIFY COLUMN `Events.Attributes` Array(Map(String, String)),
  MODIFY COLUMN `Links.Attributes` Array(Map(String, String))
