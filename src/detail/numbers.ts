import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from './segment.ts';

/** Numbers taken from the file at a time: an fsync for every 65 536 segments, and as many are lost by a restart. */
const reservation = 65_536;

/** Hands out segment numbers that never come twice, across restarts and crashes. */
export interface SegmentNumbers {
  next(): number;
}

/**
 * The numbers of one writer. Two processes may write the same tables: each has a range and a file of its own, so that no
 * number is given by both. An EventId is a number shifted by 24 bits, and stays below 2^63.
 */
export interface NumberRange {
  first: number;
  last: number;
}
/** Of the process that holds the engine; every number before there were ranges is in it. */
export const engineNumbers: NumberRange = { first: 1, last: 2 ** 38 - 1 };
/** Of a process that only takes in. */
export const ingestNumbers: NumberRange = { first: 2 ** 38, last: 2 ** 39 - 1 };

/** The largest of the numbers that are in the range; the one before the range when none is. */
export const highestIn = (range: NumberRange, numbers: readonly number[]): number =>
  numbers.reduce((most, n) => (n <= range.last && n > most ? n : most), range.first - 1);

/** `above` is the largest number seen elsewhere (in files), should the counter's own file be lost. */
export async function openSegmentNumbers(
  dir: string,
  above: number,
  range = engineNumbers,
): Promise<SegmentNumbers> {
  const path = join(dir, 'next-segment');
  const stored = Number.parseInt(await readFile(path, 'utf8').catch(() => String(range.first)), 10);
  let next = Math.max(stored, above + 1);
  if (!Number.isSafeInteger(stored) || stored < range.first || next > range.last)
    throw new Error(`${path} does not hold a number from ${range.first} to ${range.last}`);
  let limit = next + reservation;
  let reserving: Promise<void> | undefined;
  await store(dir, path, limit);

  const reserve = () => {
    const wanted = limit + reservation;
    reserving = store(dir, path, wanted)
      .then(() => {
        limit = wanted;
      })
      // The next call tries again; only a full disk for 32 768 segments long ends in the error below.
      .catch(() => undefined)
      .finally(() => {
        reserving = undefined;
      });
  };

  return {
    next() {
      if (limit - next < reservation / 2 && reserving === undefined) reserve();
      if (next >= limit || next > range.last) throw new Error(`segment numbers can't be reserved in ${path}`);
      return next++;
    },
  };
}

async function store(dir: string, path: string, value: number): Promise<void> {
  const temporary = `${path}.new`;
  const handle = await open(temporary, 'w');
  try {
    await handle.writeFile(String(value));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  await syncDirectory(dir);
}
