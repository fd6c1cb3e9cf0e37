import { ClewError } from '../lib/index.ts';
import type { Job } from './job.ts';

/** Jobs with those they wait for first. Throws when two have one name, or one waits for an unknown one or, through others, for itself. */
export function inOrder(jobs: readonly Job[]): Job[] {
  const ordered: Job[] = [];
  const path: string[] = [];
  const names = jobs.map((job) => job.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new ClewError('internal', `There are two jobs with the name ${twice}.`);
  const visit = (job: Job) => {
    if (ordered.includes(job)) return;
    if (path.includes(job.name)) {
      const circle = [...path.slice(path.indexOf(job.name)), job.name].join(' → ');
      throw new ClewError(
        'internal',
        `Job ${job.name} waits for itself: ${circle}. Take one name out of an after list.`,
      );
    }
    path.push(job.name);
    for (const name of job.after) {
      const before = jobs.find((candidate) => candidate.name === name);
      if (!before)
        throw new ClewError(
          'internal',
          `Job ${job.name} waits for ${name}, which does not exist; known are ${names.join(', ')}.`,
        );
      visit(before);
    }
    path.pop();
    ordered.push(job);
  };
  for (const job of jobs) visit(job);
  return ordered;
}
