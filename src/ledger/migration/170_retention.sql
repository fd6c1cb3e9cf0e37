-- Retention per table by configuration, and a place for rows that no partition is made for yet.

-- What the table was made with; `retention` is what holds, the default or what the configuration says.
ALTER TABLE time_series ADD COLUMN retention_default INTERVAL;
UPDATE time_series SET retention_default = retention;

-- A row whose time lies outside every partition goes to the default partition instead of being refused.
CREATE FUNCTION make_rest_partition(plain NAME) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', plain || '_rest', plain);
END $$;
SELECT make_rest_partition(table_name::name) FROM time_series WHERE NOT hypertable ORDER BY table_name;

CREATE OR REPLACE FUNCTION make_time_series(target REGCLASS, time_column NAME, chunk INTERVAL, retention INTERVAL)
RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
  plain NAME := (SELECT relname FROM pg_class WHERE oid = target);
  timescale BOOLEAN := EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'timescaledb');
BEGIN
  IF timescale THEN
    EXECUTE format('SELECT create_hypertable(%L, %L, chunk_time_interval => %L::interval)', plain, time_column, chunk);
  ELSE
    PERFORM make_native_partitions(target, time_column);
    PERFORM make_rest_partition(plain);
  END IF;
  INSERT INTO time_series VALUES (plain, time_column, chunk, retention, timescale, retention);
END $$;

-- Makes the partition of `series` that begins at `start_at`, and moves there what waited in the default partition.
CREATE FUNCTION make_partition(series time_series, start_at TIMESTAMPTZ) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
  end_at  TIMESTAMPTZ := start_at + series.chunk;
  part    TEXT := series.table_name || '_' || to_char(start_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24');
  rest    TEXT := series.table_name || '_rest';
  inside  TEXT := format('%I >= %L AND %I < %L', series.time_column, start_at, series.time_column, end_at);
  waiting BOOLEAN;
  fields  TEXT;
BEGIN
  -- Making the partition needs both locks anyway; taken first, no row can come in between.
  EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', series.table_name);
  EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', rest);
  EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I WHERE %s)', rest, inside) INTO waiting;
  IF waiting THEN
    EXECUTE format('CREATE TEMP TABLE moving_rows ON COMMIT DROP AS SELECT * FROM %I WHERE %s', rest, inside);
    EXECUTE format('DELETE FROM %I WHERE %s', rest, inside);
  END IF;
  EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', part, series.table_name, start_at, end_at);
  IF waiting THEN
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO fields FROM pg_attribute
     WHERE attrelid = part::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
    EXECUTE format('INSERT INTO %I (%s) SELECT %s FROM moving_rows', series.table_name, fields, fields);
    DROP TABLE moving_rows;
  END IF;
  INSERT INTO time_series_partition VALUES (series.table_name, part, start_at, end_at);
END $$;

CREATE OR REPLACE FUNCTION ensure_partitions(at TIMESTAMPTZ) RETURNS INTEGER LANGUAGE plpgsql AS $$
DECLARE
  series time_series;
  start_at TIMESTAMPTZ;
  made INTEGER := 0;
BEGIN
  FOR series IN SELECT * FROM time_series WHERE NOT hypertable ORDER BY table_name LOOP
    FOR step IN 0..1 LOOP
      start_at := date_bin(series.chunk, at, TIMESTAMPTZ '2024-01-01 00:00:00+00') + step * series.chunk;
      CONTINUE WHEN EXISTS (SELECT 1 FROM time_series_partition p
                             WHERE p.table_name = series.table_name AND p.t_from = start_at);
      -- Two workers may come here at once: the second waits, and then finds the partition made.
      PERFORM pg_advisory_xact_lock(4315101);
      CONTINUE WHEN EXISTS (SELECT 1 FROM time_series_partition p
                             WHERE p.table_name = series.table_name AND p.t_from = start_at);
      PERFORM make_partition(series, start_at);
      made := made + 1;
    END LOOP;
  END LOOP;
  RETURN made;
END $$;

-- Gives rows of the default partitions a partition of their own, at most `most` a call. Returns how many it made.
CREATE FUNCTION adopt_rest_partitions(most INTEGER) RETURNS INTEGER LANGUAGE plpgsql AS $$
DECLARE
  series time_series;
  start_at TIMESTAMPTZ;
  made INTEGER := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(4315101);
  FOR series IN SELECT * FROM time_series WHERE NOT hypertable ORDER BY table_name LOOP
    FOR start_at IN EXECUTE format(
      'SELECT DISTINCT date_bin(%L::interval, %I, TIMESTAMPTZ ''2024-01-01 00:00:00+00'') FROM %I ORDER BY 1 LIMIT %s',
      series.chunk, series.time_column, series.table_name || '_rest', most - made)
    LOOP
      PERFORM make_partition(series, start_at);
      made := made + 1;
    END LOOP;
    EXIT WHEN made >= most;
  END LOOP;
  RETURN made;
END $$;

-- Returns the number of partitions and chunks that it dropped; only the default partition loses single rows.
CREATE OR REPLACE FUNCTION drop_expired_partitions(now_at TIMESTAMPTZ) RETURNS INTEGER LANGUAGE plpgsql AS $$
DECLARE
  series  time_series;
  expired RECORD;
  chunks  INTEGER;
  dropped INTEGER := 0;
BEGIN
  FOR expired IN
    SELECT p.* FROM time_series_partition p JOIN time_series s USING (table_name)
     WHERE NOT s.hypertable AND p.t_to <= now_at - s.retention ORDER BY p.t_from
  LOOP
    EXECUTE format('DROP TABLE IF EXISTS %I', expired.partition_name);
    DELETE FROM time_series_partition WHERE table_name = expired.table_name AND t_from = expired.t_from;
    dropped := dropped + 1;
  END LOOP;
  FOR series IN SELECT * FROM time_series ORDER BY table_name LOOP
    IF series.hypertable THEN
      EXECUTE format('SELECT count(*) FROM drop_chunks(%L, older_than => %L::timestamptz)',
        series.table_name, now_at - series.retention) INTO chunks;
      dropped := dropped + chunks;
    ELSE
      EXECUTE format('DELETE FROM %I WHERE %I < %L', series.table_name || '_rest', series.time_column,
        now_at - series.retention);
    END IF;
  END LOOP;
  RETURN dropped;
END $$;

-- Sets what holds from now on; NULL gives the table its own default again. Where TimescaleDB has policies, one of its
-- own drops the chunks too, also while Clew does not run.
CREATE FUNCTION set_retention(target TEXT, kept INTERVAL) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
  series time_series;
BEGIN
  UPDATE time_series SET retention_default = coalesce(retention_default, retention),
         retention = coalesce(kept, retention_default, retention)
   WHERE table_name = target RETURNING * INTO series;
  IF series.hypertable AND current_setting('timescaledb.license', true) = 'timescale' THEN
    EXECUTE format('SELECT remove_retention_policy(%L, if_exists => true)', target);
    EXECUTE format('SELECT add_retention_policy(%L, %L::interval)', target, series.retention);
  END IF;
END $$;
