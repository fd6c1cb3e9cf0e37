-- The twelve tables of the ledger. Details stay in the detail store; here are aggregates, topology, knowledge, events
-- and the evidence that leads back to the raw rows.

-- 1. Dimensions
CREATE TABLE dim_tenant (
  tenant_id  BIGSERIAL PRIMARY KEY,
  code       TEXT UNIQUE NOT NULL,
  name       TEXT NOT NULL,
  labels     JSONB NOT NULL DEFAULT '{}'::jsonb,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- A URN names a resource within its tenant: two tenants may both run urn:svc:checkout.
CREATE TABLE dim_resource (
  resource_id BIGSERIAL PRIMARY KEY,
  tenant_id   BIGINT NOT NULL REFERENCES dim_tenant(tenant_id),
  urn         TEXT NOT NULL,
  type        TEXT NOT NULL,
  name        TEXT NOT NULL,
  env         TEXT,
  region      TEXT,
  zone        TEXT,
  labels      JSONB NOT NULL DEFAULT '{}'::jsonb,
  created_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT ux_resource_urn UNIQUE (tenant_id, urn)
);
CREATE INDEX idx_res_type ON dim_resource(type);
CREATE INDEX idx_res_labels_gin ON dim_resource USING GIN(labels);

-- 2. Locator: how to find the raw rows again. `bucket` is the store that holds them, `object_key` what is sought in
-- it, `query_hint` the filter as JSON. The unique combination makes a replay find the row it wrote before.
CREATE TABLE oo_locator (
  id         BIGSERIAL PRIMARY KEY,
  tenant_id  BIGINT NOT NULL REFERENCES dim_tenant(tenant_id),
  dataset    TEXT NOT NULL,
  bucket     TEXT NOT NULL,
  object_key TEXT NOT NULL,
  t_from     TIMESTAMPTZ NOT NULL,
  t_to       TIMESTAMPTZ NOT NULL,
  query_hint TEXT,
  attributes JSONB NOT NULL DEFAULT '{}'::jsonb,
  CONSTRAINT ux_locator UNIQUE (tenant_id, dataset, bucket, object_key, t_from, t_to)
);
CREATE INDEX idx_oo_time ON oo_locator(dataset, t_from, t_to);

-- 3. Metrics per minute. labels_hash makes (…, labels) a key of fixed size, so that a replay overwrites.
CREATE TABLE metric_1m (
  bucket      TIMESTAMPTZ NOT NULL,
  tenant_id   BIGINT NOT NULL REFERENCES dim_tenant(tenant_id),
  resource_id BIGINT NOT NULL REFERENCES dim_resource(resource_id),
  metric      TEXT NOT NULL,
  avg_val     DOUBLE PRECISION,
  max_val     DOUBLE PRECISION,
  p95_val     DOUBLE PRECISION,
  labels      JSONB NOT NULL DEFAULT '{}'::jsonb,
  labels_hash TEXT NOT NULL GENERATED ALWAYS AS (md5(labels::text)) STORED,
  PRIMARY KEY (bucket, tenant_id, resource_id, metric, labels_hash)
);
SELECT make_time_series('metric_1m', 'bucket', INTERVAL '7 days', INTERVAL '180 days');
CREATE INDEX idx_metric_key ON metric_1m(resource_id, metric, bucket DESC);
CREATE INDEX idx_metric_labels ON metric_1m USING GIN(labels);
SELECT compress_time_series('metric_1m', 'resource_id, metric', 'bucket', INTERVAL '7 days');

-- 4. Calls between services per five minutes
CREATE TABLE service_call_5m (
  bucket          TIMESTAMPTZ NOT NULL,
  tenant_id       BIGINT NOT NULL REFERENCES dim_tenant(tenant_id),
  src_resource_id BIGINT NOT NULL REFERENCES dim_resource(resource_id),
  dst_resource_id BIGINT NOT NULL REFERENCES dim_resource(resource_id),
  rps             DOUBLE PRECISION,
  err_rate        DOUBLE PRECISION,
  p50_ms          DOUBLE PRECISION,
  p95_ms          DOUBLE PRECISION,
  sample_ref      BIGINT REFERENCES oo_locator(id),
  PRIMARY KEY (bucket, tenant_id, src_resource_id, dst_resource_id)
);
SELECT make_time_series('service_call_5m', 'bucket', INTERVAL '30 days', INTERVAL '365 days');
CREATE INDEX idx_call_src_dst ON service_call_5m(src_resource_id, dst_resource_id, bucket DESC);

-- 5. Log patterns and their counts per five minutes
CREATE TABLE log_pattern (
  fingerprint_id BIGSERIAL PRIMARY KEY,
  tenant_id      BIGINT NOT NULL REFERENCES dim_tenant(tenant_id),
  pattern        TEXT NOT NULL,
  pattern_hash   TEXT NOT NULL GENERATED ALWAYS AS (md5(pattern)) STORED,
  sample_message TEXT,
  severity       TEXT,
  attrs_schema   JSONB NOT NULL DEFAULT '{}'::jsonb,
  first_seen     TIMESTAMPTZ,
  last_seen      TIMESTAMPTZ,
  CONSTRAINT ux_pattern UNIQUE (tenant_id, pattern_hash)
);
CREATE INDEX idx_logpat_tenant ON log_pattern(tenant_id);
CREATE INDEX idx_logpat_pattern_trgm ON log_pattern USING GIN (pattern gin_trgm_ops);

CREATE TABLE log_pattern_5m (
  bucket         TIMESTAMPTZ NOT NULL,
  tenant_id      BIGINT NOT NULL REFERENCES dim_tenant(tenant_id),
  resource_id    BIGINT NOT NULL REFERENCES dim_resource(resource_id),
  fingerprint_id BIGINT NOT NULL REFERENCES log_pattern(fingerprint_id),
  count_total    BIGINT NOT NULL,
  count_error    BIGINT NOT NULL DEFAULT 0,
  sample_ref     BIGINT REFERENCES oo_locator(id),
  PRIMARY KEY (bucket, tenant_id, resource_id, fingerprint_id)
);
SELECT make_time_series('log_pattern_5m', 'bucket', INTERVAL '30 days', INTERVAL '180 days');
CREATE INDEX idx_logpat5m_res ON log_pattern_5m(resource_id, bucket DESC);

-- Which pattern a shape (unsigned 64-bit hash, as the detail store prints it) belongs to: patterns can be counted
-- over the whole retention of the details without reading bodies.
CREATE TABLE shape_pattern (
  tenant_id      BIGINT NOT NULL REFERENCES dim_tenant(tenant_id),
  shape          NUMERIC(20, 0) NOT NULL,
  fingerprint_id BIGINT NOT NULL REFERENCES log_pattern(fingerprint_id),
  PRIMARY KEY (tenant_id, shape)
);
CREATE INDEX idx_shape_pattern ON shape_pattern(fingerprint_id);

-- 6. Topology in time: an edge and the range in which it held
CREATE TABLE topo_edge_time (
  tenant_id       BIGINT NOT NULL REFERENCES dim_tenant(tenant_id),
  src_resource_id BIGINT NOT NULL REFERENCES dim_resource(resource_id),
  dst_resource_id BIGINT NOT NULL REFERENCES dim_resource(resource_id),
  relation        TEXT NOT NULL,
  valid           TSTZRANGE NOT NULL,
  props           JSONB NOT NULL DEFAULT '{}'::jsonb,
  PRIMARY KEY (tenant_id, src_resource_id, dst_resource_id, relation, valid)
);
CREATE INDEX idx_topo_valid ON topo_edge_time
  USING GIST (tenant_id, src_resource_id, dst_resource_id, relation, valid);

-- 7. Knowledge
CREATE TABLE kb_doc (
  doc_id     BIGSERIAL PRIMARY KEY,
  tenant_id  BIGINT NOT NULL REFERENCES dim_tenant(tenant_id),
  source     TEXT,
  title      TEXT,
  url        TEXT,
  metadata   JSONB NOT NULL DEFAULT '{}'::jsonb,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE kb_chunk (
  chunk_id  BIGSERIAL PRIMARY KEY,
  doc_id    BIGINT NOT NULL REFERENCES kb_doc(doc_id) ON DELETE CASCADE,
  chunk_idx INT NOT NULL,
  content   TEXT NOT NULL,
  metadata  JSONB NOT NULL DEFAULT '{}'::jsonb
);
CREATE INDEX idx_kb_chunk_doc ON kb_chunk(doc_id, chunk_idx);
CREATE INDEX idx_kb_chunk_meta ON kb_chunk USING GIN(metadata);
-- Without the vector extension chunks are kept and found by words only.
DO $$
BEGIN
  IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'vector') THEN
    ALTER TABLE kb_chunk ADD COLUMN embedding vector(1536) NOT NULL;
    CREATE INDEX idx_kb_vec_hnsw ON kb_chunk USING hnsw (embedding vector_l2_ops);
  END IF;
END $$;

-- 8. Events and evidence
DO $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_type WHERE typname = 'severity') THEN
    CREATE TYPE severity AS ENUM ('TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL');
  END IF;
