import type { Clock, Logger } from '../lib/index.ts';

/** How old a figure may be; at 200 MB/s a disk loses 100 MB in it. */
const ageMsMax = 500;

/** Free bytes of the disk, as of half a second ago at most while somebody asks. Infinite until the first answer. */
export function createDiskWatch(read: () => Promise<number>, clock: Clock, log: Logger): { free(): number } {
  let free = Number.POSITIVE_INFINITY;
  let readAt = Number.NEGATIVE_INFINITY;
  let reading = false;
  const refresh = (): void => {
    reading = true;
    read()
      .then((bytes) => {
        free = bytes;
      })
      .catch((error: unknown) => log.warn({ err: error }, 'free space of the disk could not be read'))
      .finally(() => {
        reading = false;
        readAt = clock.monotonic();
      });
  };
  refresh();
  return {
    free() {
      if (!reading && clock.monotonic() - readAt > ageMsMax) refresh();
      return free;
    },
  };
}
