/** What the stores take: as the API answers it and the console reads it. Sizes in bytes. */
export interface TenantShare {
  /** Empty: of no tenant. */
  tenant: string;
  /** The table's bytes, shared out by rows. */
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

/** Something that a ledger may be able to do: an extension, or a way of its own. */
export interface LedgerCapability {
  name: string;
  present: boolean;
  version: string | null;
  /** Whether someone should do something about its absence. */
  trouble: boolean;
  message: string;
}

export interface StorageReport {
  at: number;
  disk: { total_bytes: number; free_bytes: number; keep_free_bytes: number };
  pending_bytes: number;
  ledger: { embedded: boolean; version: string; database_bytes: number; capabilities: LedgerCapability[] };
  tables: TableUse[];
  growth_per_day: number | null;
  days_until_full: number | null;
  days: { day: string; detail: number; ledger: number }[];
}
