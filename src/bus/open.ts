import type { Ledger } from '../ledger/index.ts';
import type { Clock } from '../lib/index.ts';
import type { BusTransport } from './contract.ts';
import { InProcessTransport } from './in-process.ts';

/** The one place that knows which twin carries the messages. */
export const openTransport = (deps: { ledger: Ledger; clock: Clock }): BusTransport =>
  new InProcessTransport(deps);
