import { ClewError } from '../lib/index.ts';
import type { Ledger } from './contract.ts';

/**
 * The ledger for what only answers users of one tenant: whatever is asked of it, by a statement that forgot its condition
 * too, the engine shows that tenant's rows. It can't change anything.
 */
export function tenantLedger(ledger: Ledger, code: string): Ledger {
  return {
    capabilities: ledger.capabilities,
    query: async <Row>(sql: string, params?: readonly unknown[]) =>
      ledger.forTenant(await ledger.tenantId(code)).query<Row>(sql, params),
    forTenant: (tenantId) => ledger.forTenant(tenantId),
    transaction: () =>
      Promise.reject(new ClewError('internal', `The ledger of tenant ${code} is for reading only.`)),
    tenantId: (other) => ledger.tenantId(other),
    health: () => ledger.health(),
    close: () => ledger.close(),
  };
}
