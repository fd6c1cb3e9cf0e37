import { ClewError } from '../../lib/index.ts';
import type { Ledger } from '../contract.ts';
import type { CallsGraphs } from './contract.ts';
import { graphName, replaceGraph, runCypher } from './sql.ts';

/** Questions that run at once: connections are few, and others need them too. */
const questionsMax = 2;

/** Graphs in the ledger's own PostgreSQL server. */
export function serverGraphs(ledger: Ledger, defaultTenantId: number): CallsGraphs {
  let running = 0;
  const nameOf = (tenantId: number) => graphName(tenantId, defaultTenantId);
  return {
    unavailable: null,
    nameOf,
    replace: async (tx, tenantId, graph) => {
      await loadAge(tx);
      await replaceGraph(tx, nameOf(tenantId), graph);
      await tx.query('SET LOCAL search_path = public');
    },
    async ask(tenantId, cypher, limits) {
      if (running >= questionsMax)
        throw new ClewError(
          'overloaded',
          `${running} questions in Cypher run already; the limit is ${questionsMax}.`,
          {
            details: { retry_after_s: 1 },
          },
        );
      running++;
      try {
        return await ledger.transaction(async (tx) => {
          await loadAge(tx);
          return runCypher(tx, nameOf(tenantId), cypher, limits);
        });
      } finally {
        running--;
      }
    },
    close: async () => undefined,
  };
}

/** Any function of AGE loads its library into the session, for which `LOAD` would ask a superuser. */
const loadAge = (tx: { query(sql: string): Promise<unknown> }): Promise<unknown> =>
  tx.query('SELECT ag_catalog._graphid(1, 1)::text');
