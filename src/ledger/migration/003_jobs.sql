-- The job ledger: every window of every job and tenant exactly once, and a circuit per job and tenant.
CREATE TABLE etl_job_run (
  run_id        BIGSERIAL PRIMARY KEY,
  job           TEXT NOT NULL,
  tenant_id     BIGINT NOT NULL REFERENCES dim_tenant(tenant_id),
  window_from   TIMESTAMPTZ NOT NULL,
  window_to     TIMESTAMPTZ NOT NULL,
  state         TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'success', 'failed')),
  attempts      INT NOT NULL DEFAULT 0,
  not_before    TIMESTAMPTZ NOT NULL DEFAULT '-infinity',
  -- A running window whose lease has ended belongs to a process that died; another may take it over.
  lease_until   TIMESTAMPTZ,
  worker        TEXT,
  error         TEXT,
  rows_read     BIGINT NOT NULL DEFAULT 0,
  rows_written  BIGINT NOT NULL DEFAULT 0,
  rows_conflict BIGINT NOT NULL DEFAULT 0,
  -- What bounds left out, by name, for example {"patterns": 12}.
  left_out      JSONB NOT NULL DEFAULT '{}'::jsonb,
  queued_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
  started_at    TIMESTAMPTZ,
  finished_at   TIMESTAMPTZ,
  CONSTRAINT ck_job_window CHECK (window_to > window_from)
);
CREATE UNIQUE INDEX ux_job_once ON etl_job_run(job, tenant_id, window_from, window_to);
CREATE INDEX idx_job_claim ON etl_job_run(job, state, not_before) WHERE state IN ('queued', 'running');
CREATE INDEX idx_job_last ON etl_job_run(job, tenant_id, window_to DESC);

CREATE TABLE etl_job_circuit (
  job        TEXT NOT NULL,
  tenant_id  BIGINT NOT NULL REFERENCES dim_tenant(tenant_id),
  state      TEXT NOT NULL DEFAULT 'closed' CHECK (state IN ('closed', 'open', 'half_open')),
  failures   INT NOT NULL DEFAULT 0,
  open_until TIMESTAMPTZ,
  updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (job, tenant_id)
);
