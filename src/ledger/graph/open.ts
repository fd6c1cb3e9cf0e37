import { ClewError, type Clock, type Logger } from '../../lib/index.ts';
import type { Ledger } from '../contract.ts';
import type { CallsGraphs } from './contract.ts';
import { EmbeddedGraphs } from './embedded.ts';
import { hasAgePackage } from './package.ts';
import { serverGraphs } from './server.ts';
import { graphName } from './sql.ts';

export interface GraphOptions {
  ledger: Ledger;
  /** `off`: no graph is kept and Cypher is refused; `auto`: where AGE is; `on`: the same, and its absence is told at start. */
  mode: 'auto' | 'on' | 'off';
  /** Directory for the engine beside the embedded ledger. */
  dir: string;
  defaultTenantId: number;
  clock: Clock;
  log: Logger;
}

/** Where the calls graphs live: in the ledger's server where it has AGE, beside the embedded ledger in a worker. */
export function openGraphs(options: GraphOptions): CallsGraphs {
  const { ledger, mode, log, defaultTenantId } = options;
  const absent = (reason: string) => {
    if (mode === 'on') log.warn({ reason }, 'ledger.graph is on, but there is no Cypher');
    return noGraphs(reason, defaultTenantId);
  };
  if (mode === 'off') return absent('it is switched off (ledger.graph)');
  if (ledger.capabilities.embedded)
    return hasAgePackage()
      ? new EmbeddedGraphs({ ...options, rss: () => process.memoryUsage.rss() })
      : absent('the package @electric-sql/pglite-age is not installed');
  if (ledger.capabilities.age) return serverGraphs(ledger, defaultTenantId);
  const why = ledger.capabilities.list.find(({ name }) => name === 'AGE')?.message ?? 'the server has no AGE';
  return absent(why);
}

/** Refreshes do nothing, questions are told why. */
function noGraphs(reason: string, defaultTenantId: number): CallsGraphs {
  return {
    unavailable: reason,
    nameOf: (tenantId) => graphName(tenantId, defaultTenantId),
    replace: async () => undefined,
    ask: () => Promise.reject(new ClewError('not_available', `Cypher is not available: ${reason}.`)),
    close: async () => undefined,
  };
}
