import { readdirSync, readFileSync } from 'node:fs';
import { constants, platform, setPriority } from 'node:os';
import type { Clock, Logger } from '../lib/index.ts';

/** The engine starts its threads when it needs them, so they are looked for again and again. */
const lookIntervalMs = 5_000;
const taskDir = '/proc/self/task';
const mergeThread = 'MergeMutate\n';

/**
 * Merging parts costs the engine more than inserting them, but it can wait: its threads get the lowest priority, so they
 * take what inserts and queries leave. Parts that pile up under load are merged afterwards, many at once, which costs less;
 * the engine itself slows inserts down at 1 000 parts. Linux only, elsewhere nothing happens. Runs until aborted.
 */
export async function lowerMergePriority(clock: Clock, log: Logger, stopped: AbortSignal): Promise<void> {
  if (platform() !== 'linux') return;
  const lowered = new Set<string>();
  while (!stopped.aborted) {
    try {
      for (const task of readdirSync(taskDir)) if (!lowered.has(task) && lower(task)) lowered.add(task);
    } catch (error) {
      log.warn({ err: error }, 'merges keep their priority');
      return;
    }
    await clock.sleep(lookIntervalMs, stopped);
  }
}

function lower(task: string): boolean {
  try {
    if (readFileSync(`${taskDir}/${task}/comm`, 'utf8') !== mergeThread) return false;
  } catch {
    // The thread ended meanwhile.
    return false;
  }
  setPriority(Number(task), constants.priority.PRIORITY_LOW);
  return true;
}
