-- How large each table was for each tenant, once a day: growth is the difference between days. `instance` is the process
-- whose detail store it was, empty for the ledger; `tenant` is empty for tables without rows of tenants.
CREATE TABLE storage_day (
  day         DATE NOT NULL,
  store       TEXT NOT NULL CHECK (store IN ('detail', 'ledger')),
  instance    TEXT NOT NULL,
  table_name  TEXT NOT NULL,
  tenant      TEXT NOT NULL,
  bytes       BIGINT NOT NULL,
  row_count   BIGINT NOT NULL,
  -- The first look of the day: growth shows within an hour of the first start.
  first_at    TIMESTAMPTZ NOT NULL,
  first_bytes BIGINT NOT NULL,
  last_at     TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (day, store, instance, table_name, tenant)
);
