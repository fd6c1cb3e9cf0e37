import { existsSync, mkdirSync, mkdtempSync, rmdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { ClewError } from '../lib/index.ts';

/** From the top down. */
function stepsTo(path: string): string[] {
  const above = dirname(path);
  return above === path ? [path] : [...stepsTo(above), path];
}

function makeStep(step: string): void {
  try {
    mkdirSync(step);
  } catch (error) {
    // Of two processes that share the directory one is first.
    if (!existsSync(step)) throw error;
  }
}

/** Makes the data directory where it is missing. Throws `bad_request` when nothing can be written there. */
export function makeDataDir(dataDir: string): void {
  const path = resolve(dataDir);
  try {
    // Not by `recursive`: Node then tries for ever below a directory that takes none, such as /proc.
    for (const step of stepsTo(path)) if (!existsSync(step)) makeStep(step);
    rmdirSync(mkdtempSync(join(path, '.can-write-')));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ClewError(
      'bad_request',
      `data_dir is ${dataDir}, where Clew can't write (${reason}). Name a directory that it may write to: data_dir, CLEW_DATA_DIR or --data-dir.`,
      { cause },
    );
  }
}
