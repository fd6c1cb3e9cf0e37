import type { Clock } from '../lib/index.ts';

/** A broken connection is found out within this; a process that was stopped reads what came meanwhile at once. */
const rememberedMs = 60_000;
/** Some 200 bytes each. */
const requestsMax = 16_384;

/** Requests that are being stored or were stored lately. */
export class Recent {
  private readonly clock: Clock;
  private readonly found = new Map<string, { stored: Promise<void>; until: number }>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  add(request: string, stored: Promise<void>): void {
    this.found.delete(request);
    this.found.set(request, { stored, until: this.clock.monotonic() + rememberedMs });
    const [oldest] = this.found.keys();
    if (this.found.size > requestsMax && oldest !== undefined) this.found.delete(oldest);
    stored.catch(() => {
      if (this.found.get(request)?.stored === stored) this.found.delete(request);
    });
  }

  /** Settles as its storing does; undefined where it is not known. */
  find(request: string): Promise<void> | undefined {
    const known = this.found.get(request);
    return known !== undefined && known.until > this.clock.monotonic() ? known.stored : undefined;
  }
}
