import type { Queryable } from '../ledger/index.ts';
import { resourceTypeOf, type Urn, urnName } from '../model/index.ts';
import { upsertResources } from '../rollup/index.ts';

/** `resource_id` of a URN, made when the rollups have not met it yet; null for an empty or unknown kind of name. */
export async function ensureResource(tx: Queryable, tenantId: number, urn: Urn): Promise<string | null> {
  const type = resourceTypeOf(urn);
  if (type === null) return null;
  const ids = await upsertResources(tx, tenantId, [{ urn, type, name: urnName(urn) }]);
  return ids.get(urn) ?? null;
}
