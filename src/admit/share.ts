import type { Clock } from '../lib/index.ts';

/** A tenant that was refused is taken to want more for so long; senders come again within a second or two. */
const waitingMs = 2_000;

/**
 * Bytes of requests in memory, shared among tenants: one alone may use all of it; while others wait nobody gets more than
 * an equal part.
 */
export class Share {
  total = 0;
  private readonly max: number;
  private readonly clock: Clock;
  private readonly used = new Map<string, number>();
  private readonly waitingUntil = new Map<string, number>();

  constructor(max: number, clock: Clock) {
    this.max = max;
    this.clock = clock;
  }

  /** False when there is no room for so many bytes of this tenant. */
  take(tenant: string, bytes: number): boolean {
    const now = this.clock.monotonic();
    const mine = this.used.get(tenant) ?? 0;
    // One request of each tenant is always let in, whatever its size: the body limit bounds it.
    if (mine > 0 && !this.fitsMore(tenant, mine, bytes, now)) {
      this.waitingUntil.set(tenant, now + waitingMs);
      return false;
    }
    this.used.set(tenant, mine + bytes);
    this.total += bytes;
    return true;
  }

  give(tenant: string, bytes: number): void {
    this.total -= bytes;
    const rest = (this.used.get(tenant) ?? 0) - bytes;
    if (rest > 0) this.used.set(tenant, rest);
    else this.used.delete(tenant);
  }

  private fitsMore(tenant: string, mine: number, bytes: number, now: number): boolean {
    if (this.total + bytes > this.max) return false;
    let others = 0;
    let waiting = false;
    for (const [other, until] of this.waitingUntil) {
      if (until <= now) this.waitingUntil.delete(other);
      else if (other !== tenant) {
        waiting = true;
        if (!this.used.has(other)) others += 1;
      }
    }
    if (!waiting) return true;
    for (const other of this.used.keys()) if (other !== tenant) others += 1;
    return mine + bytes <= this.max / (others + 1);
  }
}
