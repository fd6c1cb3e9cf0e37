import type { Clock } from '../lib/index.ts';

export interface Holding {
  runId: string;
  fence: string;
}

interface Kept extends Holding {
  abort: AbortController;
  /** When the last heartbeat that arrived was sent. */
  provenAt: number;
  endsAt: number;
}

export interface HeartOptions {
  clock: Clock;
  leaseMs: number;
  /** Longest run of one window; then it is given up, so that a hanging one does not keep a worker for ever. */
  runMsMax: number;
  /** Writes the heartbeat of all; answers with the ids of those that are still ours. */
  beat: (held: readonly Holding[]) => Promise<ReadonlySet<string>>;
}

/** A lease is renewed three times in its life, so that one lost heartbeat costs nothing. */
const beatsPerLease = 3;

export type LostReason = 'taken' | 'unproven' | 'too_long' | 'stopping';

/** Keeps the leases of the windows that this process runs, all with one statement. */
export class Heart {
  readonly #options: HeartOptions;
  readonly #kept = new Map<string, Kept>();
  #loop: Promise<void> | null = null;
  #idle = new AbortController();

  constructor(options: HeartOptions) {
    this.#options = options;
  }

  /** From now on the window's lease is kept. The signal aborts with a `LostReason` when it can't be. */
  hold(run: Holding, claimedAt: number): AbortSignal {
    const { clock, runMsMax } = this.#options;
    // A process that stood still may take up again what it held itself: its earlier run must not go on beside the new one.
    const earlier = this.#kept.get(run.runId);
    if (earlier) this.#lose(earlier, 'taken');
    const abort = new AbortController();
    this.#kept.set(run.runId, {
      ...run,
      abort,
      provenAt: claimedAt,
      endsAt: clock.monotonic() + runMsMax,
    });
    this.#loop ??= this.#run();
    return abort.signal;
  }

  release(run: Holding): void {
    if (this.#kept.get(run.runId)?.fence === run.fence) this.#kept.delete(run.runId);
    if (this.#kept.size === 0) this.#idle.abort();
  }

  /** Gives every window up, as the process stops. */
  abortAll(): Holding[] {
    const held = [...this.#kept.values()];
    for (const kept of held) this.#lose(kept, 'stopping');
    return held;
  }

  async #run(): Promise<void> {
    const { clock, leaseMs } = this.#options;
    while (this.#kept.size > 0) {
      this.#idle = new AbortController();
      await clock.sleep(leaseMs / beatsPerLease, this.#idle.signal);
      if (this.#kept.size > 0) await this.#beatOnce();
    }
    this.#loop = null;
  }

  async #beatOnce(): Promise<void> {
    const { clock, beat, leaseMs } = this.#options;
    const sentAt = clock.monotonic();
    const sent = [...this.#kept.values()];
    // A ledger that hangs is like one that refuses.
    const late = new AbortController();
    const ours = await Promise.race([
      beat(sent).catch(() => null),
      clock.sleep(leaseMs, late.signal).then(() => null),
    ]);
    late.abort();
    for (const kept of sent) {
      if (this.#kept.get(kept.runId) !== kept) continue;
      if (ours?.has(kept.runId)) kept.provenAt = sentAt;
      else if (ours !== null) this.#lose(kept, 'taken');
      // The ledger does not answer: others may have it as soon as our last proof is a lease old.
      else if (clock.monotonic() - kept.provenAt >= leaseMs) this.#lose(kept, 'unproven');
      if (clock.monotonic() >= kept.endsAt) this.#lose(kept, 'too_long');
    }
  }

  #lose(kept: Kept, reason: LostReason): void {
    this.#kept.delete(kept.runId);
    kept.abort.abort(reason);
  }
}
