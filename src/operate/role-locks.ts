import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ClewError, type FileLock, lockFile } from '../lib/index.ts';

/**
 * Takes the roles of a data directory for this process. Throws `conflict` when another process has one of them. The function
 * answered gives them free.
 */
export function lockRoles(dataDir: string, roles: readonly string[]): () => void {
  const dir = join(dataDir, 'locks');
  mkdirSync(dir, { recursive: true });
  const locks: FileLock[] = [];
  const release = () => {
    for (const lock of locks) lock.release();
  };
  for (const role of roles) {
    const lock = lockFile(join(dir, `${role}.lock`));
    if (lock !== undefined) {
      locks.push(lock);
      continue;
    }
    release();
    throw new ClewError(
      'conflict',
      `Another Clew has the role ${role} in ${dataDir}. Stop it, or give this one another data_dir, or other roles (roles).`,
      { details: { role, data_dir: dataDir } },
    );
  }
  return release;
}
