/** What the page Storage asks. */
import { queryOptions } from '@tanstack/react-query';
import { get } from './client.ts';

export interface TenantShare {
  /** '' for what belongs to no tenant. */
  tenant: string;
  bytes: number;
  rows: number;
}

export interface TableUse {
  store: 'detail' | 'ledger';
  table: string;
  bytes: number;
  rows: number;
  retention_days: number | null;
  growth_per_day: number | null;
  tenants: TenantShare[];
}

export interface Capability {
  name: string;
  present: boolean;
  version: string | null;
  trouble: boolean;
  message: string;
}

export interface StorageReport {
  at: number;
  disk: { total_bytes: number; free_bytes: number; keep_free_bytes: number };
  pending_bytes: number;
  ledger: { embedded: boolean; version: string; database_bytes: number; capabilities: Capability[] };
  tables: TableUse[];
  growth_per_day: number | null;
  days_until_full: number | null;
  days: { day: string; detail: number; ledger: number }[];
}

/** The server counts anew once a minute. */
const pollMs = 60_000;

export const storageQuery = () =>
  queryOptions({
    queryKey: ['storage'],
    queryFn: async ({ signal }) => (await get<StorageReport>('/storage', {}, signal)).data,
    refetchInterval: pollMs,
  });
