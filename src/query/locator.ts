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

/** What a piece of evidence rests on: raw rows, or a row of the ledger (`ref_pg`). */
export type EvidenceSource =
  | { rests: 'rows'; locatorId: string; filter: RowFilter }
  | { rests: 'ledger'; ledger: unknown };

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
  if (row.id === null) return { rests: 'ledger', ledger: row.ref_pg };
  return { rests: 'rows', locatorId: row.id, filter: parseHint({ id: row.id, query_hint: row.query_hint }) };
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
