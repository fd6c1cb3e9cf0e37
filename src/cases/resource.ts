import type { Queryable } from '../ledger/index.ts';
import { type ResourceType, type Urn, urnName } from '../model/index.ts';

const types: Readonly<Record<string, ResourceType>> = {
  svc: 'service',
  k8s: 'service',
  db: 'database',
  mq: 'queue',
  host: 'host',
  ext: 'external',
};

const ensureSql = `WITH made AS (
    INSERT INTO dim_resource (tenant_id, urn, type, name) VALUES ($1, $2, $3, $4)
    ON CONFLICT (tenant_id, urn) DO NOTHING RETURNING resource_id
  )
  SELECT resource_id FROM made
  UNION ALL SELECT resource_id FROM dim_resource WHERE tenant_id = $1 AND urn = $2 LIMIT 1`;

/** `resource_id` of a URN, made when the rollups have not met it yet; null for an empty or unknown kind of name. */
export async function ensureResource(tx: Queryable, tenantId: number, urn: Urn): Promise<string | null> {
  const type = types[urn.split(':')[1] ?? ''];
  if (!urn.startsWith('urn:') || type === undefined) return null;
  const [row] = await tx.query<{ resource_id: string }>(ensureSql, [tenantId, urn, type, urnName(urn)]);
  return row?.resource_id ?? null;
}
