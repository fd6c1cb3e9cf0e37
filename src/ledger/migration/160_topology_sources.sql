-- Topology in time, told by several sources: a file of infrastructure code, an inventory, the observed calls. What one
-- source says is never changed by another, so the source belongs to the key. An edge of one source is never valid twice
-- at the same moment; the database itself refuses it.
ALTER TABLE topo_edge_time ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE topo_edge_time DROP CONSTRAINT topo_edge_time_pkey;
ALTER TABLE topo_edge_time ADD PRIMARY KEY (tenant_id, src_resource_id, dst_resource_id, relation, source, valid);
ALTER TABLE topo_edge_time ADD CONSTRAINT ck_topo_valid CHECK (NOT isempty(valid) AND NOT lower_inf(valid));
ALTER TABLE topo_edge_time ADD CONSTRAINT ex_topo_once EXCLUDE USING gist
  (tenant_id WITH =, src_resource_id WITH =, dst_resource_id WITH =, relation WITH =, source WITH =, valid WITH &&);
-- Topology at a moment: by tenant and time alone.
CREATE INDEX idx_topo_at ON topo_edge_time USING GIST (tenant_id, valid);
CREATE INDEX idx_topo_source ON topo_edge_time (tenant_id, source);

-- When a source was read and said something new. A snapshot holds until the next one of its source, also when it
-- arrives late; the same snapshot again changes nothing.
CREATE TABLE topo_snapshot (
  tenant_id    BIGINT NOT NULL REFERENCES dim_tenant(tenant_id),
  source       TEXT NOT NULL,
  taken_at     TIMESTAMPTZ NOT NULL,
  content_hash TEXT NOT NULL,
  edges        INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, source, taken_at)
);

-- How reading each source went last. A source that can't be read keeps its edges, and says why.
CREATE TABLE topo_source (
  tenant_id BIGINT NOT NULL REFERENCES dim_tenant(tenant_id),
  source    TEXT NOT NULL,
  job       TEXT NOT NULL,
  read_at   TIMESTAMPTZ NOT NULL,
  problems  JSONB NOT NULL DEFAULT '[]'::jsonb,
  left_out  JSONB NOT NULL DEFAULT '{}'::jsonb,
  PRIMARY KEY (tenant_id, source)
);
