-- Tables that senders registered for POST /write/metrics and /write/logs: names and types of their columns, for each
-- tenant its own. `version` grows by one with every change of the columns.
CREATE TABLE table_registry (
  tenant_id  BIGINT NOT NULL REFERENCES dim_tenant(tenant_id),
  table_name TEXT NOT NULL,
  -- {"columns": [{"name": "value", "type": "double", "required": true, "unit": "ms"}]}
  schema     JSONB NOT NULL,
  version    INT NOT NULL DEFAULT 1,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, table_name)
);
