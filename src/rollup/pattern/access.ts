import type { Queryable } from '../../ledger/index.ts';
import { type EpochMs, iso } from '../../model/index.ts';

const clusteredSql = `
INSERT INTO pattern_access AS a (tenant_id, service, state, flow, reason, finished_at, window_to)
SELECT $1, service, CASE WHEN reason = '' THEN 'success' ELSE 'failed' END, 'mining', reason, $4, $4
  FROM unnest($2::text[], $3::text[]) AS g(service, reason)
ON CONFLICT (tenant_id, service) DO UPDATE SET
  window_to = greatest(a.window_to, excluded.window_to),
  state = CASE WHEN a.state IN ('pending', 'running') THEN a.state ELSE excluded.state END,
  reason = CASE WHEN a.state IN ('pending', 'running') THEN a.reason ELSE excluded.reason END,
  finished_at = CASE WHEN a.state IN ('pending', 'running') THEN a.finished_at ELSE greatest(a.finished_at, excluded.finished_at) END
WHERE a.window_to IS NULL OR a.window_to <= excluded.window_to`;

/** Notes for each application of a bucket how its clustering went. A restart that is asked for or under way stays as it is. */
export async function noteClustered(
  tx: Queryable,
  tenantId: number,
  bucket: {
    completeTo: EpochMs;
    shapes: readonly { service: string }[];
    plan: { failed: ReadonlyMap<string, string> };
  },
): Promise<void> {
  const services = [...new Set(bucket.shapes.map((row) => row.service))];
  if (services.length === 0) return;
  const reasons = services.map((service) => bucket.plan.failed.get(service) ?? '');
  await tx.query(clusteredSql, [tenantId, services, reasons, iso(bucket.completeTo)]);
}
