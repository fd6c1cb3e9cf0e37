-- How far each table of the detail store was looked through for rows that came after their window was done: the number of
-- its newest insert. A process that dies between an insert and the look finds the insert again from here.
CREATE TABLE etl_late_scan (
  table_name TEXT PRIMARY KEY,
  block      BIGINT NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
