/**
 * Loaded before the program (`node --import`): the disk becomes slow or broken while the file DISK_STATE_FILE says so.
 * `slow MS` holds every sync up, `broken` fails it as a dying disk does; anything else leaves it alone.
 */
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';

const told = (): string => {
  try {
    return readFileSync(process.env.DISK_STATE_FILE ?? '', 'utf8');
  } catch {
    return '';
  }
};

const handle = await open('/dev/null', 'r');
const prototype = Object.getPrototypeOf(handle) as { datasync(): Promise<void>; sync(): Promise<void> };
await handle.close();
for (const name of ['datasync', 'sync'] as const) {
  const real = prototype[name];
  prototype[name] = async function disturbed(this: unknown) {
    const [word, ms] = told().trim().split(' ');
    if (word === 'slow') await new Promise((resolve) => setTimeout(resolve, Number(ms)));
    if (word === 'broken') throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' });
    return real.call(this);
  };
}
