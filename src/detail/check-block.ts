import { ClewError, giveBuffer } from '../lib/index.ts';
import type { Block } from '../model/index.ts';
import { repeatedRows } from './events.ts';
import type { Repeats } from './repeats.ts';
import { rowsPerSegmentLimit } from './segment.ts';

/** Throws when the block is too large for a segment, or no room is left for it. */
export function checkBlock(block: Block, pending: number, pendingMax: number): void {
  if (block.rows > rowsPerSegmentLimit) {
    throw new ClewError('too_large', `A block of ${block.rows} rows; the limit is ${rowsPerSegmentLimit}.`);
  }
  if (pending + block.bytes.byteLength > pendingMax) {
    throw new ClewError(
      'overloaded',
      `${pending} bytes wait to be inserted; the limit is ingest.pending_bytes_max (${pendingMax}).`,
      { details: { pending_bytes: pending, limit: pendingMax, setting: 'ingest.pending_bytes_max' } },
    );
  }
}

/** True when the block is durable already, because its request came before. It is given back then. */
export function dropRepeated(block: Block, repeats: Repeats): boolean {
  if (block.request === undefined || !repeats.has(block.request, block.table)) return false;
  repeatedRows.inc({ table: block.table }, block.rows);
  giveBuffer(block.bytes);
  return true;
}
