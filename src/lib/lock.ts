import { DatabaseSync } from 'node:sqlite';

export interface FileLock {
  release(): void;
}

/**
 * Takes a file for this process alone; undefined when another has it. The kernel gives it free when the process ends,
 * however it ends, and knows holders in other containers of the same machine. Node has no call for it but that of SQLite.
 */
export function lockFile(path: string): FileLock | undefined {
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA journal_mode = MEMORY; PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === busyCode) return undefined;
    throw error;
  }
  return { release: () => database.close() };
}

/** SQLITE_BUSY. */
const busyCode = 5;
