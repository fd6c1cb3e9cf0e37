import type { Clock } from '../lib/index.ts';

/** The worst of so long is told. */
const windowMs = 10_000;

/** How long writes to the write-ahead log take, those included that have not come back yet. */
export class Commits {
  private readonly clock: Clock;
  private readonly open = new Set<{ since: number }>();
  private worst = 0;
  private worstBefore = 0;
  private turnedAt = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  async run(write: () => Promise<unknown>): Promise<void> {
    const mine = { since: this.clock.monotonic() };
    this.open.add(mine);
    try {
      await write();
    } finally {
      this.open.delete(mine);
      this.turn();
      this.worst = Math.max(this.worst, this.clock.monotonic() - mine.since);
    }
  }

  /** Milliseconds. */
  worstMs(): number {
    this.turn();
    const [oldest] = this.open;
    const hanging = oldest === undefined ? 0 : this.clock.monotonic() - oldest.since;
    return Math.max(this.worst, this.worstBefore, hanging);
  }

  private turn(): void {
    const now = this.clock.monotonic();
    const passed = now - this.turnedAt;
    if (passed < windowMs) return;
    this.worstBefore = passed < 2 * windowMs ? this.worst : 0;
    this.worst = 0;
    this.turnedAt = now;
  }
}
