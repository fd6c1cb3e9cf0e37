/** Streams whose rate is known; beyond it the one that was heard of the longest ago starts anew. */
const streamsMax = 10_000;

/** A token bucket for each stream: `perSecond` records, and `burst` at once. */
export class StreamLimit {
  private readonly perSecond: number;
  private readonly burst: number;
  private readonly buckets = new Map<string, { tokens: number; at: number }>();

  constructor(perSecond: number, burst: number) {
    this.perSecond = perSecond;
    this.burst = burst;
  }

  /** Whether one more record of the stream may pass at `nowMs` (a clock that never steps back). */
  allows(stream: string, nowMs: number): boolean {
    let bucket = this.buckets.get(stream);
    if (bucket === undefined) bucket = { tokens: this.burst, at: nowMs };
    else this.buckets.delete(stream);
    bucket.tokens = Math.min(this.burst, bucket.tokens + ((nowMs - bucket.at) / 1_000) * this.perSecond);
    bucket.at = nowMs;
    this.buckets.set(stream, bucket);
    if (this.buckets.size > streamsMax) {
      const [oldest = ''] = this.buckets.keys();
      this.buckets.delete(oldest);
    }
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
