import { z } from 'zod';
import type { Ledger } from '../ledger/contract.ts';
import { ClewError } from '../lib/index.ts';
import type { RowFilter } from '../model/index.ts';
import { rowFilterSchema } from './row-filter.ts';

interface StoredHint {
  id: string;
  query_hint: string | null;
}

/** The filter that a locator of this tenant holds. */
export async function locatorFilter(ledger: Ledger, tenant: string, locatorId: string): Promise<RowFilter> {
  const [row] = await ledger.query<StoredHint>(
    'SELECT id::text AS id, query_hint FROM oo_locator WHERE tenant_id = $1 AND id = $2::bigint',
    [await ledger.tenantId(tenant), locatorId],
  );
  if (row === undefined) {
    throw new ClewError('not_found', `There is no locator ${locatorId}.`, {
      details: { locator_id: locatorId },
    });
  }
  return parseHint(row);
}

/**
 * What a piece of evidence rests on: raw rows, or a row of the ledger (`ref_pg`). A rollup's row leads on to a sample of the
 * raw rows that it counted.
 */
export type EvidenceSource =
  | { rests: 'rows'; locatorId: string; filter: RowFilter; ledger?: unknown; row?: LedgerRow }
  | { rests: 'ledger'; ledger: unknown; row?: LedgerRow };

export type LedgerRow = Record<string, unknown>;

/** Evidence belongs to an event and so to a tenant; both are checked in one statement. */
export async function evidenceSource(
  ledger: Ledger,
  tenant: string,
  evidenceId: string,
): Promise<EvidenceSource> {
  const [row] = await ledger.query<{ ref_pg: unknown; id: string | null; query_hint: string | null }>(
    `SELECT l.ref_pg, o.id::text AS id, o.query_hint
FROM evidence_link l
JOIN event_envelope e ON e.event_id = l.event_id
LEFT JOIN oo_locator o ON o.id = l.ref_oo AND o.tenant_id = e.tenant_id
WHERE e.tenant_id = $1 AND l.evidence_id = $2::bigint`,
    [await ledger.tenantId(tenant), evidenceId],
  );
  if (row === undefined) {
    throw new ClewError('not_found', `There is no evidence ${evidenceId}.`, {
      details: { evidence_id: evidenceId },
    });
  }
  if (row.id === null) return rollupSource(ledger, tenant, row.ref_pg);
  return { rests: 'rows', locatorId: row.id, filter: parseHint({ id: row.id, query_hint: row.query_hint }) };
}

/** Rollups that evidence may name, and the columns that with tenant and bucket find one row. */
const rollupKeys: Record<string, readonly string[]> = {
  metric_1m: ['resource_id', 'metric', 'labels_hash'],
  service_call_5m: ['src_resource_id', 'dst_resource_id'],
  log_pattern_5m: ['resource_id', 'fingerprint_id'],
};

const refSchema = z.looseObject({ table: z.string(), bucket: z.iso.datetime({ offset: true }) });

async function rollupSource(ledger: Ledger, tenant: string, ref: unknown): Promise<EvidenceSource> {
  const parsed = refSchema.safeParse(ref);
  const keys = parsed.success ? rollupKeys[parsed.data.table] : undefined;
  if (!parsed.success || keys === undefined) return { rests: 'ledger', ledger: ref };
  const { table, bucket } = parsed.data;
  const match = keys.map((key, i) => `t.${key}::text = $${i + 3}`).join(' AND ');
  const [found] = await ledger.query<{ row: LedgerRow; id: string | null; query_hint: string | null }>(
    `SELECT to_jsonb(t) AS row, o.id::text AS id, o.query_hint FROM ${table} t
LEFT JOIN oo_locator o ON o.id = t.sample_ref AND o.tenant_id = t.tenant_id
WHERE t.tenant_id = $1 AND t.bucket = $2 AND ${match} LIMIT 1`,
    [await ledger.tenantId(tenant), bucket, ...keys.map((key) => String(parsed.data[key] ?? ''))],
  );
  if (found === undefined) return { rests: 'ledger', ledger: ref };
  const { row, id, query_hint } = found;
  return id === null
    ? { rests: 'ledger', ledger: ref, row }
    : { rests: 'rows', locatorId: id, filter: parseHint({ id, query_hint }), ledger: ref, row };
}

function parseHint(row: StoredHint): RowFilter {
  const parsed = rowFilterSchema.safeParse(jsonOrNull(row.query_hint));
  if (!parsed.success) {
    throw new ClewError(
      'unprocessable',
      `Locator ${row.id} holds no filter that Clew can run (query_hint): ${parsed.error.issues.map((issue) => `${issue.path.join('.') || '(hint)'}: ${issue.message}`).join('; ')}.`,
      { details: { locator_id: row.id } },
    );
  }
  return parsed.data;
}

function jsonOrNull(text: string | null): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return null;
  }
}
