/** What pipelines need of the relational store; the ledger has it. */
export interface PipelineStore {
  query<Row>(sql: string, params?: readonly unknown[]): Promise<Row[]>;
  tenantId(code: string): Promise<number>;
}

export interface StoredPipeline {
  tenant: string;
  name: string;
  text: string;
}

const storedMax = 1_000;

export const listStored = (store: PipelineStore): Promise<StoredPipeline[]> =>
  store.query<StoredPipeline>(
    `SELECT t.code AS tenant, p.name, p.text FROM ingest_pipeline p JOIN dim_tenant t USING (tenant_id)
     ORDER BY t.code, p.name LIMIT ${storedMax}`,
  );

export async function putStored(store: PipelineStore, { tenant, name, text }: StoredPipeline): Promise<void> {
  await store.query(
    `INSERT INTO ingest_pipeline (tenant_id, name, text) VALUES ($1, $2, $3)
     ON CONFLICT (tenant_id, name) DO UPDATE SET text = EXCLUDED.text, updated_at = now()`,
    [await store.tenantId(tenant), name, text],
  );
}

/** False when there was none. */
export async function deleteStored(store: PipelineStore, tenant: string, name: string): Promise<boolean> {
  const rows = await store.query<{ name: string }>(
    'DELETE FROM ingest_pipeline WHERE tenant_id = $1 AND name = $2 RETURNING name',
    [await store.tenantId(tenant), name],
  );
  return rows.length > 0;
}
