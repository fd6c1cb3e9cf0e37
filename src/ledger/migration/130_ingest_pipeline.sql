-- Pipelines that were given by the API; those of files are not here. `text` is the YAML as it was sent.
CREATE TABLE ingest_pipeline (
  tenant_id  BIGINT NOT NULL REFERENCES dim_tenant(tenant_id),
  name       TEXT NOT NULL,
  text       TEXT NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, name)
);
