import { FixedColumn, LowCardinalityColumn, StringColumn, takeBlock } from '../lib/index.ts';
import type { Block } from '../model/index.ts';

export type LetterState = 'replaying' | 'replayed' | 'discarded' | 'open';

export interface StateChange {
  tenant: string;
  /** EventId of the letter, decimal. */
  letterId: string;
  state: LetterState;
  /** JSON of the batch that a replay is about to write; '' otherwise. */
  batch: string;
}

/** Changes as one block of `dead_letter_states`. */
export function letterStateBlock(changes: readonly StateChange[], nowMs: number): Block {
  const columns = {
    Tenant: new LowCardinalityColumn(),
    Timestamp: new FixedColumn("DateTime64(3, 'UTC')"),
    LetterId: new FixedColumn('UInt64'),
    State: new LowCardinalityColumn(),
    Batch: new StringColumn(),
  };
  for (const change of changes) {
    const id = BigInt(change.letterId);
    columns.Tenant.text(change.tenant);
    columns.Timestamp.whole(Math.floor(nowMs));
    columns.LetterId.uint64(Number(id & 0xffff_ffffn), Number(id >> 32n));
    columns.State.text(change.state);
    columns.Batch.text(change.batch);
  }
  return {
    table: 'dead_letter_states',
    rows: changes.length,
    bytes: takeBlock(columns, changes.length, 'EventId'),
  };
}
