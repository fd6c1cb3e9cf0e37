import { ClewError } from '../lib/index.ts';

/**
 * Why a window waits. `fresh`: one of the newest of the schedule; `late`: rows came after it was done; `catch_up`: the
 * schedule is behind; `replay`: somebody asked for it.
 */
export const windowClasses = ['fresh', 'late', 'catch_up', 'replay'] as const;
export type WindowClass = (typeof windowClasses)[number];

/** Lower goes first. Apart, so that a setting can put one between two others. */
export const defaultPriority: Record<WindowClass, number> = { fresh: 10, late: 20, catch_up: 30, replay: 40 };
const priorityMax = 1_000;

export type Priorities = (job: string, kind: WindowClass) => number;

/**
 * Reads `JOB.CLASS=N` entries, `*` for every job; a later entry wins over an earlier one. Throws `unprocessable` naming the
 * setting, the entry and what is allowed.
 */
export function readPriorities(entries: readonly string[], jobs: readonly string[]): Priorities {
  const given = new Map<string, number>();
  for (const entry of entries) {
    const [, job = '', kind = '', digits = ''] = /^([a-z0-9-]+|\*)\.([a-z_]+)=(\d{1,4})$/.exec(entry) ?? [];
    const refuse = (what: string) =>
      new ClewError('unprocessable', `rollup.priorities: "${entry}" ${what}.`, { details: { entry } });
    if (job === '') throw refuse('is not JOB.CLASS=NUMBER, as oo-agg.replay=5 or *.late=15');
    if (job !== '*' && !jobs.includes(job))
      throw refuse(`names a job that does not exist; known are ${jobs.join(', ')}`);
    if (!windowClasses.some((known) => known === kind))
      throw refuse(`names no class of windows; known are ${windowClasses.join(', ')}`);
    if (Number(digits) > priorityMax) throw refuse(`is more than ${priorityMax}`);
    for (const name of job === '*' ? jobs : [job]) given.set(`${name}.${kind}`, Number(digits));
  }
  return (job, kind) => given.get(`${job}.${kind}`) ?? defaultPriority[kind];
}
