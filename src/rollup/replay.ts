import type { Ledger } from '../ledger/index.ts';
import { ClewError } from '../lib/index.ts';
import { type EpochMs, iso, type TimeWindow } from '../model/index.ts';
import type { Job, Tenant } from './job.ts';
import { countQueued, requeueWindows } from './queue.ts';
import { countWindows, splitWindows } from './windows.ts';

/** Windows of one job and tenant that may wait; ten weeks of minutes. */
export const queuedMax = 100_000;
/** How far ahead a window may be asked for. It waits until it is due; further ahead a mistake is likelier. */
export const futureMsMax = 7 * 86_400_000;

export interface Replayed extends TimeWindow {
  /** Aligned windows from `from` to `to`. */
  windows: number;
  queued: number;
}

export function findJob(jobs: readonly Job[], name: string): Job {
  const job = jobs.find((candidate) => candidate.name === name);
  if (job) return job;
  const known = jobs.map((candidate) => candidate.name);
  throw new ClewError('unprocessable', `job: there is no job ${name}; known are ${known.join(', ')}.`, {
    details: { field: 'job', value: name, known },
  });
}

interface Asked {
  ledger: Ledger;
  job: Job;
  tenant: Tenant;
  window: TimeWindow;
  now: EpochMs;
  windowsMax: number;
}

/** Queues the windows that touch the range. Windows lie on the job's grid, so two ranges that overlap name the same ones. */
export async function replayWindows(asked: Asked): Promise<Replayed> {
  const { ledger, job, tenant, window, now } = asked;
  checkRange(asked);
  const waiting = await countQueued(ledger, job.name, tenant.id);
  const windows = splitWindows(window, job.alignMs);
  if (waiting + windows.length > queuedMax)
    throw new ClewError(
      'overloaded',
      `job: ${waiting} windows of ${job.name} wait already; with ${windows.length} more they would be over ${queuedMax}. Try again when some are done.`,
      { details: { field: 'job', value: waiting + windows.length, limit: queuedMax } },
    );
  const queued = await requeueWindows(ledger, {
    job: job.name,
    tenantId: tenant.id,
    windows,
    kind: 'replay',
    now,
    notBefore: null,
  });
  const from = windows[0]?.from ?? window.from;
  return { from, to: windows.at(-1)?.to ?? from, windows: windows.length, queued };
}

function checkRange({ job, window, now, windowsMax }: Asked): void {
  const refuse = (message: string, details: Record<string, unknown>) =>
    new ClewError('unprocessable', message, { details });
  if (window.to <= window.from)
    throw refuse(`to: ${iso(window.to)} must be later than from, ${iso(window.from)}.`, {
      field: 'to',
      value: iso(window.to),
      limit: iso(window.from),
    });
  if (window.to > now + futureMsMax)
    throw refuse(
      `to: ${iso(window.to)} is more than ${futureMsMax / 86_400_000} days ahead; windows of the future wait until they are due, but not that long.`,
      { field: 'to', value: iso(window.to), limit: iso(now + futureMsMax) },
    );
  const count = countWindows(window, job.alignMs);
  if (count > windowsMax)
    throw refuse(
      `from, to: ${count} windows of ${job.alignMs / 1_000} s are more than ${windowsMax} in one request (rollup.replay_windows_max); send several.`,
      { field: 'from', value: count, limit: windowsMax, setting: 'rollup.replay_windows_max' },
    );
}
