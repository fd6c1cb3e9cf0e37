/**
 * ledger — aggregates, topology, knowledge, events, cases and the job ledger, in PostgreSQL's dialect: PGlite inside the
 * process by default, a PostgreSQL server when a URL is given. The same SQL and the same driver serve both.
 *
 * Contract: `openLedger` returns only after every migration is applied; an applied migration that was edited afterwards
 * is an error. Writes are durable against a killed process; the embedded twin does not call fsync, so a power cut may
 * cost its last seconds. The embedded twin works on a thread of its own and does one transaction at a time.
 * What never happens here: queries of other rooms (each room owns its SQL), raw log lines or spans, network inside a
 * transaction.
 */
export type { Capability, Ledger, LedgerCapabilities, LedgerHealth, Queryable } from './contract.ts';
export type {
  CallsGraph,
  CallsGraphs,
  CypherAnswer,
  CypherLimits,
  GraphEdge,
  GraphVertex,
} from './graph/contract.ts';
export { cypherCharsMax } from './graph/guard.ts';
export { type GraphOptions, openGraphs } from './graph/open.ts';
export { type LedgerOptions, openLedger } from './open.ts';
export { rowsOf } from './rows.ts';
export { type LedgerTableUse, type LedgerUse, ledgerUse } from './storage.ts';
export { tenantLedger } from './tenant-ledger.ts';
