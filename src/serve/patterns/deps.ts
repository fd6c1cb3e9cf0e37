import type { DetailStore } from '../../detail/index.ts';
import type { Ledger } from '../../ledger/index.ts';
import type { Clock } from '../../lib/index.ts';
import type { PatternLookup } from '../../query/index.ts';
import type { PatternBook } from '../../rollup/index.ts';
import type { TenantOf } from '../window.ts';

export interface PatternDeps extends PatternLookup {
  detail: DetailStore;
  ledger: Ledger;
  clock: Clock;
  tenantOf: TenantOf;
  windowMsMax: number;
  book: PatternBook;
}
