-- What became of a dead letter: one row per change, the newest (largest EventId) counts. LetterId is the EventId of the
-- letter. Batch names the rows that a replay was about to write, so that a replay cut short by a crash can be settled.
-- State: replaying | replayed | discarded | open.

CREATE TABLE IF NOT EXISTS dead_letter_states (
  Tenant LowCardinality(String),
  Timestamp DateTime64(3, 'UTC'),
  LetterId UInt64,
  State LowCardinality(String),
  Batch String,
  EventId UInt64
) ENGINE = MergeTree
PARTITION BY toYYYYMM(Timestamp)
ORDER BY (Tenant, LetterId, EventId)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
