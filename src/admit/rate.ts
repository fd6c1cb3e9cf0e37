import { ClewError, type Clock } from '../lib/index.ts';

export interface RateLimits {
  /** 0: without limit. */
  bytesPerS: number;
  bytesBurst: number;
  recordsPerS: number;
  recordsBurst: number;
}

export interface Rates {
  /** Throws `overloaded` with the seconds until the tenant may send again. */
  check(tenant: string): void;
  /** What a request turned out to hold. */
  charge(tenant: string, bytes: number, records: number): void;
}

/** A wait longer than this is told as this: by then the sender has given up anyway. */
const retrySMax = 60;

/**
 * One bucket of bytes and one of records for each tenant. What a request holds is known only when it was read, so it is
 * let in while there is something in the bucket, and may draw it below zero: over time exactly the rate is let through.
 */
export function createRates(limits: RateLimits, clock: Clock): Rates {
  const buckets = new Map<string, { bytes: Bucket; records: Bucket }>();
  const of = (tenant: string) => {
    let found = buckets.get(tenant);
    if (found === undefined) {
      const now = clock.monotonic();
      found = {
        bytes: new Bucket(limits.bytesPerS, limits.bytesBurst, now),
        records: new Bucket(limits.recordsPerS, limits.recordsBurst, now),
      };
      buckets.set(tenant, found);
    }
    return found;
  };
  return {
    check(tenant) {
      if (limits.bytesPerS === 0 && limits.recordsPerS === 0) return;
      const { bytes, records } = of(tenant);
      const now = clock.monotonic();
      const waitMs = Math.max(bytes.waitMs(now), records.waitMs(now));
      if (waitMs <= 0) return;
      const isBytes = bytes.waitMs(now) >= records.waitMs(now);
      const [what, setting, limit] = isBytes
        ? ['bytes', 'limits.bytes_per_s', limits.bytesPerS]
        : ['records', 'limits.records_per_s', limits.recordsPerS];
      const retryS = Math.min(retrySMax, Math.ceil(waitMs / 1000));
      throw new ClewError(
        'overloaded',
        `The tenant ${tenant} sends more ${what} than ${setting} (${limit}) allows; try again in ${retryS} s.`,
        { details: { setting, limit, retry_after_s: retryS, reason: 'rate' } },
      );
    },
    charge(tenant, bytes, records) {
      if (limits.bytesPerS === 0 && limits.recordsPerS === 0) return;
      const found = of(tenant);
      const now = clock.monotonic();
      found.bytes.draw(bytes, now);
      found.records.draw(records, now);
    },
  };
}

class Bucket {
  private readonly perS: number;
  private readonly most: number;
  private filled: number;
  private at: number;

  constructor(perS: number, burst: number, nowMs: number) {
    this.perS = perS;
    // Without a burst of its own a second's worth may come at once.
    this.most = burst > 0 ? burst : perS;
    this.filled = this.most;
    this.at = nowMs;
  }

  /** Until something is in it again; 0 when something is. */
  waitMs(nowMs: number): number {
    if (this.perS === 0) return 0;
    this.fill(nowMs);
    return this.filled > 0 ? 0 : ((1 - this.filled) / this.perS) * 1000;
  }

  draw(amount: number, nowMs: number): void {
    if (this.perS === 0) return;
    this.fill(nowMs);
    this.filled -= amount;
  }

  private fill(nowMs: number): void {
    this.filled = Math.min(this.most, this.filled + ((nowMs - this.at) / 1000) * this.perS);
    this.at = nowMs;
  }
}
