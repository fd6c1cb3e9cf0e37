-- A pattern keeps its row and its counts for ever. When it becomes part of another one (mining found a more general
-- template, or a person merged the two) it only points there, so nothing is added up twice and the merge can be undone.
ALTER TABLE log_pattern
  -- What a person calls it; the template stays.
  ADD COLUMN name TEXT,
  -- The pattern that this one was merged into, and the last one of that chain; both NULL while it stands by itself.
  ADD COLUMN merged_into BIGINT REFERENCES log_pattern(fingerprint_id),
  ADD COLUMN current_id BIGINT REFERENCES log_pattern(fingerprint_id),
  -- A person decided about it: mining leaves it as it is.
  ADD COLUMN pinned BOOLEAN NOT NULL DEFAULT false;
CREATE INDEX idx_logpat_current ON log_pattern(tenant_id, (coalesce(current_id, fingerprint_id)));
CREATE INDEX idx_logpat5m_pattern ON log_pattern_5m(fingerprint_id, bucket DESC);

-- Patterns as they count now: those that were merged are part of the one they were merged into.
CREATE VIEW log_pattern_current WITH (security_invoker = true) AS
SELECT c.tenant_id, c.fingerprint_id, c.pattern, c.name, c.sample_message, c.pinned,
       max(m.severity::severity)::text AS severity, min(m.first_seen) AS first_seen, max(m.last_seen) AS last_seen,
       count(*)::int AS members
  FROM log_pattern c JOIN log_pattern m ON m.tenant_id = c.tenant_id AND coalesce(m.current_id, m.fingerprint_id) = c.fingerprint_id
 WHERE c.current_id IS NULL
 GROUP BY c.fingerprint_id;

CREATE VIEW log_pattern_current_5m WITH (security_invoker = true) AS
SELECT n.bucket, n.tenant_id, n.resource_id, coalesce(p.current_id, p.fingerprint_id) AS fingerprint_id,
       sum(n.count_total) AS count_total, sum(n.count_error) AS count_error, max(n.sample_ref) AS sample_ref
  FROM log_pattern_5m n JOIN log_pattern p ON p.fingerprint_id = n.fingerprint_id
 GROUP BY n.bucket, n.tenant_id, n.resource_id, coalesce(p.current_id, p.fingerprint_id);

-- In which service a pattern is seen, since when and until when; outlives the counts.
CREATE TABLE pattern_service (
  tenant_id      BIGINT NOT NULL REFERENCES dim_tenant(tenant_id),
  resource_id    BIGINT NOT NULL REFERENCES dim_resource(resource_id),
  fingerprint_id BIGINT NOT NULL REFERENCES log_pattern(fingerprint_id),
  first_seen     TIMESTAMPTZ NOT NULL,
  last_seen      TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (tenant_id, resource_id, fingerprint_id)
);
CREATE INDEX idx_pattern_service ON pattern_service(fingerprint_id);

-- Counts per day, kept longer than those per five minutes: for the comparison with the year before.
CREATE TABLE log_pattern_1d (
  bucket         TIMESTAMPTZ NOT NULL,
  tenant_id      BIGINT NOT NULL REFERENCES dim_tenant(tenant_id),
  resource_id    BIGINT NOT NULL REFERENCES dim_resource(resource_id),
  fingerprint_id BIGINT NOT NULL REFERENCES log_pattern(fingerprint_id),
  count_total    BIGINT NOT NULL,
  count_error    BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (bucket, tenant_id, resource_id, fingerprint_id)
);
SELECT make_time_series('log_pattern_1d', 'bucket', INTERVAL '120 days', INTERVAL '800 days');
CREATE INDEX idx_logpat1d_pattern ON log_pattern_1d(fingerprint_id, bucket DESC);

-- How an application's messages are clustered; service '' is every application without a row of its own.
CREATE TABLE pattern_setup (
  tenant_id  BIGINT NOT NULL REFERENCES dim_tenant(tenant_id),
  service    TEXT NOT NULL,
  -- {"field": "msg", "ignore": ["ts"], "masks": ["\\bORD-\\w+"]}
  setup      JSONB NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL,
  updated_by TEXT NOT NULL,
  PRIMARY KEY (tenant_id, service)
);

-- What people, and mining itself, changed about patterns, so that it can be read and undone.
CREATE TABLE pattern_correction (
  correction_id BIGSERIAL PRIMARY KEY,
  tenant_id     BIGINT NOT NULL REFERENCES dim_tenant(tenant_id),
  kind          TEXT NOT NULL CHECK (kind IN ('merge', 'split', 'rename', 'setup', 'generalise', 'restart')),
  actor         TEXT NOT NULL,
  reason        TEXT NOT NULL DEFAULT '',
  at            TIMESTAMPTZ NOT NULL,
  detail        JSONB NOT NULL,
  undone_at     TIMESTAMPTZ,
  undone_by     TEXT
);
CREATE INDEX idx_pattern_correction ON pattern_correction(tenant_id, correction_id DESC);

-- How far clustering of an application is. A reason is there when it failed.
CREATE TABLE pattern_access (
  tenant_id    BIGINT NOT NULL REFERENCES dim_tenant(tenant_id),
  service      TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state IN ('pending', 'running', 'success', 'failed')),
  flow         TEXT NOT NULL CHECK (flow IN ('mining', 'counting')),
  reason       TEXT NOT NULL DEFAULT '',
  requested_at TIMESTAMPTZ,
  requested_by TEXT,
  started_at   TIMESTAMPTZ,
  finished_at  TIMESTAMPTZ,
  -- End of the newest window in which its messages were counted.
  window_to    TIMESTAMPTZ,
  PRIMARY KEY (tenant_id, service)
);
CREATE INDEX idx_pattern_access_state ON pattern_access(tenant_id, state);
