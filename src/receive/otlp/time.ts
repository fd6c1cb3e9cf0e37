/** How a timestamp was treated. */
export type TimeFate = 'kept' | 'missing' | 'skewed';

/**
 * The clock-skew rule. A timestamp of zero, or further in the future than allowed, becomes the time of receipt.
 * The result stands in `low` and `high` (nanoseconds) until the next call.
 */
export class TimeRule {
  low = 0;
  high = 0;
  private nowLow = 0;
  private nowHigh = 0;
  private limitHigh = 0;
  private limitLow = 0;
  private readonly skewMs: number;

  constructor(skewS: number) {
    this.skewMs = skewS * 1000;
  }

  /** Called once a request. */
  receivedAt(nowMs: number): void {
    const now = BigInt(Math.floor(nowMs)) * 1_000_000n;
    const limit = now + BigInt(this.skewMs) * 1_000_000n;
    this.nowLow = Number(now & 0xffff_ffffn);
    this.nowHigh = Number(now >> 32n);
    this.limitLow = Number(limit & 0xffff_ffffn);
    this.limitHigh = Number(limit >> 32n);
  }

  apply(low: number, high: number): TimeFate {
    if (low === 0 && high === 0) {
      this.useNow();
      return 'missing';
    }
    if (high > this.limitHigh || (high === this.limitHigh && low > this.limitLow)) {
      this.useNow();
      return 'skewed';
    }
    this.low = low;
    this.high = high;
    return 'kept';
  }

  private useNow(): void {
    this.low = this.nowLow;
    this.high = this.nowHigh;
  }
}

/** Nanoseconds in halves to whole milliseconds, exact: every product stays below 2^53. */
export const millisecondsOf = (low: number, high: number): number =>
  high * 4294 + Math.floor((high * 967_296 + low) / 1_000_000);

/** Nanoseconds in halves as decimal text, for marks. */
export const nanosecondsText = (low: number, high: number): string =>
  ((BigInt(high) << 32n) | BigInt(low)).toString();
