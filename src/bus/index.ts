/**
 * bus — carries what the ledger's outbox holds to those who subscribed: at least once, in order per key, bounded in
 * attempts; consumers are shielded from repetition by the inbox.
 *
 * Contract: a message leaves only after its transaction committed. A failing consumer holds up its own key, is tried
 * again with growing pauses and, after the last attempt, the message is set aside (poisoned), counted in health.
 * What never happens here: knowledge of what a message means, a state change, delivery from inside a transaction.
 */
export type { BusTransport, Subscriber } from './contract.ts';
export { Bus, type BusDeps, type BusHealth, createBus } from './dispatcher.ts';
