import type { Ledger } from '../ledger/index.ts';
import { iso, type PlanThreshold } from '../model/index.ts';

/** What one look at one condition saw. */
export interface Reading {
  id: string;
  service: string;
  indicator: string;
  target: number;
  value: number | null;
  holds: boolean;
}

/** A value older than this is no statement about now: two windows of the rollup, its delay, and some slack. */
const freshMs = 15 * 60_000;

const callColumns: Readonly<Record<string, string>> = {
  rps: 'sum(c.rps)',
  err_rate: 'sum(c.err_rate * c.rps) / nullif(sum(c.rps), 0)',
  p50_ms: 'max(c.p50_ms)',
  p95_ms: 'max(c.p95_ms)',
};

const metricSql = `SELECT coalesce(max(m.p95_val), max(m.avg_val)) AS value FROM metric_1m m
  JOIN dim_resource r ON r.resource_id = m.resource_id
  WHERE m.tenant_id = $1 AND r.urn = $2 AND m.metric = $3 AND m.bucket >= $4
  GROUP BY m.bucket ORDER BY m.bucket DESC LIMIT 1`;

/** All callers of a resource in the newest window; `column` comes from the closed list above. */
const callSql = (column: string): string => `SELECT ${column} AS value FROM service_call_5m c
  JOIN dim_resource r ON r.resource_id = c.dst_resource_id
  WHERE c.tenant_id = $1 AND r.urn = $2 AND c.bucket >= $3
  GROUP BY c.bucket ORDER BY c.bucket DESC LIMIT 1`;

/** The newest value of a ledger series against its bound. No fresh value does not hold. */
export async function readThreshold(
  ledger: Ledger,
  tenant: string,
  threshold: PlanThreshold,
  now: number,
): Promise<Reading> {
  const value = await newestValue(ledger, await ledger.tenantId(tenant), threshold, iso(now - freshMs));
  const holds =
    value !== null && (threshold.op === '<=' ? value <= threshold.value : value >= threshold.value);
  const { source, resource, metric, op } = threshold;
  return {
    id: `${resource} ${metric} ${op} ${threshold.value}`,
    service: resource,
    indicator: `${source}.${metric}`,
    target: threshold.value,
    value,
    holds,
  };
}

async function newestValue(
  ledger: Ledger,
  tenantId: number,
  { source, resource, metric }: PlanThreshold,
  since: string,
): Promise<number | null> {
  if (source === 'metric_1m') {
    const [row] = await ledger.query<{ value: number | null }>(metricSql, [
      tenantId,
      resource,
      metric,
      since,
    ]);
    return row?.value ?? null;
  }
  const column = callColumns[metric];
  if (column === undefined) return null;
  const [row] = await ledger.query<{ value: number | null }>(callSql(column), [tenantId, resource, since]);
  return row?.value ?? null;
}
