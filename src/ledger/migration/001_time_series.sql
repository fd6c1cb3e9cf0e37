-- Extensions, and the one way a time-series table is made. Where the TimescaleDB extension exists a table becomes a
-- hypertable; elsewhere it becomes a table partitioned by range of its time column, whose partitions
-- ensure_partitions() makes ahead of time and drop_expired_partitions() removes after the retention.

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE EXTENSION IF NOT EXISTS pgcrypto;

-- Extensions that a server may lack: what they give is asked for by capability, never assumed.
DO $$
BEGIN
  IF EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'vector') THEN
    CREATE EXTENSION IF NOT EXISTS vector;
  END IF;
  IF EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb') THEN
    CREATE EXTENSION IF NOT EXISTS timescaledb;
  END IF;
EXCEPTION WHEN insufficient_privilege OR object_not_in_prerequisite_state THEN
  RAISE NOTICE 'an optional extension could not be created: %', SQLERRM;
END $$;

CREATE TABLE time_series (
  table_name  TEXT PRIMARY KEY,
  time_column TEXT NOT NULL,
  chunk       INTERVAL NOT NULL,
  retention   INTERVAL NOT NULL,
  hypertable  BOOLEAN NOT NULL
);

CREATE TABLE time_series_partition (
  table_name     TEXT NOT NULL REFERENCES time_series(table_name) ON DELETE CASCADE,
  partition_name TEXT NOT NULL,
  t_from         TIMESTAMPTZ NOT NULL,
  t_to           TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (table_name, t_from)
);

-- Rebuilds the (empty) table as a partitioned one. LIKE … INCLUDING ALL keeps columns, defaults, keys and checks but
-- not foreign keys, so those are read first and added again.
CREATE FUNCTION make_native_partitions(target REGCLASS, time_column NAME) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
  plain    NAME := (SELECT relname FROM pg_class WHERE oid = target);
  foreign_keys TEXT[];
  key_name NAME;
  clause   TEXT;
BEGIN
  SELECT coalesce(array_agg(format('ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)) ORDER BY conname), '{}')
    INTO foreign_keys FROM pg_constraint WHERE conrelid = target AND contype = 'f';
  EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL) PARTITION BY RANGE (%I)', plain || '_parts', plain, time_column);
  EXECUTE format('DROP TABLE %I', plain);
  EXECUTE format('ALTER TABLE %I RENAME TO %I', plain || '_parts', plain);
  SELECT conname INTO key_name FROM pg_constraint WHERE conrelid = plain::regclass AND contype = 'p';
  IF key_name IS NOT NULL THEN
    EXECUTE format('ALTER TABLE %I RENAME CONSTRAINT %I TO %I', plain, key_name, plain || '_pkey');
  END IF;
  FOREACH clause IN ARRAY foreign_keys LOOP
    EXECUTE format('ALTER TABLE %I %s', plain, clause);
  END LOOP;
END $$;

CREATE FUNCTION make_time_series(target REGCLASS, time_column NAME, chunk INTERVAL, retention INTERVAL)
RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
  plain NAME := (SELECT relname FROM pg_class WHERE oid = target);
  timescale BOOLEAN := EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'timescaledb');
BEGIN
  IF timescale THEN
    EXECUTE format('SELECT create_hypertable(%L, %L, chunk_time_interval => %L::interval)', plain, time_column, chunk);
  ELSE
    PERFORM make_native_partitions(target, time_column);
  END IF;
  INSERT INTO time_series VALUES (plain, time_column, chunk, retention, timescale);
END $$;

-- Compression is a licensed part of TimescaleDB; the Apache edition refuses it, and then the table stays as it is.
CREATE FUNCTION compress_time_series(target TEXT, segment_by TEXT, order_by TEXT, older_than INTERVAL)
RETURNS BOOLEAN LANGUAGE plpgsql AS $$
BEGIN
  IF NOT (SELECT hypertable FROM time_series WHERE table_name = target) THEN
    RETURN false;
  END IF;
  BEGIN
    EXECUTE format('ALTER TABLE %I SET (timescaledb.compress, timescaledb.compress_segmentby = %L, timescaledb.compress_orderby = %L)',
      target, segment_by, order_by);
    EXECUTE format('SELECT add_compression_policy(%L, %L::interval)', target, older_than);
    RETURN true;
  EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'compression of % is not available: %', target, SQLERRM;
    RETURN false;
  END;
END $$;

-- Makes the partitions that hold `at` and the one after it, for every native time-series table. Cheap when they exist.
CREATE FUNCTION ensure_partitions(at TIMESTAMPTZ) RETURNS INTEGER LANGUAGE plpgsql AS $$
DECLARE
  series RECORD;
  start_at TIMESTAMPTZ;
  part TEXT;
  made INTEGER := 0;
BEGIN
  FOR series IN SELECT * FROM time_series WHERE NOT hypertable LOOP
    FOR step IN 0..1 LOOP
      start_at := date_bin(series.chunk, at, TIMESTAMPTZ '2024-01-01 00:00:00+00') + step * series.chunk;
      CONTINUE WHEN EXISTS (SELECT 1 FROM time_series_partition p
                             WHERE p.table_name = series.table_name AND p.t_from = start_at);
      -- Two workers may come here at once: the second waits, and then finds the partition made.
      PERFORM pg_advisory_xact_lock(4315101);
      CONTINUE WHEN EXISTS (SELECT 1 FROM time_series_partition p
                             WHERE p.table_name = series.table_name AND p.t_from = start_at);
      part := series.table_name || '_' || to_char(start_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24');
      EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
        part, series.table_name, start_at, start_at + series.chunk);
      INSERT INTO time_series_partition VALUES (series.table_name, part, start_at, start_at + series.chunk);
      made := made + 1;
    END LOOP;
  END LOOP;
  RETURN made;
END $$;

CREATE FUNCTION drop_expired_partitions(now_at TIMESTAMPTZ) RETURNS INTEGER LANGUAGE plpgsql AS $$
DECLARE
  expired RECORD;
  dropped INTEGER := 0;
BEGIN
  FOR expired IN
    SELECT p.* FROM time_series_partition p JOIN time_series s USING (table_name)
     WHERE NOT s.hypertable AND p.t_to <= now_at - s.retention
  LOOP
    EXECUTE format('DROP TABLE IF EXISTS %I', expired.partition_name);
    DELETE FROM time_series_partition WHERE table_name = expired.table_name AND t_from = expired.t_from;
    dropped := dropped + 1;
  END LOOP;
  FOR expired IN SELECT * FROM time_series WHERE hypertable LOOP
    EXECUTE format('SELECT count(*) FROM drop_chunks(%L, older_than => %L::timestamptz)',
      expired.table_name, now_at - expired.retention);
  END LOOP;
  RETURN dropped;
END $$;
