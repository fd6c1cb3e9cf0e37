import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from './segment.ts';

/** Numbers taken from the file at a time: an fsync for every 65 536 segments, and as many are lost by a restart. */
const reservation = 65_536;

/** Hands out segment numbers that never come twice, across restarts and crashes. */
export interface SegmentNumbers {
  next(): number;
}

/** `above` is the largest number seen elsewhere (in files), should the counter's own file be lost. */
export async function openSegmentNumbers(dir: string, above: number): Promise<SegmentNumbers> {
  const path = join(dir, 'next-segment');
  const stored = Number.parseInt(await readFile(path, 'utf8').catch(() => '1'), 10);
  if (!Number.isSafeInteger(stored)) throw new Error(`${path} does not hold a number`);
  let next = Math.max(stored, above + 1);
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
      if (next >= limit) throw new Error(`segment numbers can't be reserved in ${path}`);
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
