import { setTimeout as sleep } from 'node:timers/promises';

type Found<T> = Exclude<T, false | null | undefined>;

export interface Patience {
  /** After this long it is given up, by an error that names what was waited for. */
  withinMs?: number;
  everyMs?: number;
}

/** Looks until there is something: neither false, null nor undefined. What the look throws is thrown at once. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  { withinMs = 15_000, everyMs = 50 }: Patience = {},
): Promise<Found<T>> {
  const end = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== false && found !== null && found !== undefined) return found as Found<T>;
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(everyMs);
  }
}
