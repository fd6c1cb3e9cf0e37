import type { Queryable } from '../ledger/index.ts';
import { ClewError } from '../lib/index.ts';
import {
  type CaseHead,
  type CaseState,
  caseStates,
  type Severity,
  severities,
  type Verdict,
} from '../model/index.ts';

/** A row of `ops_case` as the driver returns it. */
export interface CaseRow {
  id: string;
  tenant: string;
  title: string;
  status: string;
  version: number;
  created_at: Date;
  updated_at: Date;
  number: number;
  severity: string;
  service: string;
  resource: string;
  automatic: boolean;
  trace_id: string;
  verdict: Verdict | null;
  evidence_hash: string | null;
  parked_reason: string | null;
  closed_at: Date | null;
}

export const headColumns = `id, tenant, title, status, version, created_at, updated_at, number, severity, service,
  resource, automatic, trace_id, parked_reason, closed_at`;

export type HeadRow = Omit<CaseRow, 'verdict' | 'evidence_hash'>;

export const stateOf = (text: string): CaseState => {
  const state = caseStates.find((candidate) => candidate === text);
  if (!state) throw new ClewError('internal', `The ledger holds an unknown case state ${text}.`);
  return state;
};

const severityNamed = (text: string): Severity =>
  severities.find((candidate) => candidate === text) ?? 'ERROR';

export const toHead = (row: HeadRow): CaseHead => ({
  id: row.id,
  tenant: row.tenant,
  number: row.number,
  title: row.title,
  status: stateOf(row.status),
  version: row.version,
  severity: severityNamed(row.severity),
  service: row.service,
  resource: row.resource,
  automatic: row.automatic,
  traceId: row.trace_id,
  createdAt: row.created_at.getTime(),
  updatedAt: row.updated_at.getTime(),
  closedAt: row.closed_at?.getTime() ?? null,
  parkedReason: row.parked_reason,
});

const uuid = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** Anything that is no UUID can't name a case; asking the store would be an error of its own. */
export const isCaseId = (text: string): boolean => uuid.test(text);

export const noSuchCase = (caseId: string): ClewError =>
  new ClewError('not_found', `There is no case ${caseId.slice(0, 80)}.`);

export async function findHead(on: Queryable, caseId: string): Promise<CaseHead> {
  if (!isCaseId(caseId)) throw noSuchCase(caseId);
  const [row] = await on.query<HeadRow>(`SELECT ${headColumns} FROM ops_case WHERE id = $1`, [caseId]);
  if (!row) throw noSuchCase(caseId);
  return toHead(row);
}
