-- What a claim of a window is made of. `fence` grows with every claim and never goes back: who writes a window's result
-- proves with it that the window is still theirs. `beats` grows while the holder lives; other workers watch it by their own
-- monotonic clock, so a lease depends on nobody's wall clock.
ALTER TABLE etl_job_run
  ADD COLUMN fence     BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN beats     BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN failures  INT NOT NULL DEFAULT 0,
  ADD COLUMN successes INT NOT NULL DEFAULT 0,
  -- Why it is in the queue: the schedule wants it, late rows came for it, or somebody asked for it.
  ADD COLUMN kind      TEXT NOT NULL DEFAULT 'planned' CHECK (kind IN ('planned', 'late', 'replay')),
  -- The schedule has come to this window; the newest such window is where it goes on.
  ADD COLUMN planned   BOOLEAN NOT NULL DEFAULT true,
  -- Asked for again while it runs: queued once more when it ends.
  ADD COLUMN requeue   TEXT CHECK (requeue IN ('late', 'replay'));
UPDATE etl_job_run SET successes = 1 WHERE state = 'success';

CREATE INDEX idx_job_planned ON etl_job_run(job, tenant_id, window_to DESC) WHERE planned;
CREATE INDEX idx_job_queue ON etl_job_run(job, tenant_id, kind, window_to) WHERE state = 'queued';
CREATE INDEX idx_job_running ON etl_job_run(run_id) WHERE state = 'running';
DROP INDEX idx_job_claim;

-- How often in a row a probe failed (the pause grows with it), since when and why it is paused.
ALTER TABLE etl_job_circuit
  ADD COLUMN trips      INT NOT NULL DEFAULT 0,
  ADD COLUMN opened_at  TIMESTAMPTZ,
  ADD COLUMN last_error TEXT;