END $$;

CREATE TABLE event_envelope (
  event_id     UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  detected_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
  tenant_id    BIGINT NOT NULL REFERENCES dim_tenant(tenant_id),
  resource_id  BIGINT REFERENCES dim_resource(resource_id),
  severity     severity NOT NULL,
  kind         TEXT NOT NULL,
  title        TEXT,
  summary      TEXT,
  labels       JSONB NOT NULL DEFAULT '{}'::jsonb,
  fingerprints JSONB NOT NULL DEFAULT '{}'::jsonb
);
CREATE INDEX idx_event_time ON event_envelope(tenant_id, detected_at DESC);

-- A primary key can't hold an expression, so uniqueness rests on the hash of ref_pg and on ref_oo.
CREATE TABLE evidence_link (
  evidence_id BIGSERIAL PRIMARY KEY,
  event_id    UUID NOT NULL REFERENCES event_envelope(event_id) ON DELETE CASCADE,
  dim         TEXT NOT NULL,
  ref_pg      JSONB,
  ref_oo      BIGINT REFERENCES oo_locator(id),
  note        TEXT,
  ref_pg_hash TEXT GENERATED ALWAYS AS (md5(coalesce(ref_pg::text, ''))) STORED
);
CREATE UNIQUE INDEX ux_evidence_unique
  ON evidence_link(event_id, dim, ref_pg_hash, coalesce(ref_oo, 0));
CREATE INDEX idx_evidence_event ON evidence_link(event_id);
