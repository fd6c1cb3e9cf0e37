import { AsyncLocalStorage } from 'node:async_hooks';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../admit/index.ts';
import { type Ledger, tenantLedger } from '../ledger/index.ts';
import { ClewError } from '../lib/index.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who sends it; null on routes that ask for no credentials, or ask for them themselves. */
    caller: Caller | null;
  }
  interface FastifyContextConfig {
    /** The answer speaks for the whole server, all tenants alike: only for `auth.token` itself. */
    operator?: boolean;
  }
}

export const callerOf = ({ caller, method, url }: FastifyRequest): Caller => {
  if (caller === null)
    throw new ClewError(
      'internal',
      `${method} ${url.split('?')[0]} asks whose request it is, but takes any.`,
    );
  return caller;
};

/** The request that is being answered, from its handler on. */
const current = new AsyncLocalStorage<Caller>();
export const answerAs = (caller: Caller, work: () => void): void => current.run(caller, work);

/**
 * The ledger as the tenant of the request that is being answered may read it. It is given to all routes alike, so that a
 * statement which forgets its condition, or a route made later, still shows no row of another tenant.
 */
export function callersLedger(ledger: Ledger): Ledger {
  const own = (): Ledger => {
    const caller = current.getStore();
    if (caller === undefined)
      throw new ClewError('internal', 'The ledger of a request is asked while none is answered.');
    return tenantLedger(ledger, caller.tenant);
  };
  return {
    capabilities: ledger.capabilities,
    query: (sql, params) => own().query(sql, params),
    forTenant: (tenantId) => ledger.forTenant(tenantId),
    transaction: (work) => own().transaction(work),
    tenantId: (code) => ledger.tenantId(code),
    health: () => ledger.health(),
    close: () => ledger.close(),
  };
}
