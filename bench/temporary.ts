/** What a benchmark leaves behind when it is interrupted: nothing. Programs that it started end with it, directories go. */
import type { ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';

const children = new Set<ChildProcess>();
const directories = new Set<string>();

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  for (const directory of directories) {
    try {
      rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    } catch {
      // A program that is just being killed may still have written into it.
    }
  }
});

export function endWithUs(child: ChildProcess): void {
  children.add(child);
  child.once('exit', () => children.delete(child));
}

/** A directory for the time of `work`. */
export async function inTemporary<T>(
  base: string,
  prefix: string,
  work: (dir: string) => Promise<T>,
): Promise<T> {
  const dir = await mkdtemp(join(base, prefix));
  directories.add(dir);
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
    directories.delete(dir);
  }
}
