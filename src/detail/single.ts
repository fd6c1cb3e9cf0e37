import { open, rename, rm, stat } from 'node:fs/promises';
import { ClewError } from '../lib/index.ts';
import type { Block, DetailTable } from '../model/index.ts';
import type { SingleSegments } from './contract.ts';
import type { Engine } from './engine.ts';
import type { SegmentNumbers } from './numbers.ts';
import {
  type ClosedSegment,
  dataPath,
  fillEventIds,
  indexPath,
  indexRecord,
  positionBits,
  rowsPerSegmentLimit,
  syncDirectory,
} from './segment.ts';

export interface SingleOptions {
  dir: string;
  engine: Engine;
  numbers: SegmentNumbers;
  now: () => number;
  /** Throws when there is no room for the block. */
  admit: (block: Block) => void;
  /** The segment is on disk and waits to be inserted. */
  onWritten: (segment: ClosedSegment) => void;
}

/**
 * Segments that are written whole. Data without an index is removed at start, so a segment begins to exist in the moment
 * its finished index gets its name, after the data is on disk.
 */
export function createSingleSegments(options: SingleOptions): SingleSegments {
  return {
    reserve: () => options.numbers.next(),
    async write(number, blocks) {
      const [first] = blocks;
      if (first === undefined) return;
      const rows = blocks.reduce((sum, block) => sum + block.rows, 0);
      if (rows > rowsPerSegmentLimit)
        throw new ClewError('too_large', `A segment of ${rows} rows; the limit is ${rowsPerSegmentLimit}.`);
      for (const block of blocks) {
        if (block.table !== first.table) throw new Error('the blocks of one segment are of one table');
        options.admit(block);
      }
      const path = dataPath(options.dir, { number, table: first.table });
      const bytes = await writeWhole(path, number, blocks, options.dir);
      const since = options.now();
      options.onWritten({ number, table: first.table, path, rows, bytes, since, replayed: false });
    },
    has: (number, table) => isThere(number, table, options),
  };
}

async function writeWhole(
  path: string,
  number: number,
  blocks: readonly Block[],
  dir: string,
): Promise<number> {
  const records: Buffer[] = [];
  let position = 0;
  for (const block of blocks) {
    fillEventIds(block.bytes, block.rows, number, position);
    position += block.rows;
    records.push(indexRecord(block));
  }
  const unfinished = `${indexPath(path)}.new`;
  try {
    await writeSynced(
      path,
      blocks.map((block) => block.bytes),
    );
    await writeSynced(unfinished, records);
    await rename(unfinished, indexPath(path));
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    await rm(path, { force: true }).catch(() => undefined);
    throw new ClewError('unavailable', 'The write-ahead segment could not be written; try again.', {
      cause: error,
    });
  }
  await syncDirectory(dir);
  return blocks.reduce((sum, block) => sum + block.bytes.byteLength, 0);
}

async function writeSynced(path: string, parts: readonly Uint8Array[]): Promise<void> {
  const handle = await open(path, 'w');
  try {
    for (const part of parts) await handle.writeFile(part);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** In the write-ahead log, in the table or in quarantine; asked in this order, for that is the way of a segment. */
async function isThere(number: number, table: DetailTable, options: SingleOptions): Promise<boolean> {
  const path = dataPath(options.dir, { number, table });
  if (await exists(indexPath(path))) return true;
  const first = BigInt(number) << BigInt(positionBits);
  const last = first + (1n << BigInt(positionBits)) - 1n;
  const count = await options.engine.run(
    'query',
    `SELECT count() FROM ${table} WHERE EventId BETWEEN ${first} AND ${last}`,
    undefined,
    'TabSeparated',
  );
  if (Number(count) > 0) return true;
  return exists(dataPath(`${options.dir}/quarantine`, { number, table }));
}

const exists = async (path: string): Promise<boolean> => {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
};
