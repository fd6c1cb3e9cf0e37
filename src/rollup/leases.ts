/** A running window of another worker, as the ledger shows it. */
export interface Held {
  runId: string;
  fence: string;
  beats: string;
}

/** Running windows watched; there are as many as workers, so this is far away. */
const watchedMax = 10_000;

/**
 * Tells which running windows belong to a dead worker: those whose heartbeat did not change for a lease's time on OUR
 * monotonic clock. Wall clocks may differ between machines or jump; a comparison of times would then let a window be
 * taken from a living worker, or a dead one keep it for hours.
 */
export class LeaseWatch {
  readonly #leaseMs: number;
  #seen = new Map<string, { state: string; since: number }>();

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /** What is held now, at `at` of the monotonic clock; answers with what nobody lives for. */
  observe(held: readonly Held[], at: number): Held[] {
    const seen = new Map<string, { state: string; since: number }>();
    const dead: Held[] = [];
    for (const run of held.slice(0, watchedMax)) {
      const state = `${run.fence}/${run.beats}`;
      const before = this.#seen.get(run.runId);
      const since = before?.state === state ? before.since : at;
      seen.set(run.runId, { state, since });
      if (at - since >= this.#leaseMs) dead.push(run);
    }
    this.#seen = seen;
    return dead;
  }
}
