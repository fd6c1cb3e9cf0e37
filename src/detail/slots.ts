import { ClewError } from '../lib/index.ts';

/** Runs at most `max` pieces of work at once; the others wait in order, at most `waitingMax` of them. */
export interface Slots {
  run<T>(work: () => Promise<T>): Promise<T>;
}

export function createSlots(max: number, waitingMax: number): Slots {
  let free = max;
  const waiting: (() => void)[] = [];

  const take = (): Promise<void> | undefined => {
    if (free > 0) {
      free -= 1;
      return undefined;
    }
    if (waiting.length >= waitingMax) {
      throw new ClewError('overloaded', `${waitingMax} queries are waiting already; try again later.`, {
        details: { waiting: waiting.length, limit: waitingMax },
      });
    }
    return new Promise((resolve) => waiting.push(resolve));
  };

  const give = () => {
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  };

  return {
    async run(work) {
      await take();
      try {
        return await work();
      } finally {
        give();
      }
    },
  };
}
